"""What holds for every test: one thread a process, no network for lessons, no screen; and the plugins of the gate."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest.doctest import DoctestModule

# two processes with one thread each are far faster than two with two that wait for each other
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MPLBACKEND"] = "agg"
# the kernels that nbval starts refuse every connection that leaves this machine
os.environ["PYTHONPATH"] = str(Path(__file__).parent / "tests" / "offline")
# the training of lesson 10 is a short one, and nobody's progress in the exercises is read or written
os.environ["MMGEN_FAST"] = "1"
os.environ["MMGEN_PROGRESS"] = ""

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
