"""Keeps results on the disk: one JSON file a submission, whole or not at all, named by the hash of what it is of.

Whoever grades again, after a kill or with more submissions, finds what is done by its key.
"""

import json
import os
import secrets
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mmgen_course.data.atomic import replacing
from mmgen_course.grading.bubblewrap import PACKAGE
from mmgen_course.grading.grade import SECONDS
from mmgen_course.grading.submissions import Submission

Outcome = dict[str, Any]
# what shows results, or runs the course's own notebooks, decides none
UNDECIDING = ["exercises/feedback", "exercises/progress.py", "notebooks/run.py"]
UNDECIDING += ["grading/class_statistics.py", "grading/gradebook.py", "grading/report.py"]
# what each result says, whatever came of the notebook
WRITTEN = {"student", "lesson", "file", "key", "isolation", "state", "reason", "points", "of", "exercises", "notes"}


class Results:
    """The folder of results of one class."""

    def __init__(self, out: Path) -> None:
        self.folder = out / "results"
        self.folder.mkdir(parents=True, exist_ok=True)
        for left in self.folder.glob("*.partial"):  # of a run that was killed
            left.unlink(missing_ok=True)
        self.secret = _secret(out / "secret")

    def path(self, key: str) -> Path:
        """Where the result with this key lies."""
        return self.folder / f"{key}.json"

    def done(self, key: str) -> Outcome | None:
        """The result with this key, if it is there and says more than that we failed."""
        outcome = _read(self.path(key))
        return None if outcome is None or outcome["state"] == "not graded" else outcome

    def write(self, outcome: Outcome) -> None:
        """Keep a result."""
        with replacing(self.path(outcome["key"])) as partial:
            partial.write_text(json.dumps(outcome, indent=1) + "\n", encoding="utf-8")

    def all(self) -> Iterator[Outcome]:
        """Every result, by student and file."""
        found = map(_read, self.folder.glob("*.json"))
        yield from sorted(filter(None, found), key=lambda outcome: (outcome["student"], outcome["file"]))


def _read(path: Path) -> Outcome | None:
    """A result as it was written; nothing if it is not there or damaged: then it is graded again."""
    try:
        outcome = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    whole = isinstance(outcome, dict) and outcome.keys() >= WRITTEN and outcome["key"] == path.stem
    return outcome if whole else None


def key_of(submission: Submission, contained: bool = True, seconds: float = SECONDS, lesson: str = "") -> str:
    """The key of a submission's result: another grader, student or notebook, or graded otherwise, another key."""
    parts = [grader(), contained, seconds, lesson]
    parts += [submission.student, submission.file, submission.sha256, submission.refused]
    return sha256(json.dumps(parts).encode()).hexdigest()


@cache
def grader() -> str:
    """A hash of what decides a grade: the exercises, the grading, the slicing of notebooks, the release of torch."""
    digest = sha256(version("torch").encode())
    for folder in ("exercises", "grading", "notebooks"):
        for path in sorted((PACKAGE / folder).rglob("*.py")):
            if not any(path.is_relative_to(PACKAGE / name) for name in UNDECIDING):
                digest.update(path.read_bytes())
    return digest.hexdigest()


def _secret(path: Path) -> bytes:
    """What the inputs are drawn from: kept, so that whoever asks for a second grading gets the same inputs."""
    if not path.exists():
        with replacing(path) as partial:
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_bytes(32))
    return path.read_bytes()
