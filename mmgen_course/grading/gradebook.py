"""Writes our results into nbgrader's gradebook: its Formgrader, feedback and export show them as if it had graded.

An assignment is a lesson, with one notebook of that name; each exercise is the cell `check-name`, as
tools/lessons/grades.py names it. Nothing that a student wrote enters the database but the student's name.
"""

import json
import os
import sysconfig
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mmgen_course.exercises import exercises_of
from mmgen_course.grading.results import Outcome

if TYPE_CHECKING:
    from nbgrader.api import Gradebook, SubmittedAssignment

KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
NOT_GRADED = "not graded"
COMMENTS = {
    "wrong": "Not yet: another value was expected.",
    "error": "Stopped with an error.",
    "timeout": "Took too long.",
    "limit": "Took more memory or time than is given.",
    "protocol": "Did not answer with values.",
    "not done": "No response.",
    NOT_GRADED: "Not graded yet; that is no fault of yours.",
}


def write_gradebook(results: Iterable[Outcome], database_url: str) -> list[str]:
    """Write results into the database of nbgrader, new or its own; written twice, they stand there once.

    The score of a cell is what we gave, and the comment on it the hint. A grader's own scores and comments stay, and
    stay what counts. What is not graded gets no score: it keeps the one that it may have, and is marked as waiting for
    a grader, which nbgrader counts as 0 until then. Of several notebooks of one student for one lesson, the best
    counts.

    Args:
        results: as `mmgen grade` writes them, one for each notebook.
        database_url: as nbgrader says it: "sqlite:///gradebook.db" is the file gradebook.db in this folder.

    Returns:
        What a person should look at, a sentence each: notebooks that belong to no lesson, that count for nothing
        because there is a better one, or that are not graded.

    Example:
        >>> exercises = {"kl_between": {"state": "right", "points": 4, "of": 4, "mistake": None, "hint": ""}}
        >>> alice = {"student": "alice", "lesson": "08_vae", "file": "alice.ipynb", "state": "graded", "reason": "",
        ...          "points": 4, "exercises": exercises}
        >>> lost = {"student": "bob", "file": "bob.ipynb", "lesson": "", "state": "refused", "reason": "no notebook"}
        >>> write_gradebook([alice, alice | lost], "sqlite://")
        ['bob, bob.ipynb: not in the gradebook, it belongs to no lesson: no notebook']
    """
    from nbgrader.api import Gradebook

    chosen, notes = _chosen(results)
    with _commands_of_this_python(), Gradebook(database_url) as book:
        for lesson in sorted({lesson for _, lesson in chosen}):
            _write_assignment(book, lesson)
        for (student, lesson), outcome in sorted(chosen.items()):
            book.update_or_create_student(student)
            with book.db.no_autoflush:  # nbgrader builds a submission from parts that are not in its session yet
                submission = book.update_or_create_submission(lesson, student)
                _write_grades(book, submission, outcome)
    return notes


@contextmanager
def _commands_of_this_python() -> Iterator[None]:
    """Let nbgrader find the command `alembic`, which it asks for the release of a new database's tables."""
    before = os.environ.get("PATH", "")
    os.environ["PATH"] = os.pathsep.join([sysconfig.get_path("scripts"), before])
    try:
        yield
    finally:
        os.environ["PATH"] = before


def _chosen(results: Iterable[Outcome]) -> tuple[dict[tuple[str, str], Outcome], list[str]]:
    """The result that counts for each student and lesson, and notes on the others."""
    chosen: dict[tuple[str, str], Outcome] = {}
    notes = []
    for outcome in sorted(results, key=lambda outcome: (outcome["student"], outcome["file"])):
        who = f"{outcome['student']}, {outcome['file']}"
        if not exercises_of(outcome["lesson"]):
            notes.append(
                f"{who}: not in the gradebook, it belongs to no lesson: {outcome['reason'] or outcome['state']}"
            )
            continue
        if outcome["state"] == NOT_GRADED:
            notes.append(f"{who}: not graded, waits for a grader: {outcome['reason']}")
        key = (outcome["student"], outcome["lesson"])
        before = chosen.get(key)
        if before is None or _merit(outcome) > _merit(before):
            chosen[key] = outcome
        if before is not None:
            notes.append(f"{who}: a second notebook for {outcome['lesson']}; {chosen[key]['file']} counts")
    return chosen, notes


def _merit(outcome: Outcome) -> tuple[int, bool]:
    return outcome["points"], outcome["state"] == "graded"


def _write_assignment(book: "Gradebook", lesson: str) -> None:
    """The assignment with its notebook and cells, as `nbgrader generate_assignment` would write them."""
    from nbgrader.api import MissingEntry

    book.update_or_create_assignment(lesson)
    try:
        book.find_notebook(lesson, lesson)
    except MissingEntry:
        book.add_notebook(lesson, lesson, kernelspec=json.dumps(KERNEL))
    for exercise in exercises_of(lesson):
        where = (lesson, lesson)
        check = f"check-{exercise.name}"
        book.update_or_create_grade_cell(check, *where, max_score=float(exercise.points), cell_type="code")
        book.update_or_create_solution_cell(exercise.name, *where)
        for name, locked, source in ((exercise.name, False, ""), (check, True, f"check({exercise.name})")):
            try:
                book.find_source_cell(name, *where)  # nbgrader's own knows its checksum
            except MissingEntry:
                book.add_source_cell(name, *where, cell_type="code", locked=locked, source=source)


def _write_grades(book: "Gradebook", submission: "SubmittedAssignment", outcome: Outcome) -> None:
    """The scores and comments of one notebook, each exercise of its lesson in a cell of its own."""
    from nbgrader.api import Comment, Grade, SubmittedNotebook

    lesson = outcome["lesson"]
    notebook = book.find_notebook(lesson, lesson)
    submitted = next((one for one in submission.notebooks if one.notebook_id == notebook.id), None)
    submitted = submitted or SubmittedNotebook(notebook=notebook, assignment=submission)
    grades = {grade.cell_id: grade for grade in submitted.grades}
    comments = {comment.cell_id: comment for comment in submitted.comments}
    for exercise in exercises_of(lesson):
        asked = book.find_solution_cell(exercise.name, lesson, lesson).id
        graded = book.find_grade_cell(f"check-{exercise.name}", lesson, lesson).id
        grade = grades.get(graded) or Grade(cell_id=graded, notebook=submitted)
        comment = comments.get(asked) or Comment(cell_id=asked, notebook=submitted)
        result = outcome["exercises"].get(exercise.name, {"state": NOT_GRADED, "hint": ""})
        if result["state"] != NOT_GRADED:
            grade.auto_score = float(result["points"])
        grade.needs_manual_grade = result["state"] == NOT_GRADED or grade.manual_score is not None
        sentences = [COMMENTS.get(result["state"], ""), result["hint"]]
        comment.auto_comment = " ".join(filter(None, sentences)) or None
    book.db.commit()
