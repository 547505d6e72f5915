"""Verdicts as a learner meets them: `check` in a running JupyterLab, wide and narrow, light and dark."""

import json
from pathlib import Path

import nbformat
import pytest
from labserver import LESSONS, MINUTE, Lab, contrast, darken, keep, narrow, run_all
from nbclient import NotebookClient
from nbformat import v4
from playwright.sync_api import Page, expect

VERDICT = ".jp-OutputArea-output:has-text('lesson 08: ')"

SETUP = """
import torch
from mmgen_course.exercises import Exercise, Misconception, all_exercises
from mmgen_course import check as module
from mmgen_course.check import check

def exercise(name, inputs, reference, mistake, way="value"):
    hint = "x * x is the square of x. Twice x is x + x."
    known = Misconception("squared, not doubled", mistake, hint)
    return Exercise(name, "08_vae", 3, 10, 1, "twice x, from x (n, d)", inputs, reference, (known,), way=way)

def drawn(*shape):
    return lambda generator: (torch.rand(*shape, generator=generator),)

made = [
    exercise("doubled_mean", drawn(5, 4), lambda x: 2 * x.mean(), lambda x: (x * x).mean()),
    exercise("doubled", drawn(12, 5), lambda x: 2 * x, lambda x: x * x),
    exercise("doubled_picture", drawn(3, 32, 32), lambda x: 2 * x, lambda x: x * x),
    exercise("doubled_slope", drawn(4), lambda x: 2 * x.sum(), lambda x: (x * x).sum(), "gradient"),
    exercise("doubled_words", lambda g: (["red", "disc"],), lambda x: x + x, lambda x: x),
]
module.all_exercises = lambda: {e.name: e for e in made} | all_exercises()
"""
ANSWERS = {
    "scalar": "def doubled_mean(x):\n    return (x * x).mean()",
    "matrix": "def doubled(x):\n    y = 2 * x\n    y[3, 1:3] = x[3, 1:3]\n    return y",
    "picture": "def doubled_picture(x):\n    y = 2 * x\n    y[1, 8:14, 10:20] = 0\n    return y",
    "gradient": "def doubled_slope(x):\n    return (x * x).sum() + (2 * x - x * x).sum().detach()",
    "words": "def doubled_words(x):\n    return [*x, 'red', '<b>disk</b>']",
    "error": "def doubled(x):\n    y = x + 1\n    return y @ x",
    "timeout": "def doubled(x):\n    while True:\n        x = x + 1",
    "not done": "def doubled(x):\n    raise NotImplementedError",
    "right": "def doubled(x):\n    return x + x",
}


@pytest.fixture
def notebook(lab: Lab) -> str:
    """A notebook of wrong and right answers, each with its check."""
    cells = [v4.new_code_cell(SETUP)]
    for answer in ANSWERS.values():
        name = answer.removeprefix("def ").partition("(")[0]
        cells.append(v4.new_code_cell(f"{answer}\n\ncheck({name})"))
    metadata = nbformat.read(LESSONS / "00_welcome.ipynb", as_version=4).metadata
    nbformat.write(v4.new_notebook(cells=cells, metadata=metadata), lab.folder / "checks.ipynb")
    return "checks.ipynb"


def photograph(page: Page, folder: Path | None, kind: str) -> None:
    verdicts = page.locator(VERDICT)
    assert verdicts.count() == len(ANSWERS)
    for name, verdict in zip(ANSWERS, verdicts.all(), strict=True):
        verdict.scroll_into_view_if_needed()
        keep(verdict, folder, f"check-{kind}-{name}.png")


def test_verdicts_are_readable_in_every_theme_and_width(
    page: Page, lab: Lab, notebook: str, screenshots: Path | None
) -> None:
    run_all(page, lab, notebook)
    outputs = page.locator(VERDICT)
    expect(outputs.get_by_role("status")).to_have_count(len(ANSWERS))
    said = [output.inner_text() for output in outputs.all()]
    for text, words in zip(
        said, ["mistake", "[3]", "pixels", "argument 1", "disk", "line 3", "line", "not", "right"], strict=True
    ):
        assert words in text
    assert "line 3 of your function: return y @ x" in said[5]
    assert "of your function: " in said[6]
    assert page.locator(".jp-OutputArea-output .jp-RenderedText[data-mime-type*=error]").count() == 0
    assert outputs.nth(2).get_by_role("img", name="white where they differ: 60 of 1024 pixels differ").count() == 1
    assert contrast(page.locator(".jp-OutputArea-output")) >= 4.5
    photograph(page, screenshots, "light")

    page.keyboard.press("Control+s")
    expect(page.locator(".jp-mod-dirty")).to_have_count(0, timeout=MINUTE)
    kept = json.loads((lab.folder / notebook).read_text())["cells"]
    assert all("text/plain" in cell["outputs"][-1]["data"] for cell in kept[1:])

    darken(page)
    assert contrast(page.locator(".jp-OutputArea-output")) >= 4.5
    photograph(page, screenshots, "dark")

    narrow(page)
    photograph(page, screenshots, "narrow")
    for output in outputs.all():  # no verdict is wider than its cell
        assert output.evaluate("element => element.scrollWidth - element.clientWidth") <= 1


def test_verdicts_that_another_machine_made_are_shown_before_anything_runs(
    page: Page, lab: Lab, notebook: str, screenshots: Path | None
) -> None:
    # as in the lessons, which ship executed: JupyterLab cleans the HTML of what it does not trust
    folder = lab.folder / notebook
    run = nbformat.read(folder, as_version=4)
    NotebookClient(run, timeout=600).execute()
    nbformat.write(run, folder)
    page.goto(lab.address(notebook))
    verdicts = page.locator(VERDICT)
    expect(verdicts).to_have_count(len(ANSWERS), timeout=MINUTE)
    expect(verdicts.nth(2).get_by_role("img")).to_have_count(3)
    expect(verdicts.nth(1).get_by_role("table")).to_have_count(2)
    assert contrast(page.locator(".jp-OutputArea-output")) >= 4.5
    photograph(page, screenshots, "untrusted")
