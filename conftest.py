"""How pytest runs the course: the two plugins of the gate, an option, and where examples are looked for.

What holds for every test stands in tests/conftest.py; this file is here because pytest wants hooks for notebooks/ above
that folder.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest.doctest import DoctestModule

TESTS = Path(__file__).parent / "tests"

pytest_plugins = ["validation", "heavy_first"]  # in tests/gate


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that keeps pictures, which take minutes and which no test compares."""
    help_ = "keep pictures of JupyterLab, light, dark and narrow, in screenshots/"
    parser.addoption("--screenshots", action="store_true", help=help_)


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> Iterator[None]:
    """Look for examples in docstrings of tests only where one stands: to look is to import, and slow a second time."""
    collected = yield
    if file_path.suffix != ".py" or not file_path.is_relative_to(TESTS) or ">>>" in file_path.read_text():
        return collected
    return [collector for collector in collected if not isinstance(collector, DoctestModule)]
