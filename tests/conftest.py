"""What holds for every test: one thread a process, no network for lessons, no screen."""

import os
from pathlib import Path

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


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in one line what to install to run the tests that were skipped for want of it."""
    skipped = [report.longrepr[2] for report in terminalreporter.getreports("skipped")]
    packages = {why: [reason for reason in skipped if why in reason] for why in MISSING}
    if count := sum(map(len, packages.values())):
        install = " ".join(MISSING[why] for why, reasons in packages.items() if reasons)
        terminalreporter.write_line(f"{count} tests skipped: `apt-get install {install}` to run them", yellow=True)
