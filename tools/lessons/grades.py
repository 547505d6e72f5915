"""A lesson and what `check` knows of its exercises go in, the metadata by which nbgrader grades its cells comes out.

An exercise is two cells: the function or class, tagged `exercise`, and right after it `check(name)`. What a learner
writes in the first, nbgrader keeps; it gives the exercise's points if the second raises nothing.

Fails closed: a cell of the two that is missing or misplaced, and a lesson and an Exercise that do not know of each
other, raise LessonError.
"""

import re
from collections.abc import Mapping

from mmgen_course.exercises import Exercise
from tools.lessons.solutions import answer_name
from tools.lessons.source import Cell, Lesson, LessonError

CHECK = re.compile(r"^[ \t]*check\((.*)\)", re.MULTILINE)
EVERY = {"schema_version": 3, "task": False}


def grading(lesson: Lesson, exercises: Mapping[str, Exercise]) -> dict[int, dict]:
    """Map the place of each cell that nbgrader keeps or grades to its nbgrader metadata."""
    found: dict[int, dict] = {}
    names = []
    for i, cell in enumerate(lesson.cells):
        if not cell.is_exercise:
            continue
        name = answer_name(cell)
        exercise = _exercise(cell, name, lesson, exercises)
        if name in names:
            raise cell.error(f"a second exercise {name}; give one another name, or remove it")
        names.append(name)
        after = lesson.cells[i + 1] if i + 1 < len(lesson.cells) else None
        if after is None or after.kind != "code" or after.text.strip() != f"check({name})":
            raise cell.error(f"no cell `check({name})`, and nothing else in it, right after this exercise; add it")
        found[i] = EVERY | {"grade": False, "grade_id": name, "locked": False, "solution": True}
        found[i + 1] = EVERY | {"grade": True, "grade_id": f"check-{name}", "locked": True, "solution": False}
        found[i + 1]["points"] = exercise.points
    _check_the_rest(lesson, found, names, exercises)
    return found


def _exercise(cell: Cell, name: str, lesson: Lesson, exercises: Mapping[str, Exercise]) -> Exercise:
    """Return the Exercise that `cell` asks for; raise unless it knows that it stands in this lesson."""
    if name not in exercises:
        raise cell.error(f"no Exercise is called {name!r}; add it to mmgen_course/exercises/lessons, or rename this")
    exercise = exercises[name]
    if exercise.lesson != lesson.name:
        raise cell.error(f"{name} stands in {lesson.name}, but its Exercise says {exercise.lesson}; mend one")
    return exercise


def _check_the_rest(
    lesson: Lesson, found: dict[int, dict], names: list[str], exercises: Mapping[str, Exercise]
) -> None:
    """Raise if a check stands elsewhere than after its exercise, or an Exercise of this lesson has no cell."""
    for i, cell in enumerate(lesson.cells):
        its_place = found.get(i, {}).get("grade")
        stray = CHECK.search(cell.text) if cell.kind == "code" and not its_place else None
        if stray:
            problem = f"check({stray[1]}) is not right after an exercise {stray[1]}; move it there, or remove it"
            raise cell.error(problem, cell.text.count("\n", 0, stray.start()))
    lacking = [one.name for one in exercises.values() if one.lesson == lesson.name and one.name not in names]
    if lacking:
        advice = "write a cell for each, or remove its Exercise from mmgen_course/exercises/lessons"
        raise LessonError(f"{lesson.name}.py:1: this lesson lacks its exercise {', '.join(lacking)}; {advice}")


def check_lessons(lessons: list[Lesson], exercises: Mapping[str, Exercise]) -> None:
    """Raise LessonError if an Exercise names a lesson that does not exist."""
    there = [lesson.name for lesson in lessons]
    for exercise in exercises.values():
        if exercise.lesson not in there:
            known = ", ".join(there) or "none"
            raise LessonError(f"the Exercise {exercise.name} says {exercise.lesson}: no such lesson; there are {known}")
