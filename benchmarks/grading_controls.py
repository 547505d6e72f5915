"""The corpus of tests/attacks against two other graders, to see that its cases have teeth.

    python benchmarks/grading_controls.py

- nbgrader's autograder: hidden assertions in the student's own process, the score is what the cells did;
- a naive one: `exec` of all cells, then the same assertions, and the last line printed is the score.

Only the groups A, B (tampering, forging) and J (honest work) run: C, D and E would steal from, use up or damage this
machine, where nothing contains them. All of it runs behind bubblewrap, too, without a network, and with one folder to
write to that is thrown away.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests" / "attacks")]

import torch  # noqa: E402
from corpus import POINTS, honest_cells  # noqa: E402

from mmgen_course.exercises import all_exercises  # noqa: E402
from mmgen_course.exercises.exercise import cases  # noqa: E402

ASSIGNMENT = "exercises"
# nbgrader looks for its helper alembic on the PATH
ENVIRONMENT = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
BAIT = dict.fromkeys(("CANARY", "FOLDER", "OTHER", "RESULTS", "PACKAGE", "SOCKET"), "/nowhere") | {"PORT": "9"}


def hidden_test(name: str) -> str:
    """The assertions of one exercise, as people write them: inputs and right answers in the cell."""
    exercise = all_exercises()[name]
    lines = []
    for case in cases(exercise, seed=0)[:2]:
        expected = torch.as_tensor(exercise.reference(*case)).tolist()
        given = ", ".join(f"torch.tensor({value.tolist()})" for value in case)
        lines += [f"answer = torch.as_tensor({name}({given})).double()"]
        lines += [f"assert torch.allclose(answer, torch.tensor({expected}).double(), rtol=1e-4, atol=1e-4)"]
    return "\n".join(lines)


def cell(source: str, grade_id: str, grade: bool, points: int = 0) -> dict:
    """A cell with nbgrader's metadata."""
    about = {"grade_id": grade_id, "grade": grade, "solution": not grade, "locked": grade, "schema_version": 3}
    about |= {"task": False, **({"points": points} if grade else {})}
    return {"cell_type": "code", "execution_count": None, "id": grade_id, "outputs": [], "source": source,
            "metadata": {"nbgrader": about}}  # fmt: skip


def assignment(answers: dict[str, str], first: str = "", last: str = "") -> dict:
    """The notebook of an assignment with these answers."""
    cells = [cell(f"{first}\nimport math\nimport torch", "imports", grade=False)]
    for name, points in POINTS.items():
        cells.append(cell(answers[name], name, grade=False))
        test = f"### BEGIN HIDDEN TESTS\n{hidden_test(name)}\n### END HIDDEN TESTS"
        cells.append(cell(test, f"test-{name}", grade=True, points=points))
    cells.append(cell(last, "last", grade=False))
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def course(folder: Path, students: int | dict[str, dict]) -> Path:
    """A course of nbgrader with one assignment, handed in by so many honest students, or by these."""
    notebooks = students if isinstance(students, dict) else dict.fromkeys(map(str, range(students)))
    (folder / "source" / ASSIGNMENT).mkdir(parents=True)
    honest = assignment(honest_cells())
    (folder / "source" / ASSIGNMENT / "exercises.ipynb").write_text(json.dumps(honest))
    settings = "c = get_config()\nc.ExecutePreprocessor.timeout = 20\nc.CourseDirectory.course_id = 'course'\n"
    (folder / "nbgrader_config.py").write_text(settings)
    subprocess.run(nbgrader("generate_assignment"), cwd=folder, check=True, capture_output=True, env=ENVIRONMENT)
    for student, notebook in notebooks.items():
        place = folder / "submitted" / f"s{student}" / ASSIGNMENT
        place.mkdir(parents=True)
        (place / "exercises.ipynb").write_text(json.dumps(notebook or honest))
    return folder


def nbgrader(verb: str) -> list[str]:
    """A command of nbgrader's."""
    return [sys.executable, "-m", "nbgrader", verb, ASSIGNMENT]


def graded_by_nbgrader(folder: Path, bubblewrap: list[str] | None = None) -> float:
    """Autograde a course; the seconds that it took."""
    begin = time.monotonic()
    command = [*(bubblewrap or []), *nbgrader("autograde")]
    subprocess.run(command, cwd=folder, check=False, capture_output=True, env=ENVIRONMENT)
    return time.monotonic() - begin


def scores(folder: Path) -> dict[str, dict[str, float]]:
    """What nbgrader's gradebook says: points by exercise, by student."""
    from nbgrader.api import Gradebook, MissingEntry

    found: dict[str, dict[str, float]] = {}
    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}") as book:
        for student in book.students:
            try:
                notebook = book.find_submission_notebook("exercises", ASSIGNMENT, student.id)
            except MissingEntry:
                continue
            found[student.id] = {grade.name.removeprefix("test-"): grade.auto_score or 0.0 for grade in notebook.grades}
    return found


NAIVE = """
import json, sys
scope, points = {}, 0
for text in json.load(open("cells.json")):
    try:
        exec(text, scope)
    except Exception:
        pass
for name, (worth, test) in json.load(open("tests.json")).items():
    try:
        exec(test, scope)
        points += worth
    except Exception:
        pass
print(points)
"""


def naive_score(folder: Path, cells: list[str]) -> float:
    """What the naive grader says, in a folder of its own: one case plants a torch.py beside the notebook."""
    folder.mkdir()
    (folder / "cells.json").write_text(json.dumps(cells))
    (folder / "tests.json").write_text(
        json.dumps({name: (points, hidden_test(name)) for name, points in POINTS.items()})
    )
    command = [*behind_walls(folder), sys.executable, "-c", NAIVE]
    try:
        run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=30)
        return float(run.stdout.splitlines()[-1])
    except (subprocess.TimeoutExpired, IndexError, ValueError):
        return 0.0


def behind_walls(folder: Path) -> list[str]:
    """bubblewrap: all of the machine to read, one folder to write, no network, no process of the machine."""
    program = shutil.which("bwrap")
    if not program:
        sys.exit("needs bubblewrap: the cases are hostile")
    bubblewrap = "--unshare-user --unshare-all --die-with-parent --ro-bind / / --dev /dev --proc /proc --tmpfs /tmp"
    return [program, *bubblewrap.split(), "--bind", str(folder), str(folder), "--chdir", str(folder)]


def main() -> None:
    """Run the corpus against both, and print where they give too much or too little."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    from cases_a import CASES as A
    from cases_b import CASES as B
    from folders import HONESTLY

    from mmgen_course.grading.submissions import collect

    earned: dict[str, int] = {}
    cells: dict[str, list[str]] = {}
    notebooks: dict[str, dict] = {}
    for case in [*A, *B]:
        earned[case.code] = sum(p for name, p in POINTS.items() if case.states.get(name, "right") == "right")
        cells[case.code] = case.cells(BAIT)
        notebooks[case.code] = assignment({**honest_cells(), **case.answers}, case.first, case.last)
    with TemporaryDirectory(dir=Path.home()) as name:
        for case in HONESTLY:
            folder = Path(name, case.code)
            folder.mkdir()
            case.build(folder)
            cells[case.code] = list(next(iter(collect(folder))).cells)
            earned[case.code] = 12
            answers = {n: next((c for c in cells[case.code] if f"def {n}(" in c), "") for n in POINTS}
            rest = "\n".join(c for c in cells[case.code] if c not in answers.values())
            notebooks[case.code] = assignment(answers, rest)
        where = course(Path(name, "course"), notebooks)
        graded_by_nbgrader(where, behind_walls(where))
        theirs = {code: sum(scores(where).get(f"s{code}", {}).values()) for code in earned}
        naive = {code: naive_score(Path(name, f"naive-{code}"), cells[code]) for code in earned}
    print(f"{'case':6} {'earned':>6} {'nbgrader':>9} {'naive':>6}")
    for code, points in earned.items():
        if (theirs[code], naive[code]) != (points, points):
            print(f"{code:6} {points:6} {theirs[code]:9.0f} {naive[code]:6.0f}")
    for grader, found in {"nbgrader": theirs, "naive": naive}.items():
        hostile = [code for code in earned if code[0] != "J"]
        more = sum(found[code] > earned[code] for code in hostile)
        less = sum(found[code] < earned[code] for code in earned if code[0] == "J")
        print(f"{grader}: {more} of {len(hostile)} hostile notebooks earn too much, {less} honest ones lose points")


if __name__ == "__main__":
    main()
