"""A learner's function goes in, a verdict that a person likes to read comes out: `check(fn)` in a lesson.

Under nbgrader, whose grade is the success of a cell, an answer that is not right raises; elsewhere nothing does.
"""

import json
import os
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

from IPython.display import display

from mmgen_course.data import cache_folder
from mmgen_course.data.atomic import replacing
from mmgen_course.exercises import Exercise, Verdict, all_exercises, judge

in_memory: dict[str, int] = {}  # the progress where no file is to be written

COLOURS = {"right": "#007A5E", "undone": "#555555"}  # others: as for wrong
WRONG = "#B3261E"
HEADINGS = {
    "right": "right",
    "wrong": "not yet",
    "error": "stopped with an error",
    "timeout": "took too long",
    "undone": "not done yet",
}


class Shown:
    """A verdict, and how far the lesson is, as text and as HTML."""

    def __init__(self, verdict: Verdict, progress: str) -> None:
        self.verdict, self.progress = verdict, progress

    def lines(self) -> list[str]:
        """The verdict in a few sentences: what it is, what differs, what helps."""
        verdict, exercise = self.verdict, self.verdict.exercise
        head = f"{exercise.name}: {HEADINGS[verdict.state]}, {verdict.points} of {exercise.points} points"
        asked = [] if verdict.state == "right" else [f"Asked for: {exercise.asks}."]
        reason = [f"What came: {verdict.reason}."] if verdict.reason and verdict.state != "undone" else []
        hint = [f"Hint: {verdict.misconception.hint}"] if verdict.misconception else []
        return [head, *asked, *reason, *hint, self.progress]

    def __repr__(self) -> str:
        """Plain text, for a terminal or a screen reader."""
        return "\n".join(self.lines())

    def _repr_html_(self) -> str:
        head, *rest = map(escape, self.lines())
        colour = COLOURS.get(self.verdict.state, WRONG)
        body = "".join(f"<p style='margin: 4px 0'>{line}</p>" for line in rest)
        style = f"border-left: 5px solid {colour}; padding: 4px 12px; max-width: 700px"
        return f"<div role='status' style='{style}'><strong style='color: {colour}'>{head}</strong>{body}</div>"


def check(answer: Callable[..., Any]) -> None:
    """Judge the function of an exercise, show the verdict, and keep the progress.

    Args:
        answer: the function, under the name that the exercise gives it.

    Raises:
        ValueError: no exercise has this name.
        AssertionError: under nbgrader alone: the answer is not right.

    Example:
        >>> def antithetic_draws(mu, logvar, noise):
        ...     raise NotImplementedError
        >>> check(antithetic_draws)
        antithetic_draws: not done yet, 0 of 2 points
        Asked for: two draws from N(mu, sigma^2) as one tensor ...
    """
    exercises = all_exercises()
    name = getattr(answer, "__name__", repr(answer))
    if name not in exercises:
        raise ValueError(f"no exercise is called {name!r}; there are: {', '.join(exercises)}")
    verdict = judge(exercises[name], answer)
    points = record(verdict)
    shown = Shown(verdict, said(exercises[name].lesson, points))
    display(shown)
    if "NBGRADER_EXECUTION" in os.environ and verdict.state != "right":
        raise AssertionError(repr(shown))


def record(verdict: Verdict) -> dict[str, int]:
    """Keep the best points of an exercise, and return those of all; a file that cannot be read is begun anew."""
    path = progress_file()
    points = kept(path) if path else in_memory
    name = verdict.exercise.name
    if verdict.state != "undone" and verdict.points >= points.get(name, 0):
        points[name] = verdict.points
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as partial:
                partial.write_text(json.dumps(points, indent=1) + "\n", encoding="utf-8")
    return points


def progress_file() -> Path | None:
    """Where the progress lies: the path in MMGEN_PROGRESS, or a file beside the downloads; None if that is empty."""
    path = os.environ.get("MMGEN_PROGRESS", str(cache_folder() / "progress.json"))
    return Path(path) if path else None


def kept(path: Path) -> dict[str, int]:
    """The points by exercise that a file holds; none if there is no such file, or it holds something else.

    Example:
        >>> kept(Path("no such file"))
        {}
    """
    try:
        points = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    known = all_exercises()
    if not isinstance(points, dict):
        return {}
    return {name: value for name, value in points.items() if name in known and type(value) is int}


def said(lesson: str, points: dict[str, int]) -> str:
    """How far a lesson is, in a sentence.

    Example:
        >>> said("08_vae", {"antithetic_draws": 2})
        'lesson 08: 1 of 4 exercises, 2 of 12 points'
    """
    here: list[Exercise] = [exercise for exercise in all_exercises().values() if exercise.lesson == lesson]
    earned = [points.get(exercise.name, 0) for exercise in here]
    done = sum(value > 0 for value in earned)
    total = sum(exercise.points for exercise in here)
    return f"lesson {lesson[:2]}: {done} of {len(here)} exercises, {sum(earned)} of {total} points"
