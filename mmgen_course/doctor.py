"""This machine goes in; what `mmgen doctor` says of it comes out: versions, speed, memory, data, and what to do."""

import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import psutil
import torch

from mmgen_course import data, device

ENOUGH_GB = 2.0  # torch takes half a gigabyte before a lesson begins, JupyterLab and a browser the rest
REINSTALL = "`make clean lab` installs the versions of requirements.txt"


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        check: what was looked at.
        found: what is there.
        state: "good", "slow" where lessons run but may miss their minute, "bad" where they fail.
        advice: what to do; empty where the state is good.
    """

    check: str
    found: str
    state: Literal["good", "slow", "bad"] = "good"
    advice: str = ""


def examine() -> Iterator[Finding]:
    """Yield a finding for each thing that the lessons need.

    Example:
        >>> next(examine()).check
        'python'
    """
    yield Finding("python", platform.python_version())  # too old a Python cannot even import this
    yield _torch()
    yield _torchvision()
    yield Finding("device", device().type)
    yield from _processor()
    yield _memory()
    yield _shipped_data()


def _torch() -> Finding:
    if torch.__version__ < "2.10":
        return Finding("torch", torch.__version__, "bad", f"older than 2.10; {REINSTALL}")
    return Finding("torch", torch.__version__)


def _torchvision() -> Finding:
    try:
        import torchvision
    except (ImportError, RuntimeError) as error:  # RuntimeError: built for another torch
        return Finding("torchvision", str(error).splitlines()[0], "bad", REINSTALL)
    return Finding("torchvision", torchvision.__version__)


def _processor() -> Iterator[Finding]:
    """Compare torch's threads with the cores that nobody else uses in this half second.

    Threads that share a core wait for each other by spinning: two of them beside one busy core run several times
    slower than one alone.
    """
    cores, threads = os.cpu_count() or 1, torch.get_num_threads()
    busy = cores * psutil.cpu_percent(interval=0.5) / 100
    yield Finding("cores", f"{cores}, of which {busy:.1f} are busy now")
    if threads > cores - busy + 0.5:
        advice = f"close what else is running, or set OMP_NUM_THREADS={max(1, round(cores - busy))}"
        yield Finding("torch threads", str(threads), "slow", advice)
    else:
        yield Finding("torch threads", str(threads))


def _memory() -> Finding:
    free_gb = psutil.virtual_memory().available / 1e9
    if free_gb < ENOUGH_GB:
        return Finding("free memory", f"{free_gb:.1f} GB", "slow", "close other programs, or other notebooks' kernels")
    return Finding("free memory", f"{free_gb:.1f} GB")


def _shipped_data() -> Finding:
    try:
        problems = data.verify()
    except data.DataError as error:
        problems = [str(error)]
    if problems:
        return Finding("shipped data", f"{len(problems)} problems: {problems[0]}", "bad", "`git checkout data`")
    return Finding("shipped data", "every file has its hash")
