"""Runs untrusted notebooks: starts a fork server under bubblewrap, which gives a worker process to each notebook.

Linux with bubblewrap: no file of the machine but Python and the package (without the right answers), no network, no
other process, an empty environment. Elsewhere `contained=False` starts the same process unprotected: limits of time,
of address space where the system keeps to it, and nothing else.
"""

import json
import platform
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from mmgen_course.grading import protocol
from mmgen_course.grading.bubblewrap import PACKAGE, contained_command, empty_environment

START = "import sys; sys.path.insert(0, sys.argv[1]); from mmgen_course.grading.untrusted import forkserver; "
START += "forkserver.main(int(sys.argv[2]), sys.argv[3] == 'contained')"
START_SECONDS, ANSWER_SECONDS = 120, 30
MEMORY = 1 << 30  # bytes that a notebook may use beside what the imports hold


class Infrastructure(Exception):
    """Something of ours failed, and not the learner's code; the notebook is asked again, and gets no zero for it."""


def why_not_contained() -> str:
    """Why untrusted code cannot be contained on this machine, and what helps; empty if bubblewrap starts.

    Whether it holds is for `escape_tests` to say.
    """
    if sys.platform != "linux":
        return f"bubblewrap needs Linux, and this is {platform.system()}: use a Linux machine, or WSL2 on Windows"
    if not shutil.which("bwrap"):
        return "bubblewrap is not installed: `apt install bubblewrap`, or your system's package of that name"
    with tempfile.TemporaryFile() as arguments:
        command = contained_command(["/usr/bin/true"], arguments)
        run = subprocess.run(command, env={}, pass_fds=[arguments.fileno()], capture_output=True, check=False)
    if run.returncode:
        advice = "are user namespaces switched off? (Ubuntu 24.04 wants an AppArmor profile for bwrap)"
        return f"bubblewrap cannot start a sandbox here: {run.stderr.decode(errors='replace').strip()[:200]}; {advice}"
    return ""


class Worker:
    """One notebook's process: values go to it and come from it, until it ends or the grader hangs up."""

    def __init__(self, channel: socket.socket, line: socket.socket, control: socket.socket) -> None:
        self.channel, self.line, self.control = channel, line, control
        self.ended = False

    def ask(self, message: Any, end: float) -> Any:
        """Send a message, and return the answer; `end` is a time of `time.monotonic()`."""
        self.tell(message, end)
        return protocol.receive(self.channel, end)

    def tell(self, message: Any, end: float) -> None:
        """Send a message that has no answer."""
        self.channel.settimeout(max(end - time.monotonic(), 1e-3))
        protocol.send(self.channel, message)

    def end(self, patience: float = 0.0) -> dict[str, Any]:
        """Close the channel, end the worker if it has not ended itself after so many seconds; return how it ended."""
        self.channel.close()
        if not select.select([self.control], [], [], patience)[0]:
            self.line.close()
        self.control.settimeout(ANSWER_SECONDS)
        try:
            report = json.loads(_line(self.control))
            self.ended = True
            return report
        except (OSError, EOFError, ValueError) as error:
            raise Infrastructure(f"the sandbox does not answer: {type(error).__name__}") from None


class Sandbox:
    """The process from which workers are forked. Start it and use it in one thread: it ends with that thread."""

    def __init__(self, contained: bool = True) -> None:
        self.contained = contained
        self.process: subprocess.Popen[bytes] | None = None
        self.control: socket.socket | None = None
        self.folder: tempfile.TemporaryDirectory[str] | None = None

    def start(self) -> None:
        """Start the process and wait until its imports are done.

        Raises:
            Infrastructure: it cannot be started; the sentence has what bubblewrap or Python printed.
        """
        self.close()
        ours, theirs = socket.socketpair()
        ours.settimeout(START_SECONDS)
        self.control = ours
        with theirs, tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as arguments:
            self.process = self._started(theirs.fileno(), output, arguments)
            theirs.close()
            try:
                _line(ours)
            except (OSError, EOFError) as error:
                self.close()
                output.seek(0)
                text = output.read()[-500:].decode(errors="replace").strip()
                raise Infrastructure(f"the sandbox did not start: {text or type(error).__name__}") from None

    def _started(self, control: int, output: IO[bytes], arguments: IO[bytes]) -> "subprocess.Popen[bytes]":
        mode = "contained" if self.contained else "open"
        command = [sys.executable, "-I", "-c", START, str(PACKAGE.parent), str(control), mode]
        pass_fds = [control]
        environment: dict[str, str] = {}
        if self.contained:
            command = contained_command(command, arguments)
            pass_fds.append(arguments.fileno())
        else:
            self.folder = tempfile.TemporaryDirectory()
            environment = empty_environment(self.folder.name)
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            cwd=self.folder.name if self.folder else "/",
            pass_fds=pass_fds,
            start_new_session=True,
        )

    @contextmanager
    def worker(self, seconds: float, imports: tuple[str, ...] = ()) -> Iterator[Worker]:
        """A fresh worker, for as long as the block; whoever leaves it without having ended it ends the sandbox too.

        Args:
            seconds: after which the worker is ended, whatever it does.
            imports: modules that all workers from this one on find imported.
        """
        if self.control is None:
            self.start()
        assert self.control
        ours, theirs = socket.socketpair()
        line, their_line = socket.socketpair()
        limits = json.dumps({"seconds": seconds, "memory": MEMORY, "imports": imports}).encode()
        with ours, line:
            with theirs, their_line:
                try:
                    socket.send_fds(self.control, [limits], [theirs.fileno(), their_line.fileno()])
                except OSError:
                    self.close()
                    raise Infrastructure("the sandbox has ended") from None
            worker = Worker(ours, line, self.control)
            try:
                yield worker
            finally:
                if not worker.ended:  # its report would be taken for the next one's
                    self.close()

    def close(self) -> None:
        """End the process and all that runs in it."""
        if self.control:
            self.control.close()
        if self.process:
            self.process.kill()
            self.process.wait()
        if self.folder:
            self.folder.cleanup()
        self.control = self.process = self.folder = None


def _line(channel: socket.socket) -> bytes:
    """What arrives up to the end of a line."""
    data = b""
    while not data.endswith(b"\n"):
        got = channel.recv(4096)
        if not got:
            raise EOFError
        data += got
    return data
