"""The register of lessons, notebooks/lessons.toml: which lessons there are, in which order, and what each is called.

Everything that lists lessons reads it: `mmgen lessons`, README's table, the book and the tests. Like the notebooks it
is in a clone of the course, not in an installed package, where the register is empty.
"""

import itertools
import tomllib
from dataclasses import dataclass
from pathlib import Path

REGISTER = Path(__file__).resolve().parents[2] / "notebooks" / "lessons.toml"


class RegisterError(ValueError):
    """What is wrong in the register: file, lesson, problem."""


@dataclass(frozen=True)
class LessonEntry:
    """One lesson of the register.

    Attributes:
        name: NN_name, as its source and its notebooks are called; NN is its number.
        title: short, without the number.
        stage: where in the flow of data it stands.
        label: what it is called on the map of that flow.
        does: what the learner does in it; empty of a lesson to come.
        reading: minutes; 0 of a lesson to come.
        seconds: of a run from top to bottom, or None where that was not measured.
        cpu_seconds: likewise, of all cores together.
        peak_mb: likewise, the largest resident memory in 1e6 bytes.
        to_come: whether it is announced, and not there yet.
    """

    name: str
    title: str
    stage: str
    label: str
    does: str = ""
    reading: int = 0
    seconds: int | None = None
    cpu_seconds: int | None = None
    peak_mb: int | None = None
    to_come: bool = False

    @property
    def number(self) -> int:
        """The number of the lesson.

        Example:
            >>> LessonEntry("07_gan", "GAN", "Generator", "GAN").number
            7
        """
        return int(self.name[:2])


def read_register(path: Path = REGISTER) -> list[LessonEntry]:
    """Return all lessons in their order, those to come among them; none where there is no register.

    Raises:
        RegisterError: a lesson lacks something or has too much, or they are not in the order of their numbers.
    """
    if not path.exists():
        return []
    entries = []
    for given in tomllib.loads(path.read_text(encoding="utf-8"))["lesson"]:
        try:
            entry = LessonEntry(**given)
            entry.number  # noqa: B018  # that it has one
        except (TypeError, ValueError) as error:
            raise RegisterError(f"{path}, {given.get('name', 'a lesson without name')}: {error}") from None
        if not entry.to_come and not (entry.does and entry.reading):
            raise RegisterError(f"{path}, {entry.name}: give `does` and `reading`, or `to_come = true`")
        entries.append(entry)
    for before, after in itertools.pairwise(entries):
        if before.number >= after.number:
            raise RegisterError(f"{path}: {after.name} stands behind {before.name}; lessons go by their numbers")
    return entries


def lesson_names(path: Path = REGISTER) -> list[str]:
    """Return the names of the lessons that are there, in their order."""
    return [entry.name for entry in read_register(path) if not entry.to_come]
