"""The book: built from the notebooks, whole, true to them, and readable from a folder without server or network."""

import html
import re
import tomllib
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from playwright.sync_api import Browser
from rendered import LESSONS, ROOT, Built, Page

from mmgen_course.data import ROOT as DATA
from mmgen_course.notebooks.register import read_register
from mmgen_course.recipes import RECIPES
from tools.book import build as build_book
from tools.book import caption as book_caption
from tools.book.build import executed_notebook
from tools.book.lessons import launch, plain
from tools.book.references import citing, read_bibliography
from tools.book.vendor import MATHJAX, ONNX_RUNTIME, Package, VendorError, unpack, vendor
from tools.lessons.equations import REFERENCE
from tools.lessons.ledger import read_lessons

SOURCES = {lesson.name: lesson for lesson in read_lessons()}
ENTRIES = read_bibliography(ROOT / "book/references.bib")
# what a lesson names among its references that is no publication
NO_PUBLICATION = ("scikit-learn", "torchtext 0.6.0", "pull request 1965")


def test_every_lesson_has_a_page_between_its_neighbours(built: Built) -> None:
    for before, name, after in zip(["draw", *LESSONS], LESSONS, [*LESSONS[1:], "glossary"], strict=False):
        neighbours = re.findall(r'class="(left|right)-(?:prev|next)"\s+href="(\w+)\.html"', built.pages[name].text)
        assert dict(neighbours) == {"left": before, "right": after}, name


def test_each_lesson_is_on_the_map_and_marked_there_alone(built: Built) -> None:
    for name in LESSONS:
        [shown] = re.findall(r'<nav class="flow".*?</nav>', built.pages[name].text, re.DOTALL)
        assert re.findall(r'<a href="(\w+)\.html"', shown) == LESSONS
        to_come = [f"{entry.number} {entry.label}, to come" for entry in read_register() if entry.to_come]
        assert re.findall(r"<em>(.*?)</em>", shown) == to_come
        marked = re.findall(r'<a href="(\w+)\.html" aria-current="page">', built.pages[name].text)
        assert marked == [name]


def test_no_page_loads_anything_from_a_network(built: Built) -> None:
    for name, page in built.pages.items():
        assert page.loads
        assert not [file for file in page.loads if re.match(r"(?:https?:)?//", file)], name
    for style in built.folder.rglob("*.css"):
        assert not re.search(r"(?:url\(|@import )[\"']?(?:https?:)?//", style.read_text(encoding="utf-8")), style


@pytest.mark.parametrize("name", LESSONS)
def test_equations_have_the_numbers_of_the_notebook(built: Built, name: str) -> None:
    made = executed_notebook(name)
    numbers = re.findall(r"\\tag\{([\d.]+)\}", "".join(c.source for c in made.cells if c.cell_type == "markdown"))
    assert sorted(numbers) == sorted(made.metadata.mmgen.equations.values())
    equation = r'<div class="math[^"]*" id="([\w-]+)">\s*\\\[.*?\\tag\{([\d.]+)\}'
    shown = re.findall(equation, built.pages[name].text, re.DOTALL)
    assert shown == [(f"eq-{number.replace('.', '-')}", number) for number in numbers]
    assert built.pages[name].text.count(r"\tag{") == len(numbers)


@pytest.mark.parametrize("name", LESSONS)
def test_every_reference_to_an_equation_is_a_link_to_it(built: Built, name: str) -> None:
    cells = [cell.text for cell in SOURCES[name].cells if cell.kind == "markdown"]
    references = sum(len(REFERENCE.findall(text)) for text in cells)
    link = r'href="(?:(\w+)\.html)?#eq-(\d+)-(\d+)"[^>]*>(?:<span[^>]*>)?\((\d+)\.(\d+)\)'
    links = re.findall(link, built.pages[name].text)
    assert len(links) == references
    for page, *numbers in links:
        assert numbers[:2] == numbers[2:]
        assert int((page or name)[:2]) == int(numbers[0])


def test_every_link_inside_the_book_leads_somewhere(built: Built) -> None:
    for name, page in built.pages.items():
        for link in page.links + page.loads:
            parts = urlsplit(link)
            if parts.scheme in {"https", "http", "mailto", "data"}:
                continue
            target = (built.folder / unquote(parts.path)).resolve() if parts.path else page.path
            assert target.exists(), f"{name}: {link}"
            if parts.fragment and target.suffix == ".html":
                assert unquote(parts.fragment) in built.pages[target.stem].ids | {"", "top"}, f"{name}: {link}"


@pytest.mark.parametrize("name", LESSONS)
def test_each_solution_is_folded_and_each_explorer_shows_how_it_starts(built: Built, name: str) -> None:
    cells = [cell for cell in executed_notebook(name).cells if cell.cell_type == "code"]
    text = built.pages[name].text
    solutions = [cell for cell in cells if cell.metadata.get("nbgrader", {}).get("solution")]
    assert text.count("Show the solution") == len(solutions)
    folded = [cell for cell in cells if "hide-input" in cell.metadata.get("tags", [])]
    assert len(re.findall(r'<details class="[^"]*hide[^"]*input[^"]*">', text)) == len(folded)
    assert all(cell in folded for cell in solutions)
    explorers = sum("application/vnd.jupyter.widget-view+json" in str(cell.outputs) for cell in cells)
    figures = re.findall(r'<figure class="explorer"[^>]*>.*?</figure>', text, re.DOTALL)
    assert len(figures) == explorers == 1
    assert "<img" in figures[0]
    assert 'class="control"' in figures[0]


def test_a_course_that_is_not_published_has_no_link_to_where_it_could_be_run_or_read(built: Built) -> None:
    """For one that is, `launch` and `published` have examples, and the test after this."""
    assert build_book.published((ROOT / "book/_config.yml").read_text())[1] is None
    for name, page in built.pages.items():
        assert not re.search(r"OWNER|colab\b|mybinder|Binder\b", page.text), name


def test_a_course_that_is_published_has_them() -> None:
    config = (ROOT / "book/_config.yml").read_text().replace("OWNER", "somebody")
    rendered, address = build_book.published(config)
    assert (rendered, address) == (config, "https://github.com/somebody/mmgen-course")
    text = launch("07_gan", address)
    links = re.findall(r'href="(https:[^"]+)"', text)
    place = "notebooks/07_gan.ipynb"
    assert links == [
        f"https://mybinder.org/v2/gh/somebody/mmgen-course/main?urlpath=lab/tree/{place}",
        f"https://colab.research.google.com/github/somebody/mmgen-course/blob/main/{place}",
    ]
    assert "<code>%pip install git+https://github.com/somebody/mmgen-course</code>" in text


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_leads_on_to_the_next_and_to_the_glossary(built: Built, name: str) -> None:
    text = "\n".join(cell.text for cell in SOURCES[name].cells if cell.kind == "markdown")
    said = re.findall(r"^Next: \*\*(\d+)\.", text, re.MULTILINE)
    after = [entry.name for entry in read_register() if not entry.to_come and str(entry.number) in said]
    links = re.findall(r'Next: <a class="[^"]*" href="(\w+)\.html"><[^>]*><strong>', built.pages[name].text)
    assert links == after
    assert len(links) == text.count("Next: ")
    assert set(links) <= {LESSONS[(LESSONS.index(name) + 1) % len(LESSONS)]}
    assert '<a href="glossary.html">glossary</a>' in built.pages[name].text


def test_a_model_s_card_stands_on_one_page_with_what_the_model_is_for(built: Built) -> None:
    texts = {name: _plain_text(page) for name, page in built.pages.items()}
    assert [name for name, text in texts.items() if "made by mmgen train recogniser --steps" in text] == ["models"]
    for recipe in RECIPES.values():
        if (DATA / recipe.file).exists():
            assert f"{recipe.name}: {recipe.file}" in texts["models"]
            assert _as_said(recipe.about)[1:] in texts["models"]


def _plain_text(page: Page) -> str:
    """What a page says, in straight quotes and single spaces."""
    return _as_said(html.unescape(re.sub(r"<[^>]+>", "", page.text)))


def _as_said(text: str) -> str:
    for curly, straight in {"\u2019": "'", "\u2018": "'", "\u201c": '"', "\u201d": '"'}.items():
        text = text.replace(curly, straight)
    return " ".join(text.replace("`", "").split())


def test_search_finds_a_lesson_without_a_server(built: Built, browser: Browser) -> None:
    page = browser.new_page()
    page.goto((built.folder / "search.html").as_uri() + "?q=softmax")
    page.locator("ul.search li a", has_text="5. Attention").wait_for(timeout=120_000)


def test_a_lesson_and_the_bibliography_cite_the_same_works() -> None:
    cited = citing(ENTRIES, list(SOURCES.values()))
    for name, lesson in SOURCES.items():
        text = next(cell.text for cell in lesson.cells if cell.text.startswith("## References"))
        items = [" ".join(item.split("\n\n")[0].split()) for item in text.split("\n- ")[1:]]
        here = [ENTRIES[key] for key, names in cited.items() if name in names]
        for item in items:
            works = [entry for entry in here if plain(entry.fields["title"]) in plain(item)]
            assert works or any(known in item for known in NO_PUBLICATION), item
            for work in works:
                assert work.persons["author"][0].last_names[-1] in item
                assert work.fields["year"] in item
    assert all(cited.values())


def test_each_term_of_the_glossary_stands_in_the_lesson_that_it_names() -> None:
    text = (ROOT / "book/glossary.md").read_text()
    terms = re.findall(r"^(\w[^\n]*)\n: (.*?)\[(\d+)\]\(\.\./notebooks/(\w+)\.ipynb\)$", text, re.MULTILINE | re.DOTALL)
    assert len(terms) == text.count("\n: ")
    assert 40 <= len(terms) <= 120
    assert [term.lower() for term, *_ in terms] == sorted(term.lower() for term, *_ in terms)
    for term, meaning, number, name in terms:
        assert int(number) == int(name[:2])
        assert 15 < len(meaning) < 250
        text = " ".join(" ".join(cell.text for cell in SOURCES[name].cells).lower().split())
        assert term.lower() in text, f"{term}: not in {name}"


@pytest.mark.parametrize("package", [MATHJAX, ONNX_RUNTIME], ids=lambda package: package.name)
def test_an_archive_with_another_hash_is_refused(package: Package, tmp_path: Path) -> None:
    (tmp_path / "archive.tgz").write_bytes(b"something else")
    with pytest.raises(VendorError, match=rf"sha256.*{package.sha256}"):
        unpack(tmp_path / "archive.tgz", package, tmp_path / "files")
    assert not (tmp_path / "files").exists()


@pytest.mark.parametrize(
    ("package", "named"), [(MATHJAX, r"mathjax@3\.2\.2"), (ONNX_RUNTIME, r"onnxruntime-web@1\.30\.0")]
)
def test_without_npm_one_line_says_what_is_missing(
    package: Package, named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(VendorError, match=rf"^npm is not on this machine.*{named}$"):
        vendor(package, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("missing", [MATHJAX, ONNX_RUNTIME], ids=lambda package: package.name)
def test_what_cannot_be_fetched_is_told_before_anything_is_drawn(
    missing: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetched(package: Package) -> list[Path]:
        if package is missing:
            raise VendorError(f"no {package.name}")
        files = [tmp_path / Path(file).name for file in package.files]
        for file in files:
            file.touch()
        return files

    for module in (build_book, book_caption):
        monkeypatch.setattr(module, "vendor", fetched)
    monkeypatch.setattr(build_book, "draw_all", lambda *_: pytest.fail("drawn"))
    monkeypatch.setattr(book_caption, "decoder", lambda _: pytest.fail("exported"))
    with pytest.raises(VendorError, match=missing.name):
        build_book.stage(tmp_path / "source")


def test_a_section_that_a_page_inserts_must_exist() -> None:
    assert "escape tests" in build_book.inserted('<!-- insert README.md "Teach with it" -->')
    with pytest.raises(build_book.BookError, match="No such thing"):
        build_book.inserted('<!-- insert README.md "No such thing" -->')


def test_the_citation_names_the_version_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert str(citation["version"]) == project["version"]
    assert citation["license"] == [project["license"], "CC-BY-4.0"]  # of the code, and of text and figures
    assert citation["cff-version"] == "1.2.0"
    assert citation["authors"]
