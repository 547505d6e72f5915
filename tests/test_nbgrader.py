"""nbgrader on the course as it is: the whole way of an assignment with three students, Validate, and our gradebook."""

import ast
import csv
import html
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbgrader.api import Gradebook

from mmgen_course.exercises import Exercise, all_exercises
from mmgen_course.grading.gradebook import write_gradebook
from mmgen_course.notebooks.run import ROOT
from tools.lessons.build import check_leaks, read_course

LESSON = "01_images"  # the quickest one that has exercises
EXERCISES = {one.name: one for one in all_exercises().values() if one.lesson == LESSON}
POINTS = {f"check-{one.name}": one.points for one in EXERCISES.values()}
ALL = sum(POINTS.values())
MISTAKEN = [one.name for one in EXERCISES.values() if one.way == "value"][:2]
HINTS = [EXERCISES[name].misconceptions[0].hint for name in MISTAKEN]
STUB = re.compile(r"( +)(?:# YOUR CODE HERE\n +)?raise NotImplementedError\(.*\)")  # nbgrader's, or ours


# nbgrader is imported once, and each command gets a process of its own
COMMANDS = """
import json, os, sys
from nbgrader.apps import nbgraderapp
for words in json.loads(sys.argv[1]):
    if not (child := os.fork()):
        sys.argv[1:] = words
        nbgraderapp.main()
        sys.exit()
    if os.waitpid(child, 0)[1]:
        sys.exit(f"nbgrader {' '.join(words)} failed")
"""


def nbgrader(*commands: list[str | Path], home: Path) -> str:
    """Run nbgrader in the folder of the course, offline, as a teacher does; return all that it prints."""
    environment = os.environ | {
        "PATH": os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]]),
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests/offline")]),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
    }
    for ours in ("MMGEN_FAST", "MMGEN_PROGRESS"):  # they come from nbgrader_config.py
        del environment[ours]
    environment["MMGEN_DATA"] = str(home / "cache")
    words = json.dumps([list(map(str, command)) for command in commands])
    command = [sys.executable, "-c", COMMANDS, words]
    done = subprocess.run(
        command, env=environment, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def notebook(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def answers(path: Path) -> dict[str, NotebookNode]:
    """The cells of a notebook that hold an answer, by the name of the exercise."""
    cells = [cell for cell in notebook(path).cells if cell.metadata.get("nbgrader", {}).get("solution")]
    return {cell.metadata.nbgrader.grade_id: cell for cell in cells}


def hand_in(
    blank: Path, to: Path, right: list[str] | None = None, mistaken: list[str] | None = None, whole: bool = False
) -> None:
    """Fill a notebook: some exercises as the solutions do, some with the first mistake that we know of each.

    A whole one takes as long to run as the lesson. Else the student has deleted what no exercise needs.
    """
    filled = notebook(blank)
    if not whole:
        filled.cells = [cell for n, cell in enumerate(filled.cells) if belongs(filled.cells, n)]
    solutions = answers(ROOT / f"notebooks/solutions/{LESSON}.ipynb")
    for cell in filled.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        if name in (right or []):
            cell.source = solutions[name].source
        if name in (mistaken or []):
            cell.source, number = STUB.subn(with_mistake(name, cell.source), cell.source)
            assert number == 1
    to.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(filled, to)


def belongs(cells: list[NotebookNode], n: int) -> bool:
    """Whether a cell is a text, imports what the exercises need, or stands among the exercises."""
    (exercises,) = (k for k, cell in enumerate(cells) if cell.source.startswith("## Exercises"))
    if cells[n].cell_type != "code" or n > exercises:
        return True
    is_first = all(cell.cell_type != "code" for cell in cells[:n])
    return is_first or all(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.parse(cells[n].source).body)


def with_mistake(name: str, source: str) -> str:
    (function,) = (node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef))
    arguments = ", ".join(one.arg for one in function.args.args)
    mistake = f"all_exercises()[{name!r}].misconceptions[0].wrong"
    return rf"\1from mmgen_course.exercises import all_exercises\n\n\1return {mistake}({arguments})"


@pytest.fixture(scope="module")
def classroom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course folder after all four commands: alice did all, bob made two mistakes, carol did nothing.

    Alice hands in the lesson as it is; the others have deleted what stands before the exercises.
    """
    folder = tmp_path_factory.mktemp("class")
    source = folder / f"source/{LESSON}/{LESSON}.ipynb"
    source.parent.mkdir(parents=True)
    shutil.copy(ROOT / f"notebooks/solutions/{LESSON}.ipynb", source)
    course = f"--course-dir={folder}"
    nbgrader(["generate_assignment", LESSON, course], home=folder)
    released = folder / f"release/{LESSON}/{LESSON}.ipynb"
    others = [name for name in EXERCISES if name not in MISTAKEN]
    for student, right, mistaken in [("alice", list(EXERCISES), []), ("bob", others, MISTAKEN), ("carol", [], [])]:
        to = folder / f"submitted/{student}/{LESSON}/{LESSON}.ipynb"
        hand_in(released, to, right, mistaken, whole=student == "alice")
    export = ["export", f"--db={gradebook(folder)}", f"--to={folder / 'grades.csv'}"]
    nbgrader(["autograde", LESSON, course], ["generate_feedback", LESSON, course], export, home=folder)
    return folder


def gradebook(folder: Path) -> str:
    return f"sqlite:///{folder / 'gradebook.db'}"


def scores(database: str, student: str) -> dict[str, float | None]:
    """The score of each cell, and None where there is none."""
    with Gradebook(database) as book:
        (submitted,) = book.find_submission(LESSON, student).notebooks
        return {grade.name: grade.auto_score for grade in submitted.grades}


def waiting(database: str, student: str) -> dict[str, bool]:
    with Gradebook(database) as book:
        (submitted,) = book.find_submission(LESSON, student).notebooks
        return {grade.name: grade.needs_manual_grade for grade in submitted.grades}


def comments(database: str, student: str) -> dict[str, str | None]:
    with Gradebook(database) as book:
        (submitted,) = book.find_submission(LESSON, student).notebooks
        return {comment.name: comment.comment for comment in submitted.comments}


BOBS = POINTS | {f"check-{name}": 0 for name in MISTAKEN}


# ---- the whole way


def test_the_released_assignment_asks_for_every_exercise_and_holds_no_solution(classroom: Path) -> None:
    released = classroom / f"release/{LESSON}/{LESSON}.ipynb"
    assert answers(released).keys() == EXERCISES.keys()
    for cell in answers(released).values():
        assert "raise NotImplementedError()" in cell.source
        assert "SOLUTION" not in cell.source
    course = read_course(ROOT / "notebooks/source")
    (lesson,) = (lesson for lesson in course.lessons if lesson.name == LESSON)
    check_leaks(notebook(released), lesson, course)


def test_the_gradebook_gives_each_exercise_its_points_or_none(classroom: Path) -> None:
    assert scores(gradebook(classroom), "alice") == POINTS
    assert scores(gradebook(classroom), "bob") == BOBS
    assert scores(gradebook(classroom), "carol") == dict.fromkeys(POINTS, 0)
    with Gradebook(gradebook(classroom)) as book:
        assert book.find_assignment(LESSON).max_score == ALL


def test_the_exported_table_holds_the_sums(classroom: Path) -> None:
    with (classroom / "grades.csv").open(newline="") as file:
        rows = {row["student_id"]: (float(row["score"]), float(row["max_score"])) for row in csv.DictReader(file)}
    assert rows == {"alice": (ALL, ALL), "bob": (sum(BOBS.values()), ALL), "carol": (0, ALL)}


def test_the_lesson_as_it_is_runs_under_nbgrader_from_its_first_cell_to_its_last(classroom: Path) -> None:
    cells = notebook(classroom / f"autograded/alice/{LESSON}/{LESSON}.ipynb").cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert len(code) == sum(cell.cell_type == "code" for cell in notebook(ROOT / f"notebooks/{LESSON}.ipynb").cells)
    assert all(cell.execution_count for cell in code)
    assert not [output for cell in code for output in cell.outputs if output.output_type == "error"]


def text_of(classroom: Path, student: str) -> str:
    """What a student reads in the feedback, spaces collapsed."""
    page = (classroom / f"feedback/{student}/{LESSON}/{LESSON}.html").read_text(encoding="utf-8")
    page = re.sub(r"<style.*?</style>|<script.*?</script>", " ", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub("<[^>]+>", "", page)).split())


def test_the_feedback_holds_the_hint_of_each_mistake_for_whoever_made_it(classroom: Path) -> None:
    for hint in HINTS:
        assert hint in text_of(classroom, "bob")
        assert hint not in text_of(classroom, "alice") + text_of(classroom, "carol")


def test_neither_feedback_nor_graded_notebook_holds_a_solution(classroom: Path) -> None:
    course = read_course(ROOT / "notebooks/source")
    (lesson,) = (lesson for lesson in course.lessons if lesson.name == LESSON)
    check_leaks(notebook(classroom / f"autograded/carol/{LESSON}/{LESSON}.ipynb"), lesson, course)
    own = answers(ROOT / f"notebooks/solutions/{LESSON}.ipynb")
    known = {name: [" ".join(line.split()) for line in own[name].source.splitlines()] for name in EXERCISES}
    secret = {name: [line for line in known[name] if line in course.solutions] for name in EXERCISES}
    assert all(secret.values())
    assert all(line in text_of(classroom, "alice") for lines in secret.values() for line in lines)  # the test can see
    assert not [line for lines in secret.values() for line in lines if line in text_of(classroom, "carol")]
    assert not [line for name in MISTAKEN for line in secret[name] if line in text_of(classroom, "bob")]


def test_grading_leaves_the_progress_of_the_grader_alone(classroom: Path) -> None:
    assert not list((classroom / "cache").rglob("progress.json"))


# ---- Validate, on the notebook as a learner has it


def test_validate_fails_on_wrong_answers_and_passes_on_right_ones(tmp_path: Path) -> None:
    blank = ROOT / f"notebooks/{LESSON}.ipynb"
    others = [name for name in EXERCISES if name not in MISTAKEN]
    hand_in(blank, tmp_path / "1_wrong.ipynb", others, MISTAKEN)
    hand_in(blank, tmp_path / "2_right.ipynb", list(EXERCISES))  # for the whole lesson see Alice's
    said = nbgrader(["validate", tmp_path / "1_wrong.ipynb", tmp_path / "2_right.ipynb"], home=tmp_path)
    failed, passed = said.split("Success! Your notebook passes all the tests.")
    assert "VALIDATION FAILED ON 2 CELL(S)!" in failed
    for name in MISTAKEN:
        assert f"check({name})" in failed
    assert "FAILED" not in passed


# ---- our results in its gradebook


def result(student: str, states: dict[str, str] | None = None, state: str = "graded", **more: object) -> dict:
    """A result as `mmgen grade` writes it; what `states` does not name is right."""
    exercises = {name: marked(one, (states or {}).get(name, "right")) for name, one in EXERCISES.items()}
    points = sum(one["points"] for one in exercises.values())
    return {
        "student": student,
        "lesson": LESSON,
        "file": f"{student}/{LESSON}.ipynb",
        "state": state,
        "reason": "",
        "points": points,
        "of": ALL,
        "exercises": exercises,
        **more,
    }


def marked(exercise: Exercise, state: str) -> dict:
    right = state == "right"
    hint = exercise.misconceptions[0].hint if state == "wrong" else ""
    reason = "" if right else "<b>secret</b>"
    return {
        "state": state,
        "points": exercise.points * right,
        "of": exercise.points,
        "reason": reason,
        "mistake": None,
        "hint": hint,
    }


def rows(folder: Path) -> Iterator[tuple]:
    """Every row of every table of a gradebook."""
    with closing(sqlite3.connect(folder / "gradebook.db")) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in sorted(tables):
            yield from ((table, *row) for row in sorted(database.execute(f"SELECT * FROM {table}"), key=repr))


CLASS = [
    result("alice"),
    result("bob", dict.fromkeys(MISTAKEN, "wrong")),
    result("carol", dict.fromkeys(EXERCISES, "not done")),
]


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a gradebook that we began, to be copied."""
    folder = tmp_path_factory.mktemp("ours")
    assert write_gradebook(CLASS, gradebook(folder)) == []
    return folder


def test_a_new_gradebook_holds_what_nbgrader_would_have_written(ours: Path, tmp_path: Path) -> None:
    shutil.copy(ours / "gradebook.db", tmp_path)
    assert scores(gradebook(tmp_path), "alice") == POINTS
    assert scores(gradebook(tmp_path), "bob") == BOBS
    assert scores(gradebook(tmp_path), "carol") == dict.fromkeys(POINTS, 0)
    with Gradebook(gradebook(tmp_path)) as book:
        assert {cell.name: cell.max_score for cell in book.find_notebook(LESSON, LESSON).grade_cells} == POINTS
    said = comments(gradebook(tmp_path), "bob")
    assert [hint in (said[name] or "") for name, hint in zip(MISTAKEN, HINTS, strict=True)] == [True, True]
    assert set(comments(gradebook(tmp_path), "alice").values()) == {None}
    assert not any("secret" in str(row) for row in rows(tmp_path))


def test_written_twice_the_rows_are_the_same(ours: Path, tmp_path: Path) -> None:
    shutil.copy(ours / "gradebook.db", tmp_path)
    before = list(rows(tmp_path))
    assert write_gradebook(CLASS, gradebook(tmp_path)) == []
    assert list(rows(tmp_path)) == before
    write_gradebook([result("alice", {MISTAKEN[0]: "wrong"})], gradebook(tmp_path))
    assert scores(gradebook(tmp_path), "alice") == POINTS | {f"check-{MISTAKEN[0]}": 0}


def test_what_is_not_graded_gets_no_score_and_waits_for_a_grader(tmp_path: Path) -> None:
    first, *rest = EXERCISES
    part = result("alice", {first: "not graded"}, "not graded", reason="the sandbox broke")
    nothing = result("bob", None, "not graded", reason="the cluster lost it", exercises={}, points=0)
    notes = write_gradebook([part, nothing], gradebook(tmp_path))
    assert [note.partition(": ")[2] for note in notes] == [
        "not graded, waits for a grader: the sandbox broke",
        "not graded, waits for a grader: the cluster lost it",
    ]
    assert scores(gradebook(tmp_path), "alice") == POINTS | {f"check-{first}": None}
    assert waiting(gradebook(tmp_path), "alice") == {f"check-{name}": name == first for name in EXERCISES}
    assert scores(gradebook(tmp_path), "bob") == dict.fromkeys(POINTS)
    assert all(waiting(gradebook(tmp_path), "bob").values())
    write_gradebook([result("alice"), result("bob", {rest[0]: "not graded"})], gradebook(tmp_path))  # graded again
    assert scores(gradebook(tmp_path), "alice") == POINTS
    assert not any(waiting(gradebook(tmp_path), "alice").values())
    write_gradebook([nothing | {"student": "alice"}], gradebook(tmp_path))  # a failure of ours takes nothing away
    assert scores(gradebook(tmp_path), "alice") == POINTS
    assert all(waiting(gradebook(tmp_path), "alice").values())


def test_a_notebook_of_no_lesson_is_named_and_of_two_the_better_counts(tmp_path: Path) -> None:
    refused = result("bob", None, "refused", lesson="", reason="no notebook", file="bob.ipynb")
    worse = result("alice", {MISTAKEN[0]: "wrong"}, file="alice/copy.ipynb")
    notes = write_gradebook([refused, result("alice"), worse], gradebook(tmp_path))
    assert sorted(notes) == [
        f"alice, alice/copy.ipynb: a second notebook for {LESSON}; alice/{LESSON}.ipynb counts",
        "bob, bob.ipynb: not in the gradebook, it belongs to no lesson: no notebook",
    ]
    assert scores(gradebook(tmp_path), "alice") == POINTS
    with Gradebook(gradebook(tmp_path)) as book:
        assert [student.id for student in book.students] == ["alice"]


def test_in_a_gradebook_of_nbgrader_our_scores_replace_its_own_and_a_graders_stay(
    classroom: Path, tmp_path: Path
) -> None:
    shutil.copy(classroom / "gradebook.db", tmp_path)
    before = {table: sum(row[0] == table for row in rows(tmp_path)) for table in ("base_cell", "grade", "comment")}
    with Gradebook(gradebook(tmp_path)) as book:
        book.find_grade(next(iter(POINTS)), LESSON, LESSON, "alice").manual_score = 1.5
        book.db.commit()
    changed = [result("alice", {MISTAKEN[1]: "timeout"}), *CLASS[1:], result("dave")]
    assert write_gradebook(changed, gradebook(tmp_path)) == []
    assert scores(gradebook(tmp_path), "alice") == POINTS | {f"check-{MISTAKEN[1]}": 0}
    assert scores(gradebook(tmp_path), "bob") == BOBS
    assert scores(gradebook(tmp_path), "dave") == POINTS
    with Gradebook(gradebook(tmp_path)) as book:
        grade = book.find_grade(next(iter(POINTS)), LESSON, LESSON, "alice")
        assert (grade.score, grade.needs_manual_grade) == (1.5, True)
    after = {table: sum(row[0] == table for row in rows(tmp_path)) for table in before}
    more = len(EXERCISES)  # dave's
    assert after == before | {"grade": before["grade"] + more, "comment": before["comment"] + more}


def test_nbgrader_goes_on_with_a_gradebook_that_we_began(ours: Path, tmp_path: Path) -> None:
    source = tmp_path / f"source/{LESSON}/{LESSON}.ipynb"
    source.parent.mkdir(parents=True)
    shutil.copy(ROOT / f"notebooks/solutions/{LESSON}.ipynb", source)
    shutil.copy(ours / "gradebook.db", tmp_path)
    nbgrader(["generate_assignment", LESSON, f"--course-dir={tmp_path}"], home=tmp_path)
    assert answers(tmp_path / f"release/{LESSON}/{LESSON}.ipynb").keys() == EXERCISES.keys()
    assert scores(gradebook(tmp_path), "bob") == BOBS
