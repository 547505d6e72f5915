"""Examines this machine for `mmgen doctor`: what is there, what it is needed for, and what to do where it is not."""

import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Literal
from urllib.parse import urlsplit

import psutil
import torch

from mmgen_course import data, device
from mmgen_course.data.sources import SOURCES, Source

ENOUGH_GB = 2.0  # torch takes half a gigabyte before a lesson begins, JupyterLab and a browser the rest
ROOM_GB = 0.5  # for what lessons train and keep beside the notebooks
PATIENCE = 3.0  # seconds that a server may take to answer
REINSTALL = "`make clean lab` installs the versions of requirements.txt"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        check: what was looked at.
        needed_for: what stands on it.
        found: what is there.
        state: "good", "slow" where lessons run but may miss their minute, "absent" where something is not there that
            no lesson needs, "bad" where lessons fail.
        advice: what to do; empty where the state is good.
    """

    check: str
    needed_for: str
    found: str
    state: Literal["good", "slow", "absent", "bad"] = "good"
    advice: str = ""


def examine() -> Iterator[Finding]:
    """Yield a finding for each thing that the course stands on, what all lessons need first.

    Example:
        >>> next(examine()).needed_for
        'everything'
    """
    yield Finding("python", "everything", platform.python_version())  # too old a Python cannot even import this
    yield _torch()
    yield _torchvision()
    yield Finding("device", "speed alone: each lesson is made for a CPU", device().type)
    yield from _processor()
    yield _memory()
    yield _shipped_data()
    yield from _disk()
    yield _network()
    yield _bubblewrap()
    yield from _programs()


def _torch() -> Finding:
    need = "every lesson"
    if torch.__version__ < "2.10":
        return Finding("torch", need, torch.__version__, "bad", f"older than 2.10; {REINSTALL}")
    return Finding("torch", need, torch.__version__)


def _torchvision() -> Finding:
    need = "comparisons with a known library"
    try:
        import torchvision
    except (ImportError, RuntimeError) as error:  # RuntimeError: built for another torch
        return Finding("torchvision", need, str(error).splitlines()[0], "bad", REINSTALL)
    return Finding("torchvision", need, torchvision.__version__)


def _processor() -> Iterator[Finding]:
    """Compare torch's threads with the cores that nobody else uses in this half second.

    Threads that share a core wait for each other by spinning: two of them beside one busy core run several times
    slower than one alone.
    """
    cores, threads = os.cpu_count() or 1, torch.get_num_threads()
    busy = cores * psutil.cpu_percent(interval=0.5) / 100
    need = "training in minutes"
    yield Finding("cores", need, f"{cores}, of which {busy:.1f} are busy now")
    if threads > cores - busy + 0.5:
        free = max(1, round(cores - busy))
        advice = "close what else is running" + (f", or set OMP_NUM_THREADS={free}" if free < threads else "")
        yield Finding("torch threads", need, str(threads), "slow", advice)
    else:
        yield Finding("torch threads", need, str(threads))


def _memory() -> Finding:
    free_gb = psutil.virtual_memory().available / 1e9
    need = f"JupyterLab, a browser and a lesson: {ENOUGH_GB:g} GB"
    if free_gb < ENOUGH_GB:
        advice = "close other programs, or other notebooks' kernels"
        return Finding("free memory", need, f"{free_gb:.1f} GB", "slow", advice)
    return Finding("free memory", need, f"{free_gb:.1f} GB")


def _shipped_data() -> Finding:
    need = "every lesson, mmgen sample"
    try:
        problems = data.verify()
    except data.DataError as error:
        problems = [str(error)]
    if problems:
        found = f"{len(problems)} problems: {problems[0]}"
        return Finding("shipped data", need, found, "bad", "restore it: `git checkout data`, or install anew")
    return Finding("shipped data", need, "every file has its hash")


def _disk() -> Iterator[Finding]:
    """What is free where the course lies and where downloads go, and whether the largest of them fits."""
    free_gb = _free_gb(data.ROOT)
    need = f"notebooks, and what you train: {ROOM_GB:g} GB"
    if free_gb < ROOM_GB:
        yield Finding("disk, course", need, f"{free_gb:.1f} GB free", "slow", "remove what you no longer need")
    else:
        yield Finding("disk, course", need, f"{free_gb:.1f} GB free")
    free_gb, largest_gb = _free_gb(data.cache_folder()), max(map(_bytes_on_disk, SOURCES.values())) / 1e9
    need = f"mmgen data fetch: at most {largest_gb:.1f} GB"
    if free_gb < largest_gb:
        advice = "before a fetch, name a folder on another disk in MMGEN_DATA"
        yield Finding("disk, downloads", need, f"{free_gb:.1f} GB free", "absent", advice)
    else:
        yield Finding("disk, downloads", need, f"{free_gb:.1f} GB free")


def _bytes_on_disk(source: Source) -> int:
    """Of a data set when it has come, an archive beside what was unpacked of it."""
    return source.size + sum(member.size for file in source.files for member in file.members)


def _free_gb(folder: Path) -> float:
    """Free space for the user where a folder is, or will be."""
    there = next(place for place in [folder, *folder.parents] if place.exists())
    return shutil.disk_usage(there).free / 1e9


def _network() -> Finding:
    """Ask the first server of each data set whether it is there, all of them at once."""
    addresses = {urlsplit(url).hostname: url for source in SOURCES.values() for url in source.files[0].urls[:1]}
    answered: list[str] = []
    # daemons: a lookup of a name has no time limit of its own, and must not hold up the end of the program
    threads = [Thread(target=_ask, args=(url, answered), daemon=True) for url in addresses.values()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE + 1)
    need, found = "mmgen data fetch", f"{len(answered)} of {len(addresses)} servers of data answer"
    if len(answered) == len(addresses):
        return Finding("network", need, found)
    silent = ", ".join(sorted(str(name) for name, url in addresses.items() if url not in answered))
    return Finding("network", need, found, "absent", f"offline is fine, all lessons run; no answer from {silent}")


def _ask(url: str, answered: list[str]) -> None:
    import requests

    try:
        requests.head(url, timeout=PATIENCE).close()  # any answer will do; through the proxy, where one is set
    except requests.RequestException:
        return
    answered.append(url)


def _bubblewrap() -> Finding:
    from mmgen_course.grading.sandbox import why_not_contained  # its imports take a second

    need = "mmgen grade: students' code in a sandbox"
    if reason := why_not_contained():
        return Finding("bubblewrap", need, "does not contain code here", "absent", reason)
    return Finding("bubblewrap", need, "starts a sandbox")


def _programs() -> Iterator[Finding]:
    needs = {
        "chromium": (CHROMIUM, "the browser tests of `make test`; a lesson opens in any browser"),
        "npm": (("npm",), "`make book`, which fetches its scripts once; the tests of the book"),
    }
    for check, (names, need) in needs.items():
        if path := next(filter(None, map(shutil.which, names)), None):
            yield Finding(check, need, path)
        else:
            advice = f"`apt install {check}`, or leave it: its tests are skipped"
            yield Finding(check, need, "not there", "absent", advice)
