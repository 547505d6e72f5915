"""The Validate button of JupyterLab, as a learner presses it: on a wrong answer, then on a right one."""

import ast
from pathlib import Path

import nbformat
from labserver import LESSONS, MINUTE, Lab, keep
from nbformat import NotebookNode, v4
from playwright.sync_api import Locator, Page, expect

from mmgen_course.exercises import all_exercises


def exercise_cells(path: Path) -> list[NotebookNode]:
    """The first exercise of a notebook and its check; the learner's and the solutions notebook have the same."""
    cells = nbformat.read(path, as_version=4).cells
    first = next(i for i, cell in enumerate(cells) if cell.metadata.get("nbgrader", {}).get("solution"))
    for cell in cells[first : first + 2]:
        cell.outputs, cell.execution_count = [], None
    return cells[first : first + 2]


def imports(path: Path) -> str:
    """What the cells of a notebook import, as one cell."""
    code = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    statements = [statement for source in code for statement in ast.parse(source).body]
    lines = [one for one in statements if isinstance(one, ast.Import | ast.ImportFrom)]
    return "\n".join(dict.fromkeys(map(ast.unparse, lines)))


def fill(page: Page, cell: Locator, text: str) -> None:
    cell.locator(".cm-content").click()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.insert_text(text)
    expect(page.locator(".jp-mod-dirty").first).to_be_attached()


def validate(page: Page) -> Locator:
    """Press the button, and return the dialogue with the result."""
    page.get_by_role("button", name="Validate", exact=True).click()
    dialogue = page.locator(".jp-Dialog-content")
    expect(dialogue).to_contain_text("Validation Results", timeout=5 * MINUTE)
    return dialogue


def test_validate_names_the_mistake_of_a_wrong_answer_and_passes_a_right_one(
    page: Page, lab: Lab, screenshots: Path | None
) -> None:
    name = min(path.name for path in LESSONS.glob("solutions/*.ipynb"))
    asked, check = exercise_cells(LESSONS / name)
    solved, _ = exercise_cells(LESSONS / "solutions" / name)
    exercise = all_exercises()[asked.metadata.nbgrader.grade_id]
    # the lesson without what takes its time: Validate runs a notebook from its first cell to its last
    short = v4.new_notebook(cells=[v4.new_code_cell(imports(LESSONS / name)), asked, check])
    short.metadata = nbformat.read(LESSONS / name, as_version=4).metadata
    nbformat.write(short, lab.folder / "exercise.ipynb")

    page.goto(lab.address("exercise.ipynb"))
    expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible(timeout=5 * MINUTE)
    cell = page.locator(".jp-CodeCell").nth(1)
    expect(cell).to_contain_text("NotImplementedError")

    mistake = f"all_exercises()[{exercise.name!r}].misconceptions[0].wrong(*given)"
    wrong = f"def {exercise.name}(*given):\n    return {mistake}"
    fill(page, cell, f"from mmgen_course.exercises import all_exercises\n\n\n{wrong}")
    result = validate(page)
    keep(page, screenshots, "validate-wrong.png")
    expect(result).to_contain_text(f"check({exercise.name})")
    expect(result).to_contain_text(exercise.misconceptions[0].hint)
    result.get_by_role("button", name="OK").click()

    fill(page, cell, solved.source)
    result = validate(page)
    keep(page, screenshots, "validate-right.png")
    expect(result).to_contain_text("passes all the tests")
