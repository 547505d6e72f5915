"""Every case of the corpus earns what it earned, leaks nothing, and leaves nothing behind."""

from importlib import import_module
from pathlib import Path

import pytest
from corpus import Case, run

MODULES = sorted(path.stem for path in Path(__file__).parent.glob("cases_*.py"))
CASES = [case for name in MODULES for case in import_module(name).CASES]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.code}-{case.title.replace(' ', '-')}")
def test_no_point_is_unearned_no_canary_leaks_and_nothing_is_left(case: Case, sandbox, host, monkeypatch):
    run(case, sandbox, host, monkeypatch)


def test_codes_are_unique():
    assert len({case.code for case in CASES}) == len(CASES)
