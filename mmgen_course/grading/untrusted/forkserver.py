"""A fork server: has imported what lessons import, and forks for each learner; torch takes seconds, a fork ms.

It never runs a learner's code. For each learner comes a socket; a child isolates itself and runs `worker`, watched by
another child from outside: time, memory and processes are limited here, where nothing inside can reach. When the worker
ends, all that it started ends with it.
"""

import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from mmgen_course.grading.untrusted import isolation, worker

PRELOADED = (
    "matplotlib.pyplot",
    "mmgen_course.evaluate",
    "mmgen_course.generators",
    "mmgen_course.pipeline",
    "mmgen_course.preprocess",
    "mmgen_course.show",
    "mmgen_course.widgets",
)
WATCH_SECONDS = 0.05
BUSY_LOOKS = 2


def main(descriptor: int, contained: bool) -> None:
    """Say "ready", then serve: each message is a JSON object of limits and imports, and beside it two sockets.

    One is the learner's, the other a line that the grader hangs up to end the worker. The answer is how it ended:
    {"ended": "exit" | "signal" | "time" | "memory" | "processes" | "hung up" | "infrastructure", "status"}.
    """
    control = socket.socket(fileno=descriptor)
    for name in PRELOADED:
        importlib.import_module(name)
    if contained:
        isolation.check_machine()
    gc.collect()
    gc.freeze()  # what is imported is garbage for no fork; to look through it would copy its pages into each
    control.sendall(b'{"ready": true}\n')
    while True:
        data, descriptors, _, _ = socket.recv_fds(control, 4096, 2)
        if not data:
            return
        channel, line = descriptors
        limits = json.loads(data)
        for name in limits["imports"]:
            importlib.import_module(name)
        ended = _one(channel, line, limits, contained, control)
        control.sendall(json.dumps(ended).encode() + b"\n")


def _one(channel: int, line: int, limits: dict[str, Any], contained: bool, control: socket.socket) -> dict[str, object]:
    """Run one worker behind a watcher; what the watcher reports."""
    reading, writing = os.pipe()
    watcher = os.fork()
    if watcher == 0:
        os.close(reading)
        control.close()
        try:
            report = _watch(channel, line, limits, contained)
        except Exception as error:
            report = {"ended": "infrastructure", "status": f"{type(error).__name__}: {error}"}
        os.write(writing, json.dumps(report).encode())
        os._exit(0)
    for descriptor in (writing, channel, line):
        os.close(descriptor)
    with os.fdopen(reading, "rb") as pipe:
        written = pipe.read()
    os.waitpid(watcher, 0)
    return json.loads(written or b'{"ended": "infrastructure", "status": "the watcher ended"}')


def _watch(channel: int, line: int, limits: dict[str, Any], contained: bool) -> dict[str, object]:
    """Fork the worker, wait for it, and end it where it goes beyond a limit or the grader hangs up."""
    if contained:
        isolation.new_process_namespace()
    waking, woken = os.pipe()
    os.set_blocking(woken, False)
    signal.set_wakeup_fd(woken)
    signal.signal(signal.SIGCHLD, lambda kind, frame: None)
    child = os.fork()
    if child == 0:
        _work(channel, int(limits["memory"]), contained)
    os.close(channel)
    reaped = False
    try:
        report = _ended(child, line, waking, limits, contained)
        reaped = report["ended"] in ("exit", "signal")
    finally:  # whatever happens to the watcher, nothing goes on unwatched
        _end(child, contained, reaped)
    return report


def _ended(child: int, line: int, waking: int, limits: dict[str, Any], contained: bool) -> dict[str, object]:
    """How the worker ends, or why it must."""
    end = time.monotonic() + limits["seconds"]
    busy = 0
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return _exit_report(status)
        if time.monotonic() > end:
            return {"ended": "time", "status": limits["seconds"]}
        tasks, running, resident = _usage() if contained else (0, 0, 0)
        if tasks > isolation.PROCESSES:  # the kernel's own limit does not count what root starts
            return {"ended": "processes", "status": isolation.PROCESSES}
        busy = busy + 1 if running > isolation.RUNNING else 0
        if busy > BUSY_LOOKS:  # it takes the time of those who are graded beside it
            return {"ended": "processes", "status": isolation.RUNNING}
        if not busy and resident > limits["memory"] and _proportional_of_all() > limits["memory"]:
            return {"ended": "memory", "status": limits["memory"]}
        ready, _, _ = select.select([line, waking], [], [], WATCH_SECONDS)
        if line in ready:
            return {"ended": "hung up", "status": ""}
        if waking in ready:
            os.read(waking, 1024)


def _work(channel: int, memory: int, contained: bool) -> None:
    """In the child: close everything but the channel, isolate it, and serve."""
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        nothing = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(nothing, standard)
        os.dup2(channel, 3)
        os.closerange(4, 65536)
        sys.argv = ["notebook"]
        if contained:
            isolation.enclose(memory)
        else:
            isolation.limit(isolation.address_space() + memory)
        worker.main(3)
    finally:
        os._exit(71)


def _exit_report(status: int) -> dict[str, object]:
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return {"ended": "exit", "status": code}
    known = -code in set(signal.Signals)  # most real-time signals have no name
    return {"ended": "signal", "status": signal.Signals(-code).name if known else f"signal {-code}"}


def _end(child: int, contained: bool, reaped: bool) -> None:
    """End the worker and what it has started; of a process namespace the kernel ends all with the first."""
    if not contained:
        with suppress(ProcessLookupError, PermissionError):  # the group is gone
            os.killpg(child, signal.SIGKILL)
    elif not reaped:
        os.kill(child, signal.SIGKILL)
    if not reaped:
        os.waitpid(child, 0)


def _untrusted() -> Iterator[Path]:
    """The folders in /proc of all processes but the three trusted ones."""
    trusted = {1, os.getppid(), os.getpid()}
    return (entry for entry in Path("/proc").iterdir() if entry.name.isdigit() and int(entry.name) not in trusted)


def _usage() -> tuple[int, int, int]:
    """Threads, threads that compute, and bytes of memory of the untrusted processes, in one walk through them."""
    tasks = running = resident = 0
    for process in _untrusted():
        with suppress(OSError):  # it has just ended; what was read before it did counts
            tasks += _tasks(process)
            running += _running(process)
            resident += _resident(process)
    return tasks, running, resident


def _proportional_of_all() -> int:
    total = 0
    for process in _untrusted():
        with suppress(OSError):
            total += _proportional(process)
    return total


def _tasks(process: Path) -> int:
    """Its threads, itself among them; one that has ended and waits for its parent counts, too.

    A process names itself in this file, in any bytes.
    """
    return max(1, int((process / "stat").read_bytes().rpartition(b")")[2].split()[17]))


def _running(process: Path) -> int:
    """Its threads that compute, or wait for a processor."""
    states = [(task / "stat").read_bytes().rpartition(b")")[2].split()[0] for task in (process / "task").iterdir()]
    return states.count(b"R")


def _resident(process: Path) -> int:
    """What it does not share with a file: quick, but pages that forks share are counted with each."""
    lines = (process / "status").read_bytes().splitlines()
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith((b"RssAnon:", b"RssShmem:")))


def _proportional(process: Path) -> int:
    """The same with shared pages divided by their users; one that hides it is counted in full."""
    try:
        lines = (process / "smaps_rollup").read_text().splitlines()
    except PermissionError:
        return _resident(process)
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith(("Pss_Anon:", "Pss_Shmem:")))
