"""Every case of the corpus earns what it earned, leaks nothing, and leaves nothing behind."""

from importlib import import_module
from pathlib import Path

import pytest
from corpus import Case, Host, run

from mmgen_course.grading.sandbox import Sandbox, why_not_contained

MODULES = sorted(path.stem for path in Path(__file__).parent.glob("cases_*.py"))
CASES = [case for name in MODULES for case in import_module(name).CASES]

pytestmark = pytest.mark.skipif(bool(why_not_contained()), reason=why_not_contained() or "contained")


@pytest.fixture(scope="module")
def sandbox():
    made = Sandbox()
    yield made
    made.close()


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    made = Host(tmp_path_factory.mktemp("host"))
    yield made
    made.close()


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.code}-{case.title.replace(' ', '-')}")
def test_no_point_is_unearned_no_canary_leaks_and_nothing_is_left(case: Case, sandbox, host, monkeypatch):
    run(case, sandbox, host, monkeypatch)


def test_codes_are_unique():
    assert len({case.code for case in CASES}) == len(CASES)
