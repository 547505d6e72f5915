"""The exercises of the course, each with the mistakes that people make; `mmgen_course.check` shows the verdict."""

from mmgen_course.exercises import lesson_08
from mmgen_course.exercises.exercise import Exercise, Misconception, Verdict, judge

__all__ = ["Exercise", "Misconception", "Verdict", "all_exercises", "judge"]


def all_exercises() -> dict[str, Exercise]:
    """Every exercise of the course by the name of its function, in the order of the lessons.

    Example:
        >>> all_exercises()["reparameterise"].lesson
        '08_vae'
    """
    return {exercise.name: exercise for module in (lesson_08,) for exercise in module.EXERCISES}
