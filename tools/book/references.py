"""The page of references, made of book/references.bib and of the lessons, which cite a work by its title in italics.

Why not sphinxcontrib-bibtex: its link to an entry is a label such as [Goodfellow et al., 2014] in place of the title,
which doubles what a lesson says in plain Markdown; and its entries lead back to citations on their own page only.
"""

from collections.abc import Mapping
from pathlib import Path

from pybtex.database import Entry, Person, parse_file

from tools.book.lessons import plain
from tools.lessons.source import Lesson

HEAD = """# References

{count} works stand behind the lessons. Each is followed by the lessons that cite it; there, its title leads back here.
"""


def read_bibliography(path: Path) -> dict[str, Entry]:
    """Return the entries of a BibTeX file by their keys."""
    return dict(parse_file(str(path), bib_format="bibtex").entries)


def titles(entries: Mapping[str, Entry]) -> dict[str, str]:
    """Return plain title -> key."""
    return {plain(entry.fields["title"]): key for key, entry in entries.items()}


def citing(entries: Mapping[str, Entry], lessons: list[Lesson]) -> dict[str, list[str]]:
    """Return key -> names of the lessons whose references hold its title in italics."""
    texts = {lesson.name: plain(_references(lesson)) for lesson in lessons}
    return {
        key: [name for name, text in texts.items() if f"*{plain(entry.fields['title'])}*" in text]
        for key, entry in entries.items()
    }


def _references(lesson: Lesson) -> str:
    return "\n".join(cell.text for cell in lesson.cells if cell.text.startswith("## References"))


def references_page(entries: Mapping[str, Entry], lessons: list[Lesson]) -> str:
    """Return the Markdown page, sorted by first author and year."""
    cited = citing(entries, lessons)
    page = HEAD.format(count=len(entries))
    for key, entry in sorted(entries.items(), key=lambda item: _order(item[1])):
        links = ", ".join(f"[{int(name[:2])}]({name}.ipynb)" for name in cited[key])
        # the target stands before a paragraph of its own
        page += f"\n(ref-{key})=\n{reference(entry)} Cited in lesson {links}.\n"
    return page


def _order(entry: Entry) -> tuple[str, str]:
    return " ".join(entry.persons["author"][0].last_names).lower(), entry.fields["year"]


def reference(entry: Entry) -> str:
    """Return one work as Markdown: authors, title, where, year.

    Example:
        >>> wilson = Entry("article", {"title": "{Inference}", "journal": "J", "volume": "22", "year": "1927"})
        >>> wilson.persons["author"] = [Person("Wilson, E. B.")]
        >>> reference(wilson)
        'E. B. Wilson. *Inference.* J 22, 1927.'
    """
    fields = entry.fields
    title = fields["title"].replace("{", "").replace("}", "")
    where = next((fields[k] for k in ("journal", "booktitle", "publisher", "institution") if k in fields), "")
    where = where or fields.get("howpublished", "")
    if "volume" in fields:
        where += f" {fields['volume']}"
    if "number" in fields:
        where += f" ({fields['number']})"
    if "eprint" in fields:
        where = f"{where}, arXiv {fields['eprint']}".removeprefix(", ")
    stop = "" if title[-1] in "?!" else "."
    return f"{_names(entry.persons['author'])}. *{title}{stop}* {where}, {fields['year']}.".replace("..", ".")


def _names(people: list[Person]) -> str:
    names = [" ".join([*p.first_names, *p.middle_names, *p.prelast_names, *p.last_names]) for p in people]
    return " et al.".join([", ".join(name for name in names if name != "others"), ""][: 2 if "others" in names else 1])
