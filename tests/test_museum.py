"""The wrong formulas of lesson 15 are mutants of the ledger: the same numbers, and the check rejects them.

Formulas are compared at the arguments that the ledger's own checks use.
"""

import runpy
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from ledger import ACCEPTED, REJECTED, close, read_ledger, verdict

from tools.lessons.ledger import LEDGER
from tools.lessons.source import read_lesson

ROOT = Path(__file__).parents[1]
LESSON = ROOT / "notebooks" / "source" / "15_formulas_that_look_right.py"
CODE = [cell for cell in read_lesson(LESSON).cells if cell.kind == "code"]
ENTRY = {entry.label: entry for entry in read_ledger(LEDGER)}


def museum(folder: Path) -> dict:
    """Run the lesson's cells that are tagged `museum`, and no others, and return EXHIBITS."""
    file = folder / "museum.py"
    file.write_text("\n".join(cell.text for cell in CODE if "museum" in cell.metadata.get("tags", [])))
    return runpy.run_path(str(file))["EXHIBITS"]


@pytest.fixture(scope="module")
def exhibits(tmp_path_factory) -> dict:
    return museum(tmp_path_factory.mktemp("museum"))


def arguments_of(check: Callable, formula: Callable) -> list[tuple]:
    """Every tuple of arguments at which `check` asks for the formula's value."""
    asked = []

    def spy(*arguments):
        asked.append(arguments)
        return formula(*arguments)

    check(spy)
    return asked


def numbers(value: object) -> list:
    """The tensors and numbers of what a formula returns, side by side."""
    return [part for each in value for part in numbers(each)] if isinstance(value, tuple) else [value]


def assert_same(one: object, other: object) -> None:
    for left, right in zip(numbers(one), numbers(other), strict=True):
        close(left, right)


def test_the_museum_has_an_exhibit_for_each_wrong_formula_of_its_sections(exhibits) -> None:
    assert len(exhibits) == 15
    assert len({(exhibit.equation, exhibit.mutant) for exhibit in exhibits.values()}) == 15


def test_each_wrong_formula_equals_the_mutant_that_it_names(exhibits) -> None:
    for exhibit in exhibits.values():
        entry = ENTRY[exhibit.equation]
        mutant = entry.mutants[exhibit.mutant]
        for arguments in arguments_of(entry.check, entry.formula):
            assert_same(exhibit.wrong(*arguments), mutant(*arguments))


def test_each_right_formula_equals_the_one_of_the_ledger(exhibits) -> None:
    for exhibit in exhibits.values():
        entry = ENTRY[exhibit.equation]
        for arguments in arguments_of(entry.check, entry.formula):
            assert_same(exhibit.right(*arguments), entry.formula(*arguments))


def test_the_ledger_rejects_each_wrong_formula_and_accepts_the_right_one_beside_it(exhibits) -> None:
    for name, exhibit in exhibits.items():
        check = ENTRY[exhibit.equation].check
        assert verdict(check, exhibit.wrong) == REJECTED, name
        assert verdict(check, exhibit.right) == ACCEPTED, name


def test_the_comparison_tells_a_wrong_formula_from_another(exhibits) -> None:
    entry = ENTRY["eq:gaussian-kl"]
    (first, *_) = [arguments for arguments in arguments_of(entry.check, entry.formula) if arguments[0].any()]
    with pytest.raises(AssertionError):
        assert_same(exhibits["half lost"].wrong(*first), entry.mutants["sign: the negative KL"](*first))
    with pytest.raises(ValueError, match="zip"):
        assert_same((torch.ones(1),), (torch.ones(1), torch.ones(1)))
