"""Each page in a browser, and for readers who do not see, see few colours, or use no mouse: what axe-core says of it.

axe-core (`vendor` fetches it, the book has none of it) runs in Chromium on the pages as a reader has them: light,
dark and narrow, every fold open, every formula drawn.
"""

import hashlib
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page
from rendered import LESSONS, Built

from mmgen_course.show import PALETTE
from tools.book.vendor import AXE, vendor

WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 400, "height": 900}
LEVEL_AA = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
NEVER = ("serious", "critical")
# so that nothing is left out: folds are open, and explorers look as after a sentence that they refuse
OPEN = """() => {
    document.querySelectorAll("details").forEach((fold) => { fold.open = true; });
    document.querySelectorAll("figure.explorer [role=status]").forEach((said) => said.classList.add("refused"));
}"""
# what looks alike is asked once: axe needs seconds for the strokes of drawn letters, which nobody hears, and for the
# contrast of each word of code, which is coloured by its kind
ONCE = """() => {
    document.querySelectorAll("mjx-container svg").forEach((drawing) => drawing.replaceChildren());
    const seen = new Set();
    document.querySelectorAll("pre span[class]:not(:has(*))").forEach((word) => {
        const kind = `${word.closest("div.cell_output, div.cell_input, div")?.className} ${word.className}`;
        if (seen.has(kind)) word.replaceWith(word.textContent);
        seen.add(kind);
    });
}"""
SETTLED = """() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))
    .then(() => Promise.all(document.getAnimations().map((moving) => moving.finished)))
    .then(() => null)"""
# Machado, Oliveira and Fernandes (2009), severity 1: linear RGB as seen by people without one kind of cone
LACKING = {
    "long waves": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "middle waves": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "short waves": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


@pytest.fixture(scope="module")
def folder(built: Built) -> Path:
    return built.folder


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    opened = browser.new_page(viewport=WIDE, reduced_motion="reduce")
    yield opened
    opened.close()


def opened(page: Page, file: Path) -> None:
    """Let the page show a file, with every formula drawn."""
    page.goto(file.as_uri())
    if page.locator(".math").count():
        page.wait_for_function("window.MathJax && MathJax.startup && MathJax.startup.promise")
        page.evaluate("MathJax.startup.promise.then(() => null)")


def complaints(page: Page, **options: Any) -> list[str]:
    """What axe finds on the page as it is, by the rules of WCAG 2.1 AA: impact, rule, element, reason."""
    page.evaluate(SETTLED)
    asked = {"runOnly": {"type": "tag", "values": LEVEL_AA}, "resultTypes": ["violations", "incomplete"]}
    asked |= {"preload": False, **options}  # it may not read style sheets of files, and says so on the console
    result = page.evaluate("(asked) => axe.run(document, asked)", asked)
    found = [
        (broken, node)
        for outcome in ("violations", "incomplete")
        for broken in result[outcome]
        for node in broken["nodes"]
        if (broken["impact"] in NEVER if outcome == "violations" else invisible(node))
    ]
    return [
        f"{broken['impact']} {broken['id']}: {node['html'][:200]}: {node['failureSummary'].splitlines()[1].strip()}"
        for broken, node in found
    ]


def invisible(node: dict[str, Any]) -> bool:
    """Whether a text has the colour of what is behind it, of which axe only says that somebody should look."""
    return any((check["data"] or {}).get("messageKey") == "equalRatio" for check in node["any"])


@dataclass(frozen=True)
class Drawn:
    """What one visit to a page, which draws every formula of it, has to say.

    Attributes:
        noise: errors and warnings of the browser, and requests that failed or left this machine.
        undrawn: formulas that MathJax cannot read.
        overhang: pixels by which the page is wider than a narrow window.
        complaints: of axe, on the page light, dark and narrow.
        formulas: of each whether its drawing is hidden from a screen reader, what is heard instead, and "block" where
            it stands by itself.
        places: for formulas, in the file.
    """

    noise: list[str]
    undrawn: int
    overhang: int
    complaints: list[str]
    formulas: list[tuple[str, str, str]]
    places: int


@pytest.fixture(scope="module")
def visits(folder: Path, browser: Browser) -> dict[Path, Drawn]:
    """Every page of the book, visited once."""
    [axe] = vendor(AXE)
    page = browser.new_page(reduced_motion="reduce")
    noise: list[str] = []
    page.on("console", lambda said: noise.append(said.text) if said.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: noise.append(str(error)))
    page.on("requestfailed", lambda request: noise.append(f"failed: {request.url}"))
    page.on("request", lambda request: noise.append(request.url) if request.url.startswith("http") else None)
    found = {}
    for file in sorted(folder.glob("*.html")):
        noise.clear()
        page.emulate_media(color_scheme="light")
        page.set_viewport_size(NARROW)
        opened(page, file)
        undrawn = page.locator("[data-mjx-error]").count()
        overhang = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        heard = noise.copy()  # axe has not begun
        page.set_viewport_size(WIDE)
        formulas = page.locator("mjx-container").evaluate_all(
            """(drawn) => drawn.map((formula) => [
                formula.querySelector("svg").getAttribute("aria-hidden"),
                formula.querySelector("mjx-assistive-mml > math")?.textContent.trim(),
                formula.querySelector("math")?.getAttribute("display"),
            ])"""
        )
        places = page.locator(".math").count()
        page.evaluate(axe.read_text(encoding="utf-8"))
        page.evaluate(OPEN)
        page.evaluate(ONCE)
        said = [f"light: {complaint}" for complaint in complaints(page)]
        page.emulate_media(color_scheme="dark")
        page.wait_for_selector("html[data-theme=dark]")
        said += [f"dark: {complaint}" for complaint in complaints(page)]
        page.set_viewport_size(NARROW)
        colours = {"color-contrast": {"enabled": False}}  # as on a wide page
        said += [f"narrow: {complaint}" for complaint in complaints(page, rules=colours)]
        found[file] = Drawn(heard, undrawn, overhang, said, formulas, places)
    page.close()
    assert found
    return found


def test_pages_stay_quiet_and_local_in_a_browser_and_draw_every_formula(visits: dict[Path, Drawn]) -> None:
    for file, visit in visits.items():
        assert (r"\(" in file.read_text(encoding="utf-8")) <= (visit.places > 0), file.name
        assert len(visit.formulas) == visit.places, file.name
        assert visit.undrawn == 0, file.name
        assert visit.overhang <= 0, f"{file.name} is too wide"
        assert not visit.noise, file.name


def test_axe_has_nothing_serious_against_any_page_light_dark_or_narrow(visits: dict[Path, Drawn]) -> None:
    said = [f"{file.name}, {complaint}" for file, visit in visits.items() for complaint in visit.complaints]
    assert not said, "\n".join(said)


def test_axe_is_heard_where_a_page_is_wrong(folder: Path, page: Page) -> None:
    [axe] = vendor(AXE)
    opened(page, folder / "index.html")
    page.evaluate(axe.read_text(encoding="utf-8"))
    wrong = "<img src='overview.png'><select></select><p style='background: red; color: red'>red on red</p>"
    page.evaluate("(wrong) => document.querySelector('article').insertAdjacentHTML('beforeend', wrong)", wrong)
    found = [complaint.split(":")[0] for complaint in complaints(page)]
    assert sorted(found) == ["critical image-alt", "critical select-name", "serious color-contrast"]


def test_each_formula_is_there_for_a_screen_reader_and_its_drawing_is_not(visits: dict[Path, Drawn]) -> None:
    for file, visit in visits.items():
        assert len(visit.formulas) == visit.places, file.name
        assert all(hidden == "true" and words for hidden, words, _ in visit.formulas), file.name
        # each equation is heard with its number
        written = re.findall(r"\\tag\{([\d.]+)\}", file.read_text(encoding="utf-8"))
        displayed = [words for _, words, display in visit.formulas if display == "block"]
        assert [number for words in displayed for number in re.findall(r"^\((\d+\.\d+)\)", words)] == written, file.name


class CaptionedScenes(HTMLParser):
    """Every picture, sound and film of a page, with the words that stand for it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag in {"img", "audio", "video"}:
            words = values.get("alt" if tag == "img" else "aria-label", "")
            self.found.append((values.get("src", f"a {tag}"), " ".join(words.split())))


def test_every_picture_and_sound_has_words_of_its_own(folder: Path) -> None:
    for file in sorted(folder.glob("*.html")):
        stands_for: dict[str, str] = {}
        found = CaptionedScenes(file.read_text(encoding="utf-8")).found
        assert len(found) >= 3 * (file.stem in LESSONS), file.name
        for source, words in found:
            assert len(words.split()) >= 3, f"{file.name}: {source[:80]} is described as {words!r}"
            assert not re.search(r"\.(png|webp|svg|jpe?g|gif|wav|mp[34])$", words), (
                f"{file.name}: {words!r} is a file name"
            )
            shown = source if source.startswith("data:") else (file.parent / source).read_bytes().hex()
            content = hashlib.sha256(shown.encode()).hexdigest()
            assert stands_for.setdefault(words, content) == content, f"{file.name}: two pictures are {words!r}"


@pytest.mark.parametrize("tag", ["<img src='a.png'>", "<img src='a.png' alt=''>", "<audio src='a.wav' title='a tone'>"])
def test_a_picture_or_sound_without_words_is_seen_as_such(tag: str) -> None:
    [(_, words)] = CaptionedScenes(f"<p>{tag}</p>").found
    assert not words


# between them they have each kind of control that the explorers use
@pytest.mark.parametrize("name", ["00_welcome", "01_images"])
def test_explorers_are_worked_with_the_keyboard_alone(folder: Path, page: Page, name: str) -> None:
    opened(page, folder / f"{name}.html")
    explorer = page.locator("figure.explorer")
    picture = explorer.locator("img")
    assert picture.get_attribute("alt") in unescape((folder / f"{name}.html").read_text(encoding="utf-8"))
    explorer.locator("figcaption").click()  # the next stop of Tab is after it
    for control in explorer.locator("input, select").all():
        page.keyboard.press("Tab")
        assert control.evaluate("(control) => control === document.activeElement"), "it is not the next stop of Tab"
        outline = control.evaluate("(control) => getComputedStyle(control).outlineStyle")
        assert outline != "none", "nobody sees that it has the focus"
        before = picture.get_attribute("src"), picture.get_attribute("alt")
        kind = control.evaluate("(control) => control.type")
        page.keyboard.press({"checkbox": "Space", "range": "ArrowLeft"}.get(kind, "ArrowDown"))
        after = picture.get_attribute("src"), picture.get_attribute("alt")
        assert before[0] != after[0], kind
        assert before[1] != after[1], kind
        assert control.evaluate("(control) => control.labels[0].innerText.trim() !== ''")


def test_tab_stops_at_what_scrolls_and_not_at_formulas(folder: Path, page: Page) -> None:
    page.set_viewport_size(NARROW)
    opened(page, folder / "05_attention.html")
    assert page.locator("mjx-container[tabindex='0']").count() == 0
    code = page.locator("div.cell_input pre:visible").evaluate_all(
        "(cells) => cells.map((cell) => [cell.scrollWidth > cell.clientWidth, cell.tabIndex === 0])"
    )
    assert {wide for wide, _ in code} == {True, False}
    assert all(wide == stop for wide, stop in code)
    page.locator("div.cell_input pre[tabindex='0']:visible").first.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.activeElement.scrollLeft > 0")


def seen(colour: str, matrix: np.ndarray) -> np.ndarray:
    """A colour such as #0072B2 as an eye with `matrix` sees it, in CIELAB (D65)."""
    coded = np.array([int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)])
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array(
        [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    )
    xyz = to_xyz @ np.clip(matrix @ linear, 0, 1) / [0.95047, 1, 1.08883]
    root = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz * (29 / 6) ** 2 / 3 + 4 / 29)
    return np.array([116 * root[1] - 16, 500 * (root[0] - root[1]), 200 * (root[1] - root[2])])


def nearest(colours: list[str]) -> float:
    """How far the two colours that are most alike are apart (CIE76), for the eye that tells them apart worst."""
    eyes = [np.array(matrix) for matrix in LACKING.values()]
    pairs = itertools.combinations(colours, 2)
    return min(float(np.linalg.norm(seen(a, eye) - seen(b, eye))) for a, b in pairs for eye in eyes)


def test_any_two_colours_of_the_palette_differ_for_colour_blind_readers() -> None:
    assert nearest(PALETTE) > 15
    assert nearest(["#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd"]) < 5  # the ones that matplotlib begins with
