"""The exercises of the course, each with the mistakes that people make; `mmgen_course.check` shows the verdict."""

from functools import cache
from importlib import import_module
from pkgutil import walk_packages

from mmgen_course.exercises import lessons
from mmgen_course.exercises.exercise import Exercise, Misconception, Verdict, mark

__all__ = ["Exercise", "Misconception", "Verdict", "all_exercises", "exercises_of", "mark"]


@cache
def all_exercises() -> dict[str, Exercise]:
    """Every exercise of the course by the name of its function, in the order of the lessons and in each of them.

    Example:
        >>> all_exercises()["kl_between"].lesson
        '08_vae'
    """
    files = [file.name for file in walk_packages(lessons.__path__, f"{lessons.__name__}.") if not file.ispkg]
    found: list[Exercise] = [import_module(file).EXERCISE for file in files]
    return {one.name: one for one in sorted(found, key=lambda one: (one.lesson, one.number))}


def exercises_of(lesson: str) -> list[Exercise]:
    """The exercises of a lesson in their order.

    Example:
        >>> [exercise.name for exercise in exercises_of("08_vae")][:2]
        ['kl_between', 'antithetic_draws']
    """
    return [exercise for exercise in all_exercises().values() if exercise.lesson == lesson]
