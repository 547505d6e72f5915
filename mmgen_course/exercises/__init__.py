"""The exercises of the course, each with the mistakes that people make; `mmgen_course.check` shows the verdict."""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from mmgen_course.exercises import lessons
from mmgen_course.exercises.exercise import Exercise, Misconception, Verdict, mark

__all__ = ["Exercise", "Misconception", "Verdict", "all_exercises", "exercises_of", "mark"]


@cache
def all_exercises() -> dict[str, Exercise]:
    """Every exercise of the course by the name of its function, in the order of the lessons.

    Example:
        >>> all_exercises()["kl_between"].lesson
        '08_vae'
    """
    names = sorted(module.name for module in iter_modules(lessons.__path__))
    modules = [import_module(f"{lessons.__name__}.{name}") for name in names]
    return {exercise.name: exercise for module in modules for exercise in module.EXERCISES}


def exercises_of(lesson: str) -> list[Exercise]:
    """The exercises of a lesson in their order.

    Example:
        >>> [exercise.name for exercise in exercises_of("08_vae")][:2]
        ['kl_between', 'antithetic_draws']
    """
    return [exercise for exercise in all_exercises().values() if exercise.lesson == lesson]
