"""What holds for every test: one thread a process, no network for lessons, no screen, no clock that decides."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

# two processes with one thread each are far faster than two with two that wait for each other
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MPLBACKEND"] = "agg"
# the kernels that nbval starts refuse every connection that leaves this machine
os.environ["PYTHONPATH"] = str(Path(__file__).parent / "offline")
# the training of lesson 10 is a short one, and nobody's progress in the exercises is read or written
os.environ["MMGEN_FAST"] = "1"
os.environ["MMGEN_PROGRESS"] = ""

# what a skip says that a program is missing -> the packages of Debian that bring it, as .ci/run installs them
MISSING = {
    "no Chromium on this machine": "chromium fonts-dejavu-core",
    "bubblewrap is not installed": "bubblewrap",
    "no npm on this machine": "npm",
}

# no example has a deadline, and none is drawn too slowly: a busy machine is not a fault, and what things cost is for
# `make budget` to say
UNHURRIED = [hypothesis.HealthCheck.too_slow]
hypothesis.settings.register_profile("unhurried", deadline=None, suppress_health_check=UNHURRIED)
hypothesis.settings.load_profile("unhurried")


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Ctrl-C interrupts, as in a learner's terminal: a gate that a shell started with `&` ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def calls_of() -> Callable[[Callable[[], object]], int]:
    """Count the calls of functions, Python's and C's, that some work takes: the same on every machine, busy or not."""

    def count(work: Callable[[], object]) -> int:
        calls = 0

        def seen(frame: object, event: str, argument: object) -> None:
            nonlocal calls
            calls += event in ("call", "c_call")

        before = sys.getprofile()
        sys.setprofile(seen)
        try:
            work()
        finally:
            sys.setprofile(before)
        return calls

    return count


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in one line what to install to run the tests that were skipped for want of it."""
    skipped = [report.longrepr[2] for report in terminalreporter.getreports("skipped")]
    packages = {why: [reason for reason in skipped if why in reason] for why in MISSING}
    if count := sum(map(len, packages.values())):
        install = " ".join(MISSING[why] for why, reasons in packages.items() if reasons)
        terminalreporter.write_line(f"{count} tests skipped: `apt-get install {install}` to run them", yellow=True)
