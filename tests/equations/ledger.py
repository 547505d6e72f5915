"""The equation ledger: lesson sources and the files lesson_NN.py go in; out come the checks and all that is wrong.

Each displayed equation has one check, which accepts the equation as a callable and rejects its mutants: the same
formula with a mistake that people really make. A new lesson needs a new file lesson_NN.py and no other change.
"""

import runpy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from tools.lessons.ledger import Entry

Formula = Callable[..., object]
Check = Callable[[Formula], None]
Mutants = dict[str, Formula]
ACCEPTED, REJECTED = "accepted", "rejected"


@dataclass(frozen=True)
class Equation(Entry):
    """An entry that can be run: its formula, its mutants by name, and the check: AssertionError means wrong."""

    mutants: Mutants
    formula: Formula
    check: Check


def equation(label: str, fingerprint: str, how: str, formula: Formula, mutants: Mutants) -> Callable[[Check], Equation]:
    """Make the check below this decorator an entry of the ledger.

    Args:
        label: of the equation that a lesson displays; its LaTeX stands there, and nowhere else.
        fingerprint: of that LaTeX. Leave it empty at first: `python -m tools.lessons.ledger` says what to write.
        how: what the formula is compared with, for the page of the book.
        formula: the equation as a callable.
        mutants: name of a mistake -> the equation with it.
    """

    def entry(check: Check) -> Equation:
        file = Path(check.__code__.co_filename).stem
        return Equation(label, fingerprint, how, mutants, file, formula, check)

    return entry


def read_ledger(folder: Path) -> list[Equation]:
    """Run every lesson_*.py of `folder` and collect its entries, in the order in which they stand."""
    files = [runpy.run_path(str(path)) for path in sorted(folder.glob("lesson_*.py"))]  # name -> value
    return [value for names in files for value in names.values() if isinstance(value, Equation)]


def verdict(check: Check, formula: Formula) -> str:
    """Return ACCEPTED, REJECTED, or the error that kept the check from deciding."""
    try:
        check(formula)
    except AssertionError:
        return REJECTED
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ACCEPTED


def close(actual: object, expected: object, tolerance: float = 1e-9) -> None:
    """Assert that two numbers or arrays have one shape and the same values; NaN equals nothing."""
    actual, expected = (torch.as_tensor(value, dtype=torch.float64) for value in (actual, expected))
    torch.testing.assert_close(actual, expected, rtol=tolerance, atol=tolerance)


def uniform(*shape: int, seed: int = 0) -> Tensor:
    """Return random numbers in [0, 1), double, the same ones for the same arguments."""
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
