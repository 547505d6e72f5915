"""Runs notebooks: what a lesson prints and draws, and what it costs in time and memory.

`mmgen lessons`, `tools/lessons` and the tests run every lesson through `execute`: all three see the same.
"""

import copy
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty
from threading import Event, Thread
from typing import Any

import psutil
from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.channels import AsyncZMQSocketChannel
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning import LocalProvisioner
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from traitlets import Type

from mmgen_course.notebooks.register import lesson_names

ROOT = Path(__file__).resolve().parents[2]

# what a kernel gets on top of the caller's environment: sets and dicts of strings iterate in one order, and what trains
# for minutes in front of the learner trains for seconds; nobody's progress in the exercises is read or written
ENVIRONMENT = {"PYTHONHASHSEED": "0", "MMGEN_FAST": "1", "MMGEN_PROGRESS": ""}
KERNEL_ARGUMENTS = ["--log-level=ERROR"]  # no warning about unencrypted loopback for each kernel
LOOK_SECONDS = 1.0


class PollingChannel(AsyncZMQSocketChannel):
    """A channel to the kernel that looks for a reply once a second, also where nothing has told it that one is there.

    nbclient answers a widget's message while it waits for the reply to a cell. That send goes past asyncio
    (`Session.send` takes the plain socket), and if the reply arrives in this moment, ZeroMQ's one notice of it is
    consumed: the wait would last until the cell's time-out.
    """

    async def get_msg(self, timeout: float | None = None) -> dict[str, Any]:  # type: ignore[override]
        """The next message.

        Raises:
            Empty: none came within so many seconds.
        """
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            left = LOOK_SECONDS if end is None else min(LOOK_SECONDS, end - time.monotonic())
            try:
                return await super().get_msg(max(0.0, left))
            except Empty:
                if end is not None and time.monotonic() >= end:
                    raise


class _Client(AsyncKernelClient):
    shell_channel_class = Type(PollingChannel)


class _Manager(AsyncKernelManager):
    client_factory = Type(_Client, klass=AsyncKernelClient)


@dataclass(frozen=True)
class NotebookRun:
    """One execution of a notebook on a fresh kernel.

    Attributes:
        notebook: a copy of the notebook with its outputs, up to the first error.
        seconds: from the start of the kernel to its end.
        cpu_seconds: that the kernel and the processes which it waited for kept a processor busy.
        peak_mb: largest resident memory of the kernel process, in 1e6 bytes.
        error: None, or lesson, cell and message in one line.
    """

    notebook: NotebookNode
    seconds: float
    cpu_seconds: float
    peak_mb: float
    error: str | None


def lesson_paths() -> list[Path]:
    """Return where the learner's notebooks of the register are, in the order of the course; none outside a clone."""
    folder = ROOT / "notebooks"
    return [folder / f"{name}.ipynb" for name in lesson_names(folder / "lessons.toml")]


def execute(notebook: NotebookNode, name: str = "notebook", timeout: int = 600) -> NotebookRun:
    """Run all cells of `notebook` on a fresh kernel in the folder `notebooks/`.

    An error inside a cell, a cell that takes longer than `timeout` seconds or a kernel that dies raises nothing:
    it ends the run, and `NotebookRun.error` says which cell of lesson `name` it was, counted from 0.

    Example:
        >>> from nbformat import v4
        >>> run = execute(v4.new_notebook(cells=[v4.new_code_cell("1 / 0")]), "00_zero")
        >>> run.error
        '00_zero, cell 0: ZeroDivisionError: division by zero'
    """
    reached = 0

    def remember(cell: NotebookNode, cell_index: int) -> None:
        nonlocal reached
        reached = cell_index

    client = NotebookClient(
        copy.deepcopy(notebook),
        kernel_name="python3",
        kernel_manager_class=_Manager,
        timeout=timeout,
        store_widget_state=True,
        record_timing=False,
        extra_arguments=[*KERNEL_ARGUMENTS],  # nbclient adds to it
        resources={"metadata": {"path": str(ROOT / "notebooks")}},
        on_cell_start=remember,
    )
    start = time.perf_counter()
    message = None
    with _measured(client) as (cpu_seconds, peak_mb):
        try:
            client.execute(env=os.environ | ENVIRONMENT)
        except CellExecutionError as error:
            message = f"{error.ename}: {error.evalue}".splitlines()[0]
        except CellTimeoutError:
            message = f"took longer than {timeout} s"
        except DeadKernelError:
            message = "the kernel died (out of memory?)"
    seconds = time.perf_counter() - start
    said = message and f"{name}, cell {reached}: {message}"
    return NotebookRun(client.nb, seconds, max(cpu_seconds), max(peak_mb), said)


def cpu_seconds_of(process: psutil.Process) -> float:
    """How long a process and the children that it waited for have kept a processor busy so far."""
    times = process.cpu_times()
    return times.user + times.system + times.children_user + times.children_system


@contextmanager
def _measured(client: NotebookClient) -> Iterator[tuple[list[float], list[float]]]:
    """Yield two lists that gain the kernel's CPU seconds and resident MB 20 times a second until the block ends."""
    cpu_seconds, peak_mb, done = [0.0], [0.0], Event()

    def poll() -> None:
        while not done.wait(0.05):
            provisioner = client.km and client.km.provisioner
            if isinstance(provisioner, LocalProvisioner) and provisioner.pid:
                with suppress(psutil.NoSuchProcess):  # the kernel has just ended
                    process = psutil.Process(provisioner.pid)
                    peak_mb.append(process.memory_info().rss / 1e6)
                    cpu_seconds.append(cpu_seconds_of(process))

    thread = Thread(target=poll, daemon=True)
    thread.start()
    try:
        yield cpu_seconds, peak_mb
    finally:
        done.set()
        thread.join()
