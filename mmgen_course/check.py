"""Marks a learner's function and shows the verdict: `check(fn)` in a lesson.

Under nbgrader, whose grade is the success of a cell, an answer that is not right raises; elsewhere nothing does.
"""

import os
from difflib import get_close_matches
from typing import Any

from IPython.core.getipython import get_ipython
from IPython.display import display

from mmgen_course.exercises import Verdict, all_exercises, mark, progress
from mmgen_course.exercises.feedback import Feedback
from mmgen_course.exercises.messages import brief, kind


class NotRight(AssertionError):
    """An answer is not right; a notebook, and Validate, show the verdict without this module's lines above it."""

    def _render_traceback_(self) -> list[str]:
        return str(self).splitlines()


def check(answer: Any) -> None:
    """Mark the function or class of an exercise, show the verdict, and keep the progress.

    Args:
        answer: the function or class, under the name that the exercise gives it.

    Raises:
        ValueError: no exercise has this name, or this is no function.
        NotRight: under nbgrader alone: the answer is not right.

    Example:
        >>> def antithetic_draws(mu, logvar, noise):
        ...     raise NotImplementedError
        >>> check(antithetic_draws)
        antithetic_draws: ○ not done yet, 0 of 2 points
        Asked for: two draws from N(mu, sigma^2) as one tensor ...
    """
    verdict = mark(all_exercises()[_name(answer)], answer)
    shown = Feedback(verdict, _recorded(verdict))
    display(shown)
    if "NBGRADER_EXECUTION" in os.environ and verdict.state != "right":
        raise NotRight(repr(shown))


def _name(answer: Any) -> str:
    """Which exercise an answer is for: by its name, or by the name that a notebook gave it, as in `f = lambda x: x`."""
    exercises = all_exercises()
    if not callable(answer):
        example = next(iter(exercises))
        raise ValueError(f"check takes the function itself, as in check({example}); came {kind(answer)}")
    name = getattr(answer, "__name__", None)
    if type(name) is str and name in exercises:
        return name
    namespace = getattr(get_ipython(), "user_ns", {})
    for known in exercises:
        if namespace.get(known) is answer:
            return known
    close = get_close_matches(name, exercises) if type(name) is str else []
    known = f"did you mean {' or '.join(close)}?" if close else f"there are: {', '.join(exercises)}"
    raise ValueError(f"no exercise is called {brief(name)}; {known}")


def _recorded(verdict: Verdict) -> str:
    """Keep the points of a verdict, and say how far its lesson is."""
    exercise = verdict.exercise
    points, trouble = progress.record(exercise.name, verdict.points)
    lesson = next(lesson for lesson in progress.lessons(points) if lesson.name == exercise.lesson)
    return f"{lesson}. {trouble}" if trouble else str(lesson)
