"""The lessons as a learner meets them: JupyterLab, a browser, a mouse and a keyboard."""

import json
from pathlib import Path

import pytest
from labserver import LESSONS, Lab
from playwright.sync_api import Page, expect

MINUTE = 60_000


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


@pytest.mark.parametrize("notebook", [path.name for path in sorted(LESSONS.glob("*.ipynb"))])
def test_every_cell_of_a_lesson_runs_without_an_error(page: Page, lab: Lab, screenshots: Path, notebook: str) -> None:
    run_all(page, lab, notebook)
    page.keyboard.press("Control+s")
    expect(page.locator(".jp-mod-dirty")).to_have_count(0, timeout=MINUTE)
    cells = code_cells(lab.folder / notebook)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert not [output for output in outputs if output["output_type"] == "error"]
    assert not [output for output in outputs if output.get("name") == "stderr"]
    for number, output in enumerate(page.locator(".jp-RenderedImage, .widget-vbox").all()):
        output.evaluate("element => element.scrollIntoView()")
        page.screenshot(path=screenshots / f"{notebook[:2]}-{number:02}.png")


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
    panel.screenshot(path=screenshots / "explorer-unknown-word.png")
