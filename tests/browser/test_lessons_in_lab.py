"""The lessons as a learner meets them: JupyterLab, a browser, a mouse and a keyboard, a window wide and narrow."""

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from labserver import (
    LAPTOP,
    LESSONS,
    MINUTE,
    PATIENCE,
    Lab,
    code_cells,
    contrast,
    darken,
    keep,
    narrow,
    open_alone,
    run_all,
)
from playwright.sync_api import BrowserContext, Locator, Page, TimeoutError, WebSocket, expect
from validation import executed

NOTEBOOKS = [path.stem for path in sorted(LESSONS.glob("*.ipynb"))]
VIEW = "application/vnd.jupyter.widget-view+json"
PANEL = ".jp-OutputArea-output:not(.jupyter-widgets-disconnected) > .jupyter-widgets"
CONTROLS = "input, select, textarea, [role=slider], button"
FIGURES = ".jp-RenderedImage, .widget-vbox"
SENTENCE = "a large red star above a small blue square"  # known to each explorer with a line to type in
# where one step changes nothing that is shown: the rarest word of the vocabulary is not in the sentence
KEYS = {("02_text", "words"): "Home"}
# tqdm's bars are not the course's to shape: in a column of 190 pixels they scroll
TOO_WIDE = """outputs => outputs.flatMap(output => [output, ...output.querySelectorAll(".lm-Widget")])
    .filter(part => part.scrollWidth - part.clientWidth > 1 && !part.closest(".widget-hbox:has(.widget-hprogress)"))
    .map(part => `${part.className}: ${part.scrollWidth} > ${part.clientWidth}: ${part.innerText}`)"""


# what an explorer shows: its picture, the words for those who do not see it, and the sentence below it
SHOWN = """panel => {
    const picture = panel.querySelector("img, [role=img]")
    return [picture.getAttribute("src"), picture.getAttribute("alt"), panel.querySelector("[role=status]").innerText]
}"""
SHOWS_ANOTHER = f"([panel, before]) => JSON.stringify(({SHOWN})(panel)) != JSON.stringify(before)"
SAYS_WHAT_IT_SHOWS = f"""panel => {{
    const [_, alt, sentence] = ({SHOWN})(panel).map(text => (text || "").split(/\\s+/).filter(Boolean).join(" "))
    return alt && alt == sentence
}}"""


@dataclass
class Talk:
    """What a page and its kernel tell each other.

    Attributes:
        errors: of the kernel; of those in a widget's function the page shows nothing.
        open: what widgets asked of the kernel and it has not yet ended.
    """

    errors: list[str] = field(default_factory=list)
    open: set[str] = field(default_factory=set)

    def listen(self, socket: WebSocket) -> None:
        socket.on("framesent", lambda said: self.asked(text_of(said)))
        socket.on("framereceived", lambda said: self.answered(text_of(said)))

    def asked(self, said: str) -> None:
        if re.search(r'"msg_type": ?"comm_msg"', said):
            self.open.update(re.findall(r'"msg_id": ?"([^"]+)"', said)[:1])  # its own; that of its parent comes after

    def answered(self, said: str) -> None:
        self.errors += re.findall(r'"ename": ?"[^"]+", ?"evalue": ?"[^"]*"', said)
        if re.search(r'"execution_state": ?"idle"', said):
            self.open.difference_update(re.findall(r'"msg_id": ?"([^"]+)"', said))


def text_of(said: str | bytes) -> str:
    return said if isinstance(said, str) else said.decode(errors="replace")


@dataclass(frozen=True)
class Lesson:
    """A lesson on a page, all its cells run: the first from the menu of the page, the others by nbval.

    Of those the page shows what a learner sees who loads it anew: the outputs, and the widgets of the living kernel.
    """

    name: str
    path: Path
    page: Page
    talk: Talk

    @property
    def explorer(self) -> Locator:
        return self.page.locator(".jp-OutputArea-output .widget-vbox").filter(has=self.page.locator(CONTROLS))


@pytest.fixture(scope="module", params=NOTEBOOKS)
def lesson(request: pytest.FixtureRequest, context: BrowserContext, lab: Lab) -> Iterator[Lesson]:
    """Each lesson once, for all tests of this file: to run it takes its time."""
    page, talk, file = context.new_page(), Talk(), f"{request.param}.ipynb"
    page.on("websocket", talk.listen)
    with ExitStack() as stack:
        if request.param == NOTEBOOKS[0]:
            run_all(page, lab, file)
            stack.callback(lab.renew)
        else:
            notebook, kernel = stack.enter_context(executed(LESSONS / file))
            stack.enter_context(lab.attached(notebook, file, Path(kernel.km.connection_file)))
            open_alone(page, lab, file)
        yield Lesson(request.param, lab.folder / file, page, talk)
        page.close()


def photograph(lesson: Lesson, folder: Path | None, kind: str) -> None:
    """The window at each figure and explorer, where pictures are asked for."""
    if folder is None:
        return
    for number, output in enumerate(lesson.page.locator(FIGURES).all()):
        output.evaluate("element => element.scrollIntoView({block: 'center'})")
        lesson.page.screenshot(path=folder / f"{lesson.name[:2]}-{number:02}-{kind}.png")


# ---- the lesson


def test_every_cell_of_a_lesson_has_run_and_shows_what_it_gave(lesson: Lesson, screenshots: Path | None) -> None:
    numbers = lesson.page.locator(".jp-CodeCell .jp-InputArea-prompt").all_inner_texts()
    assert numbers == [f"[{n}]:" for n in range(1, len(numbers) + 1)]
    given = [output for cell in code_cells(lesson.path) for output in cell["outputs"]]
    panels = sum(VIEW in output.get("data", {}) for output in given)
    if panels:  # the kernel draws them: what the file keeps of widgets has no connection
        expect(lesson.page.locator(PANEL)).to_have_count(panels, timeout=MINUTE)
    expect(lesson.page.get_by_text("Error displaying widget")).to_have_count(0)
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


def test_each_control_of_the_explorer_changes_what_it_shows(lesson: Lesson, screenshots: Path | None) -> None:
    lesson.explorer.scroll_into_view_if_needed()
    errors = len(lesson.talk.errors)
    used = [use(lesson, control) for control in lesson.explorer.locator(CONTROLS).all()]
    assert used
    assert lesson.talk.errors[errors:] == []
    keep(lesson.explorer, screenshots, f"{lesson.name[:2]}-explorer-used.png")


def use(lesson: Lesson, control: Locator) -> str:
    """Use a control as a person does, wait until the explorer shows something else, and return the control's name."""
    name, before = label(control), lesson.explorer.evaluate(SHOWN)
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
    wait_for_another(lesson, before, name)
    return name


def label(control: Locator) -> str:
    """What stands beside a control for those who see it."""
    return control.locator("xpath=ancestor::*[contains(@class, 'jupyter-widgets')][1]//label").last.inner_text()


def wait_for_another(lesson: Lesson, before: list[str], name: str) -> None:
    """Return when the kernel has ended all that was asked of it, and the explorer shows and says something else."""
    deadline = time.monotonic() + PATIENCE
    while lesson.talk.open:
        assert time.monotonic() < deadline, f"{name}: the kernel does not end what was asked of it"
        lesson.page.wait_for_timeout(10)  # let Playwright hear the kernel
    panel = lesson.explorer.element_handle()
    try:
        lesson.page.wait_for_function(SHOWS_ANOTHER, arg=[panel, before], timeout=MINUTE)
    except TimeoutError:
        pytest.fail(f"{name} changed nothing")
    lesson.page.wait_for_function(SAYS_WHAT_IT_SHOWS, arg=panel, timeout=MINUTE)


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
        place = panel.locator(CONTROLS).evaluate_all("all => all.indexOf(document.activeElement)")
        reached += [place] if place >= 0 else []
    assert reached == list(range(len(controls)))
    for control in controls:
        expect(control).to_have_accessible_name(label(control))


# ---- a narrow window


def test_no_output_is_wider_than_its_cell_in_a_narrow_window(lesson: Lesson, screenshots: Path | None) -> None:
    narrow(lesson.page)
    wide = lesson.page.locator(".jp-OutputArea-output").evaluate_all(TOO_WIDE)
    lesson.page.keyboard.press("ControlOrMeta+b")  # fold the list of files away, as a person does who has no room
    expect(lesson.page.locator("#filebrowser")).to_be_hidden()
    photograph(lesson, screenshots, "narrow")
    lesson.page.keyboard.press("ControlOrMeta+b")
    lesson.page.set_viewport_size(LAPTOP)
    assert wide == []


# ---- a word that nobody knows


@pytest.mark.parametrize("lesson", NOTEBOOKS[:1], indirect=True)
def test_a_typed_caption_changes_the_picture_and_a_wrong_word_is_named(
    lesson: Lesson, screenshots: Path | None
) -> None:
    page = lesson.page
    panel = page.locator(".widget-vbox").filter(has=page.get_by_label("Caption"))
    caption, picture, status = panel.get_by_label("Caption"), panel.get_by_role("img"), panel.get_by_role("status")
    before = picture.get_attribute("src")

    caption.fill("a tiny crimson disc below a dotted square")
    expect(picture).not_to_have_attribute("src", before or "", timeout=MINUTE)
    expect(picture).to_have_attribute("alt", "four pictures that fit: a tiny crimson disc below a dotted square")
    keep(panel, screenshots, "explorer.png")

    shown = picture.get_attribute("src")
    caption.fill("a purpel star")
    expect(status).to_contain_text("'purpel' (near: purple)", timeout=MINUTE)
    expect(picture).to_have_attribute("src", shown or "")
    assert contrast(panel) >= 4.5
    keep(panel, screenshots, "explorer-unknown-word.png")
    darken(page)
    assert contrast(panel) >= 4.5
    keep(panel, screenshots, "explorer-unknown-word-dark.png")
