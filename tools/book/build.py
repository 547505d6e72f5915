"""The executed notebooks and the pages of book/ go in; build/book/html, which opens without a server, comes out.

    python -m tools.book [--out DIR]

`make book` runs it. No notebook is executed again; a warning is an error. npm is asked once for two packages.
"""

import argparse
import html
import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import yaml

from mmgen_course.notebooks.register import LessonEntry, read_register
from mmgen_course.notebooks.run import ROOT
from tools.book.caption import write_scripts
from tools.book.explorers import draw_all, explorer_html, start
from tools.book.lessons import book_notebook, equation_id
from tools.book.references import citing, read_bibliography, references_page, titles
from tools.book.vendor import MATHJAX, VendorError, vendor
from tools.data_files import marks
from tools.lessons.build import Course, read_course

BOOK = ROOT / "book"
INSERTED = re.compile(r"<!-- insert (\S+) \"(.+?)\" -->")
# what lies elsewhere in the repository, and where it stands in the book
MOVED = {
    "../notebooks/": "",
    "notebooks/": "",
    "../data/README.md": "data.md",
    "data/README.md": "data.md",
    "book/": "",
    "data/overview.png": "overview.png",
    "../data/overview.png": "overview.png",
    "CONTRIBUTING.md": "instructor.md",
}


class BookError(Exception):
    """The book cannot be built; the message says why in a line."""


def stage(source: Path) -> None:
    """Write everything that the book is rendered from into the folder `source`."""
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(BOOK, source, ignore=shutil.ignore_patterns("__pycache__"))
    # what may have to be fetched comes first: where that fails, nobody waits for the explorers
    [mathjax] = vendor(MATHJAX)
    shutil.copy(mathjax, source / "_static" / "mathjax-tex-svg.js")
    # every page loads each script below _static, but those of _extra only where it names them
    write_scripts(source / "_extra", ROOT / "build" / "painter")
    course, register = read_course(ROOT / "notebooks" / "source"), read_register()
    (source / "_toc.yml").write_text(contents((BOOK / "_toc.yml").read_text(encoding="utf-8"), register), "utf-8")
    config, repository = published((BOOK / "_config.yml").read_text(encoding="utf-8"))
    (source / "_config.yml").write_text(config, encoding="utf-8")
    entries = read_bibliography(BOOK / "references.bib")
    if unused := [key for key, names in citing(entries, course.lessons).items() if not names]:
        raise BookError(f"references.bib: no lesson cites {', '.join(unused)}")
    for page in source.glob("*.md"):
        page.write_text(moved(inserted(page.read_text(encoding="utf-8"))), encoding="utf-8")
    _lessons(source, course, register, titles(entries), repository)
    pages = {"references.md": references_page(entries, course.lessons)}
    pages["data.md"], pages["models.md"] = data_pages((ROOT / "data" / "README.md").read_text(encoding="utf-8"))
    pages["equations.md"] = linked((source / "equations.md").read_text(encoding="utf-8"))
    for name, text in pages.items():
        (source / name).write_text(text, encoding="utf-8")
    for file in (ROOT / "data/registry.txt", ROOT / "data/overview.png", ROOT / "LICENSE", ROOT / "CITATION.cff"):
        shutil.copy(file, source / file.name)


def _lessons(
    source: Path, course: Course, register: list[LessonEntry], papers: dict[str, str], repository: str | None
) -> None:
    executed = {lesson.name: executed_notebook(lesson.name) for lesson in course.lessons}
    drawn = draw_all(executed, ROOT / "build" / "explorers")
    for lesson in course.lessons:
        notebook, folder = executed[lesson.name], f"_static/explorers/{lesson.name}"
        if len(notebook.cells) != len(lesson.cells):
            raise BookError(f"{lesson.name}.ipynb is not of its source; run `make notebooks` first")
        made = json.loads((drawn[lesson.name] / "frames.json").read_text(encoding="utf-8"))
        if html.escape(start(made)[1]) not in str(notebook.metadata.widgets):
            raise BookError(f"{lesson.name}: its explorer starts otherwise in the book: {start(made)[1]!r}")
        shutil.copytree(drawn[lesson.name], source / folder, ignore=shutil.ignore_patterns("*.json"))
        explorer = explorer_html(made, folder)
        nbformat.write(
            book_notebook(notebook, lesson, course.equations, papers, register, repository, explorer),
            source / f"{lesson.name}.ipynb",
        )


def executed_notebook(name: str) -> nbformat.NotebookNode:
    """Return the executed notebook of a lesson, with its exercises done where it has some."""
    solved = ROOT / "notebooks" / "solutions" / f"{name}.ipynb"
    return nbformat.read(solved if solved.exists() else ROOT / "notebooks" / f"{name}.ipynb", as_version=4)


def inserted(text: str, root: Path = ROOT) -> str:
    """Put the section of a document in place of each `<!-- insert FILE "its heading" -->`; one text, two readers."""

    def section(place: re.Match[str]) -> str:
        document = (root / place[1]).read_text(encoding="utf-8")
        begin, end = re.escape(place[2]), r"(?=^## |^\*\*[A-Z]|\Z)"
        found = re.search(rf"^(?:## {begin}\n+|\*\*{begin}\*\* )(.*?){end}", document, re.MULTILINE | re.DOTALL)
        if found is None:
            raise BookError(f"{place[1]} has no section {place[2]!r}")
        return found[1].strip()

    return INSERTED.sub(section, text)


def moved(text: str) -> str:
    """Let links that are right in the repository be right in the book.

    Example:
        >>> moved("[5](../notebooks/05_attention.ipynb) [data](data/README.md)")
        '[5](05_attention.ipynb) [data](data.md)'
    """
    for there in sorted(MOVED, key=len, reverse=True):
        text = text.replace(f"]({there}", f"]({MOVED[there]}")
    return text


def linked(ledger: str) -> str:
    """Make a link to its lesson of each number in the ledger.

    Example:
        >>> linked("| 7.6 | $a$ |")
        '| [7.6](#eq-7-6) | $a$ |'
    """
    return re.sub(r"^\| (\d+\.\d+) \|", lambda row: f"| [{row[1]}](#{equation_id(row[1])}) |", ledger, flags=re.M)


def data_pages(card: str) -> tuple[str, str]:
    """Part the data card into the book's page of data and its page of models, which tools/ship.py writes there."""
    begin, end = marks("ship.py")
    before, models, after = re.split(f"{re.escape(begin)}|{re.escape(end)}", card)
    data = f"{before}Each model's numbers stand on [its card](models.md).{after}"
    page = "# Model cards\n\nEvery model that ships was trained by a command of the course, on what the course itself "
    page += "generates: what it is for, how it was made, and what it then measured. Shares are of 1; an attribute is "
    page += "counted once an object. Limits stand in the [data card](data.md).\n"
    return data, page + re.sub("^###", "##", models, flags=re.MULTILINE)


def contents(toc: str, register: list[LessonEntry]) -> str:
    """Return the book's contents, with the lessons of the register in their place.

    Example:
        >>> gan = LessonEntry("07_gan", "GAN", "Generator", "GAN")
        >>> contents("parts: [{caption: Lessons, chapters: []}]", [gan])
        'parts:\\n- caption: Lessons\\n  chapters:\\n  - file: 07_gan\\n'
    """
    table = yaml.safe_load(toc)
    [lessons] = [part for part in table["parts"] if part.get("caption") == "Lessons"]
    lessons["chapters"] = [{"file": entry.name} for entry in register if not entry.to_come]
    return yaml.safe_dump(table, sort_keys=False)


def published(config: str) -> tuple[str, str | None]:
    """Return the configuration to render with, and the address where the course is published.

    As long as the address has OWNER in it, there is none: not for our links, and not for the theme's.

    Example:
        >>> published("repository: {url: https://github.com/OWNER/course}")
        ('{}\\n', None)
        >>> published("repository: {url: https://github.com/us/course}")[1]
        'https://github.com/us/course'
    """
    options = yaml.safe_load(config)
    address = options["repository"]["url"]
    if "OWNER" in address:
        del options["repository"]
        return yaml.safe_dump(options, sort_keys=False), None
    return config, address


def render(source: Path, out: Path) -> None:
    """Render the staged book into `out`/html; raise BookError with what was said at the first warning."""
    program = "from jupyter_book.cli.main import main; main()"  # it has no __main__
    options = ["build", str(source), "--path-output", str(out), "--warningiserror", "--keep-going", "--quiet"]
    built = out / "_build" / "html"
    shutil.rmtree(built / "_static", ignore_errors=True)  # of an earlier book; all of it is copied each time
    done = subprocess.run([sys.executable, "-c", program, *options], capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    if done.returncode or "WARNING" in said:
        raise BookError(f"jupyter-book is not content:\n{said[-4000:]}")
    shutil.rmtree(out / "html", ignore_errors=True)
    shutil.copytree(built, out / "html", ignore=shutil.ignore_patterns(".buildinfo", ".doctrees", "objects.inv"))


def main(arguments: list[str] | None = None) -> None:
    """Build the book; exit 1 with the reason where that fails."""
    parser = argparse.ArgumentParser(description="Build the book from the executed notebooks.")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "book", help="folder; pages go into its html/")
    out = parser.parse_args(arguments).out.resolve()
    start = time.monotonic()
    try:
        stage(out / "source")
        render(out / "source", out)
    except (BookError, VendorError) as error:
        sys.exit(f"book: {error}")
    print(f"book: open {out / 'html' / 'index.html'} (made in {time.monotonic() - start:.0f} s)")


if __name__ == "__main__":
    main()
