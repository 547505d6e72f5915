"""The equation ledger: lesson sources and the files lesson_NN.py go in; out come the checks and all that is wrong.

Each displayed equation has one check, which accepts the equation as a callable and rejects its mutants: the same
formula with a mistake that people really make. A new lesson needs a new file lesson_NN.py and no other change.
"""

import runpy
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from tools.lessons.equations import EQUATION, LABEL, number_equations
from tools.lessons.source import Lesson

Formula = Callable[..., object]
Check = Callable[[Formula], None]
Mutants = dict[str, Formula]
ACCEPTED, REJECTED = "accepted", "rejected"


@dataclass(frozen=True)
class Equation:
    """A formula, transcribed from `latex`, its mutants by name, and the check: AssertionError means wrong."""

    label: str
    latex: str
    how: str
    formula: Formula
    mutants: Mutants
    check: Check

    @property
    def file(self) -> str:
        """Name of the file that holds the check, such as lesson_00."""
        return Path(self.check.__code__.co_filename).stem


def equation(label: str, latex: str, how: str, formula: Formula, mutants: Mutants) -> Callable[[Check], Equation]:
    """Make the check below this decorator an entry of the ledger."""
    return lambda check: Equation(label, latex, how, formula, mutants, check)


def read_ledger(folder: Path) -> list[Equation]:
    """Run every lesson_*.py of `folder` and collect its entries, in the order in which they stand."""
    files = [runpy.run_path(str(path)) for path in sorted(folder.glob("lesson_*.py"))]  # name -> value
    return [value for names in files for value in names.values() if isinstance(value, Equation)]


@dataclass(frozen=True)
class Displayed:
    """An equation as a lesson shows it: `number` is L.k, `latex` comes without its label."""

    number: str
    latex: str

    @property
    def file(self) -> str:
        """Name of the file that must hold the check."""
        return f"lesson_{int(self.number.split('.')[0]):02d}"


def displayed_equations(lessons: list[Lesson]) -> dict[str, Displayed]:
    """Map each label to its equation, in the order of the course."""
    cells = [cell for lesson in lessons for cell in lesson.cells if cell.kind == "markdown"]
    formulas = [one_line(LABEL.sub("", latex)) for cell in cells for latex in EQUATION.findall(cell.text)]
    numbers = number_equations(lessons)  # in the same order
    return {label: Displayed(numbers[label], latex) for label, latex in zip(numbers, formulas, strict=True)}


def one_line(text: str) -> str:
    """Return `text` with each run of spaces and newlines made one space."""
    return " ".join(text.split())


def verdict(check: Check, formula: Formula) -> str:
    """Return ACCEPTED, REJECTED, or the error that kept the check from judging `formula`."""
    try:
        check(formula)
    except AssertionError:
        return REJECTED
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ACCEPTED


def faults(ledger: list[Equation], displayed: dict[str, Displayed]) -> list[str]:
    """List everything that is wrong with the ledger before any check is run."""
    times = Counter(entry.label for entry in ledger)
    wrong = [f"{label} has {n} checks; keep one" for label, n in times.items() if n > 1]
    missing = [(label, shown) for label, shown in displayed.items() if label not in times]
    wrong += [f"{label} ({shown.number}) has no check; write one in {shown.file}.py" for label, shown in missing]
    return wrong + [fault for entry in ledger for fault in _faults_of(entry, displayed.get(entry.label))]


def _faults_of(entry: Equation, shown: Displayed | None) -> list[str]:
    wrong = []
    if shown is None:
        wrong.append(f"{entry.label} is checked in {entry.file}.py, but no lesson displays it")
    elif shown.file != entry.file:
        wrong.append(f"{entry.label} ({shown.number}) is checked in {entry.file}.py; move it to {shown.file}.py")
    elif shown.latex != one_line(entry.latex):
        wrong.append(f"{entry.label} ({shown.number}) reads {shown.latex}; its check is of {one_line(entry.latex)}")
    if len({one_line(name).casefold() for name in entry.mutants}) < max(2, len(entry.mutants)):
        wrong.append(f"{entry.label} needs at least two mutants, each with a name of its own")
    return wrong


def close(actual: object, expected: object, tolerance: float = 1e-9) -> None:
    """Assert that two numbers or arrays have one shape and the same values; NaN equals nothing."""
    actual, expected = (torch.as_tensor(value, dtype=torch.float64) for value in (actual, expected))
    torch.testing.assert_close(actual, expected, rtol=tolerance, atol=tolerance)


def uniform(*shape: int, seed: int = 0) -> Tensor:
    """Return random numbers in [0, 1), double, the same ones for the same arguments."""
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
