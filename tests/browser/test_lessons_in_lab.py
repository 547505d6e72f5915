"""The lessons as a learner meets them: JupyterLab, a browser, a mouse and a keyboard, a window wide and narrow."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from labserver import LAPTOP, LESSONS, NARROW, Lab, contrast, darken, serve
from playwright.sync_api import Browser, Locator, Page, WebSocket, expect

MINUTE = 60_000
CONTROLS = "input, select, textarea, [role=slider], button"
FIGURES = ".jp-RenderedImage, .widget-vbox"
SENTENCE = "a large red star above a small blue square"  # known to each explorer with a line to type in
# where one step changes nothing that is shown: the rarest word of the vocabulary is not in the sentence
KEYS = {("02_text", "words"): "Home"}
# tqdm's bars are not the course's to shape: in a column of 190 pixels they scroll
TOO_WIDE = """outputs => outputs.flatMap(output => [output, ...output.querySelectorAll(".lm-Widget")])
    .filter(part => part.scrollWidth - part.clientWidth > 1 && !part.closest(".widget-hbox:has(.widget-hprogress)"))
    .map(part => `${part.className}: ${part.scrollWidth} > ${part.clientWidth}: ${part.innerText}`)"""


@dataclass(frozen=True)
class Lesson:
    """A lesson on a page, all its cells run; `errors` grows with each message of an error from the kernel."""

    name: str
    path: Path
    page: Page
    errors: list[str]

    @property
    def explorer(self) -> Locator:
        return self.page.locator(".jp-OutputArea-output .widget-vbox").filter(has=self.page.locator(CONTROLS))


@pytest.fixture(scope="module", params=[path.stem for path in sorted(LESSONS.glob("*.ipynb"))])
def lesson(
    request: pytest.FixtureRequest, browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Lesson]:
    """Each lesson once, for all tests of this file: to run it takes its time."""
    with serve(tmp_path_factory.mktemp(request.param)) as lab:
        page = browser.new_page(viewport=LAPTOP)
        errors: list[str] = []
        page.on("websocket", lambda socket: listen(socket, errors))
        run_all(page, lab, f"{request.param}.ipynb")
        yield Lesson(request.param, lab.folder / f"{request.param}.ipynb", page, errors)
        page.close()


def listen(socket: WebSocket, errors: list[str]) -> None:
    """Collect the errors that a kernel reports; of those in a widget's function the page shows nothing."""

    def keep(payload: str | bytes) -> None:
        said = payload if isinstance(payload, str) else payload.decode(errors="replace")
        errors.extend(re.findall(r'"ename": ?"[^"]+", ?"evalue": ?"[^"]*"', said))

    socket.on("framereceived", keep)


def run_all(page: Page, lab: Lab, notebook: str) -> None:
    """Open a notebook and run all its cells from the menu; return when the last has its number."""
    cells = code_cells(lab.folder / notebook)
    page.goto(lab.address(notebook))
    expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible(timeout=2 * MINUTE)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    expect(page.get_by_text(f"[{len(cells)}]:", exact=True)).to_be_attached(timeout=3 * MINUTE)


def code_cells(path: Path) -> list[dict]:
    return [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]


def photograph(lesson: Lesson, folder: Path, kind: str) -> None:
    """The window at each figure and explorer."""
    for number, output in enumerate(lesson.page.locator(FIGURES).all()):
        output.evaluate("element => element.scrollIntoView({block: 'center'})")
        lesson.page.screenshot(path=folder / f"{lesson.name[:2]}-{number:02}-{kind}.png")


# ---- the lesson


def test_every_cell_of_a_lesson_runs_without_an_error(lesson: Lesson, screenshots: Path) -> None:
    lesson.page.keyboard.press("Control+s")
    expect(lesson.page.locator(".jp-mod-dirty")).to_have_count(0, timeout=MINUTE)
    cells = code_cells(lesson.path)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert not [output for output in outputs if output["output_type"] == "error"]
    assert not [output for output in outputs if output.get("name") == "stderr"]
    photograph(lesson, screenshots, "laptop")


def test_the_bar_of_each_training_has_reached_its_end(lesson: Lesson) -> None:
    bars = lesson.page.locator(".widget-hprogress")
    for bar in bars.all():
        bar.scroll_into_view_if_needed()
        filled, whole = (
            bar.locator(f".{part}").evaluate("e => e.offsetWidth") for part in ("progress-bar", "progress")
        )
        assert 0 <= whole - filled <= 2  # its borders
    counts = [text for text in bars.locator(".widget-label").all_inner_texts() if "/" in text]  # tqdm's stand elsewhere
    assert len(counts) == sum("widgets.watch(" in "".join(cell["source"]) for cell in code_cells(lesson.path))
    for count in counts:
        done, total = count.split("/")
        assert done == total


# ---- its explorer


def test_each_control_of_the_explorer_changes_what_it_shows(lesson: Lesson, screenshots: Path) -> None:
    lesson.explorer.scroll_into_view_if_needed()
    errors = len(lesson.errors)
    used = [use(lesson, control) for control in lesson.explorer.locator(CONTROLS).all()]
    assert used
    assert lesson.errors[errors:] == []
    lesson.explorer.screenshot(path=screenshots / f"{lesson.name[:2]}-explorer-used.png")


def use(lesson: Lesson, control: Locator) -> str:
    """Use a control as a person does, wait until the explorer shows something else, and return the control's name."""
    name, before = label(control), shown(lesson)
    match control.evaluate("element => element.type || element.getAttribute('role')"):
        case "text":
            control.press("ControlOrMeta+a")
            control.press("Delete")
            control.press_sequentially(SENTENCE)
        case "select-one":
            another = control.evaluate("element => (element.selectedIndex + 1) % element.options.length")
            control.select_option(index=another)
        case "checkbox":
            control.click()
        case "slider":
            now, most = (control.get_attribute(f"aria-value{each}") for each in ("now", "max"))
            control.focus()
            lesson.page.keyboard.press(KEYS.get((lesson.name, name), "ArrowLeft" if now == most else "ArrowRight"))
        case kind:
            raise NotImplementedError(f"{lesson.name}: nobody knows how to use {name!r}, a {kind}")
    after = settled(lesson)
    assert after != before, f"{name} changed nothing"
    return name


def label(control: Locator) -> str:
    """What stands beside a control for those who see it."""
    return control.locator("xpath=ancestor::*[contains(@class, 'jupyter-widgets')][1]//label").last.inner_text()


def shown(lesson: Lesson) -> tuple[str | None, str | None, str]:
    """The explorer's picture, the words for those who do not see it, and the sentence below it."""
    picture = lesson.explorer.get_by_role("img")
    sentence = lesson.explorer.get_by_role("status").inner_text()
    return picture.get_attribute("src"), picture.get_attribute("alt"), sentence


def settled(lesson: Lesson) -> tuple[str | None, str | None, str]:
    """What the explorer shows when the kernel has nothing more to do; the sentence is that of the picture."""
    now = None
    for _ in range(100):
        last, now = now, shown(lesson)
        idle = lesson.page.get_by_text("Python 3 (ipykernel) | Idle").count()
        if idle and now == last:
            break
        lesson.page.wait_for_timeout(300)
    assert now
    _, words, sentence = now
    assert words
    assert " ".join(words.split()) == " ".join(sentence.split())
    return now


def test_each_control_of_the_explorer_is_reached_by_tab_and_has_a_name(lesson: Lesson) -> None:
    page, panel = lesson.page, lesson.explorer
    controls = panel.locator(CONTROLS).all()
    controls[0].focus()
    page.keyboard.press("Shift+Tab")  # out of the panel, and in again
    reached = []
    for _ in range(3 * len(controls)):
        page.keyboard.press("Tab")
        focused = panel.locator("*:focus")
        if focused.count() == 0:
            break
        expect(focused).to_have_accessible_name(re.compile(r"\w"))
        reached += [i for i, each in enumerate(controls) if each.evaluate("e => e === document.activeElement")]
    assert reached == list(range(len(controls)))
    for control in controls:
        expect(control).to_have_accessible_name(label(control))


# ---- a narrow window


def test_no_output_is_wider_than_its_cell_in_a_narrow_window(lesson: Lesson, screenshots: Path) -> None:
    lesson.page.set_viewport_size(NARROW)
    lesson.page.wait_for_timeout(500)
    wide = lesson.page.locator(".jp-OutputArea-output").evaluate_all(TOO_WIDE)
    lesson.page.keyboard.press("ControlOrMeta+b")  # fold the list of files away, as a person does who has no room
    expect(lesson.page.locator("#filebrowser")).to_be_hidden()
    photograph(lesson, screenshots, "narrow")
    lesson.page.keyboard.press("ControlOrMeta+b")
    lesson.page.set_viewport_size(LAPTOP)
    assert wide == []


# ---- a word that nobody knows


def test_a_typed_caption_changes_the_picture_and_a_wrong_word_is_named(page: Page, lab: Lab, screenshots: Path) -> None:
    run_all(page, lab, "00_welcome.ipynb")
    panel = page.locator(".widget-vbox").filter(has=page.get_by_label("Caption"))
    caption, picture, status = panel.get_by_label("Caption"), panel.get_by_role("img"), panel.get_by_role("status")
    before = picture.get_attribute("src")

    caption.fill("a tiny crimson disc below a dotted square")
    expect(picture).not_to_have_attribute("src", before or "", timeout=MINUTE)
    expect(picture).to_have_attribute("alt", "four pictures that fit: a tiny crimson disc below a dotted square")
    panel.screenshot(path=screenshots / "explorer.png")

    shown = picture.get_attribute("src")
    caption.fill("a purpel star")
    expect(status).to_contain_text("'purpel' (near: purple)", timeout=MINUTE)
    expect(picture).to_have_attribute("src", shown or "")
    assert contrast(panel) >= 4.5
    panel.screenshot(path=screenshots / "explorer-unknown-word.png")
    darken(page)
    assert contrast(panel) >= 4.5
    panel.screenshot(path=screenshots / "explorer-unknown-word-dark.png")
