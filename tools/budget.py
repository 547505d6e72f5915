"""What lessons, checks and pictures may cost in seconds of the processor, what each cost, and which cost more.

    python -m tools.budget [--lessons] [--json]

`make budget` runs it. It asks every check of an equation and every exercise here and now. Lessons and explorers take
minutes, so theirs are the seconds of the last run that somebody else made, as `make test` or `make book`; --lessons
runs the lessons here, too. Seconds of the processor are the same on a busy machine, but machines differ: nothing fails
by a budget, and no test looks at it.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import nbformat

from mmgen_course.notebooks.run import ROOT, execute, lesson_paths

FILE = ROOT / "build" / "budget.jsonl"
# of each kind: seconds, of what, and what measures it
BUDGETS = {
    "lesson": (60.0, "a lesson from top to bottom, in its kernel", "make test, or python -m tools.budget --lessons"),
    "solutions": (60.0, "the same with its exercises solved", "make test"),
    "ledger": (1.0, "the check of an equation", "make budget"),
    "exercise": (2.0, "the slowest verdict of an exercise, as HTML", "make budget"),
    "explorer": (0.5, "a picture of an explorer in the book", "make book"),
}


@dataclass(frozen=True)
class Spent:
    """What one thing cost.

    Attributes:
        kind: one of `BUDGETS`.
        what: a lesson, the label of an equation, the name of an exercise.
        cpu_seconds: of the processor, of user and system, with those of child processes.
        when: it was measured, in UTC.
    """

    kind: str
    what: str
    cpu_seconds: float
    when: str

    @property
    def is_over(self) -> bool:
        """Whether it cost more than its budget."""
        return self.cpu_seconds > BUDGETS[self.kind][0]


def spent(kind: str, what: str, cpu_seconds: float, file: Path = FILE) -> None:
    """Write down what something cost, for `make budget`; any number of processes may do so at once."""
    if kind not in BUDGETS:
        raise ValueError(f"a kind of {', '.join(BUDGETS)} expected; got {kind!r}")
    row = Spent(kind, what, round(cpu_seconds, 3), datetime.now(UTC).isoformat(timespec="seconds"))
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(asdict(row)) + "\n")  # one short write at the end of a file is one piece


def read(file: Path = FILE) -> list[Spent]:
    """The last figure of each thing, sorted by kind and name; none where nothing was written down."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    rows = [Spent(**json.loads(line)) for line in lines]
    last = {(row.kind, row.what): row for row in rows}
    return sorted(last.values(), key=lambda row: ([*BUDGETS].index(row.kind), row.what))


@contextmanager
def clocked(kind: str, what: str, file: Path = FILE) -> Iterator[None]:
    """Write down what the block costs this process and the children that it waits for."""
    before = os.times()
    yield
    after = os.times()
    spent(kind, what, sum(after[:4]) - sum(before[:4]), file)


def table(rows: list[Spent]) -> str:
    """The budgets with what was spent of each, and a line for every thing that went over.

    Example:
        >>> print(table([Spent("ledger", "eq:softmax", 1.25, "2026-01-02T03:04:05+00:00")]).splitlines()[1])
        ledger        1.0      1    1.25    1.25  2026-01-02 03:04 eq:softmax
    """
    lines = [f"{'kind':<10} {'budget':>6} {'things':>6} {'all':>7} {'most':>7}  {'oldest, UTC':<16} the most"]
    missing, over = [], []
    for kind, (budget, what, by) in BUDGETS.items():
        of = [row for row in rows if row.kind == kind]
        if not of:
            missing.append(f"not measured here: {what} ({kind}); {by}")
            continue
        most, oldest = max(of, key=lambda row: row.cpu_seconds), min(row.when for row in of)
        everything = sum(row.cpu_seconds for row in of)
        numbers = f"{budget:>6.1f} {len(of):>6} {everything:>7.2f} {most.cpu_seconds:>7.2f}"
        lines.append(f"{kind:<10} {numbers}  {oldest[:16].replace('T', ' '):<16} {most.what}")
        over += [f"OVER {row.kind} {row.what}: {row.cpu_seconds:.2f} of {budget:g} s" for row in of if row.is_over]
    return "\n".join([*lines, *missing, *(over or ["nothing is over its budget"])])


def measure_ledger(file: Path = FILE) -> None:
    """Ask every check of an equation twice, and write the second down: the first may load a library."""
    sys.path.insert(0, str(ROOT / "tests" / "equations"))
    from ledger import read_ledger

    for entry in read_ledger(ROOT / "tests" / "equations"):
        entry.check(entry.formula)
        with clocked("ledger", entry.label, file):
            entry.check(entry.formula)


def measure_exercises(file: Path = FILE) -> None:
    """Show the verdict on the reference and on every known mistake of each exercise, and write the slowest down."""
    from mmgen_course.exercises import Exercise, all_exercises, mark
    from mmgen_course.exercises.feedback import Feedback

    def verdict_on(exercise: Exercise, answer: Callable[..., object]) -> None:
        Feedback(mark(exercise, answer))._repr_html_()

    def seconds(work: Callable[[], object]) -> float:
        before = time.process_time()
        work()
        return time.process_time() - before

    for exercise in all_exercises().values():
        answers = [exercise.reference, *(mistake.wrong for mistake in exercise.misconceptions)]
        mark(exercise, exercise.reference, seconds=60.0)  # torch imports for seconds at its first step of training
        took = [seconds(partial(verdict_on, exercise, answer)) for answer in answers]
        spent("exercise", exercise.name, max(took), file)


def measure_lessons(file: Path = FILE) -> None:
    """Run every lesson headless."""
    for path in lesson_paths():
        run = execute(nbformat.read(path, as_version=4), path.stem)
        if run.error:
            raise SystemExit(f"budget: {run.error}")
        spent("lesson", path.stem, run.cpu_seconds, file)


def main(arguments: list[str] | None = None) -> None:
    """Measure what takes seconds, and print every budget."""
    parser = argparse.ArgumentParser(description="Print what may cost how much, and what cost more.")
    parser.add_argument("--lessons", action="store_true", help="run the lessons here, too; minutes")
    parser.add_argument("--json", action="store_true", help="everything that was measured, for a program")
    options = parser.parse_args(arguments)
    import torch

    torch.set_num_threads(1)  # threads that wait for one another count as seconds, too
    measure_ledger()
    measure_exercises()
    if options.lessons:
        measure_lessons()
    rows = read()
    print(json.dumps([asdict(row) for row in rows], indent=1) if options.json else table(rows))


if __name__ == "__main__":
    main()
