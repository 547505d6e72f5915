"""Keeps the points that a learner has earned in one small file, for every notebook and `mmgen progress`.

Notebooks that run at once do not lose each other's points; a file that cannot be read is put aside, never overwritten.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmgen_course.data import cache_folder
from mmgen_course.data.atomic import replacing
from mmgen_course.exercises import Exercise, all_exercises, exercises_of

PATIENCE = 5.0  # seconds that another notebook may take to write

in_memory: dict[str, int] = {}  # the points that no file keeps: they last as long as the kernel


class Unreadable(ValueError):
    """The file is there and holds no progress; the sentence says why."""


@dataclass(frozen=True)
class Lesson:
    """How far a lesson is.

    Attributes:
        name: NN_name, or "all".
        exercises, done: how many there are, and how many of them are right.
        points, earned: likewise.
        minutes_left: that the others will take.
    """

    name: str
    exercises: int
    done: int
    points: int
    earned: int
    minutes_left: int

    def __str__(self) -> str:
        """In a sentence.

        Example:
            >>> str(Lesson("05_attention", 4, 3, 12, 9, 10))
            'lesson 05: 3 of 4 exercises, 9 of 12 points'
        """
        return (
            f"lesson {self.name[:2]}: {self.done} of {self.exercises} exercises, {self.earned} of {self.points} points"
        )


def progress_file() -> Path | None:
    """Where the progress lies: the path in MMGEN_PROGRESS, or a file beside the downloads; None if that is empty."""
    path = os.environ.get("MMGEN_PROGRESS", str(cache_folder() / "progress.json"))
    return Path(path) if path else None


def earned() -> dict[str, int]:
    """The points by exercise, of the exercises that there are and that earned some.

    Raises:
        Unreadable: the file cannot be read, or holds something else.
    """
    path = progress_file()
    return _counted(_read(path) if path else in_memory)


def record(name: str, points: int) -> tuple[dict[str, int], str]:
    """Keep the points of an exercise if they are the best so far.

    Returns:
        The points by exercise, and a sentence for the learner if something is wrong with the file.
    """
    path = progress_file()
    trouble = ""
    if path and (points or path.exists()):
        try:
            return _record(path, name, points)
        except OSError as error:  # of which a lock that nobody gives back is one
            trouble = f"Your progress cannot be kept in {path}: {error.strerror or error}."
    in_memory[name] = max(points, in_memory.get(name, 0))
    return _counted(in_memory), trouble


def _record(path: Path, name: str, points: int) -> tuple[dict[str, int], str]:
    from filelock import FileLock  # not before something is to be written

    path.parent.mkdir(parents=True, exist_ok=True)
    trouble = ""
    with FileLock(path.with_name(f"{path.name}.lock"), timeout=PATIENCE):
        try:
            kept = _read(path)
        except Unreadable as error:
            kept, aside = {}, _aside(path)
            path.rename(aside)
            trouble = f"Your progress could not be read: {error}. It lies in {aside} now, and begins anew."
        if points > _counted(kept).get(name, 0):
            kept[name] = points
            with replacing(path) as partial:
                partial.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    return _counted(kept), trouble


def _aside(path: Path) -> Path:
    """A name that no file has: progress.json.broken, progress.json.broken2, ..."""
    number = 1
    while (aside := path.with_name(f"{path.name}.broken{number if number > 1 else ''}")).exists():
        number += 1
    return aside


def _read(path: Path) -> dict[str, Any]:
    """What a file holds; nothing if there is none."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (ValueError, RecursionError):
        raise Unreadable(f"{path} is not JSON") from None
    if not isinstance(kept, dict):
        raise Unreadable(f"{path} holds no points by exercise")
    return kept


def _counted(kept: dict[str, Any]) -> dict[str, int]:
    """The points of exercises that there are, none above what the exercise is worth.

    Example:
        >>> _counted({"antithetic_draws": 90, "kl_between": "many", "iwae_bound": 0, "of an old edition": 3})
        {'antithetic_draws': 2}
    """
    known = all_exercises()
    sound = {name: value for name, value in kept.items() if name in known and type(value) is int and value > 0}
    return {name: min(value, known[name].points) for name, value in sound.items()}


def lessons(points: dict[str, int]) -> list[Lesson]:
    """How far each lesson is that has exercises, in their order.

    Example:
        >>> str(next(lesson for lesson in lessons({"antithetic_draws": 2}) if lesson.name == "08_vae"))
        'lesson 08: 1 of 4 exercises, 2 of 12 points'
    """
    names = dict.fromkeys(exercise.lesson for exercise in all_exercises().values())
    return [_lesson(name, exercises_of(name), points) for name in names]


def whole(points: dict[str, int]) -> Lesson:
    """How far the course is.

    Example:
        >>> whole({}).name, whole({}).done
        ('all', 0)
    """
    return _lesson("all", list(all_exercises().values()), points)


def _lesson(name: str, exercises: list[Exercise], points: dict[str, int]) -> Lesson:
    done = [exercise for exercise in exercises if points.get(exercise.name, 0) > 0]
    return Lesson(
        name,
        len(exercises),
        len(done),
        sum(exercise.points for exercise in exercises),
        sum(points[exercise.name] for exercise in done),
        sum(exercise.minutes for exercise in exercises if exercise not in done),
    )
