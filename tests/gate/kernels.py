"""Kernels that are forks of a process which has imported what every lesson imports: that takes seconds, a fork none.

A learner's kernel is a process of its own; `mmgen lessons` and JupyterLab start it as such. In the gate 23 notebooks
would import PyTorch one after the other. The server never runs a cell: it imports, waits, and forks.
"""

import contextlib
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from typing import Any

from jupyter_client.manager import KernelManager
from jupyter_client.provisioning import LocalProvisioner

# torch's optimisers and torchvision import torch._dynamo, which takes longer than torch itself
PRELOADED = ["torch", "torch._dynamo", "torchvision", "ipywidgets", "matplotlib.figure"]
PRELOADED += ["ipykernel.kernelapp", "ipykernel.zmqshell"]


class Server:
    """A process that has imported PRELOADED.

    Attributes:
        cpu_seconds: that it took so: each of its kernels would have taken them, too.
    """

    def __init__(self, environment: dict[str, str]) -> None:
        self.channel, theirs = socket.socketpair()
        command = [sys.executable, __file__, str(theirs.fileno())]
        self.process = subprocess.Popen(command, env=environment, pass_fds=[theirs.fileno()])
        theirs.close()
        self.answers = self.channel.makefile()
        self.cpu_seconds = self._answer()["cpu_seconds"]

    def fork(self, command: list[str], folder: str, environment: dict[str, str]) -> int:
        """Start a kernel as `command` would start it, and return its process id."""
        asked = {"arguments": command[command.index("ipykernel_launcher") :], "folder": folder, "env": environment}
        self.channel.sendall(json.dumps(asked).encode() + b"\n")
        return self._answer()["pid"]

    def end(self) -> None:
        """It ends by itself where this process has ended."""
        self.answers.close()
        self.channel.close()
        self.process.wait()

    def _answer(self) -> dict[str, Any]:
        line = self.answers.readline()
        if not line:
            raise RuntimeError("the server of kernels ended; what it said stands above")
        return json.loads(line)


SERVERS: dict[tuple[str, str], Server] = {}


def server(seed: str, path: str) -> Server:
    """The server of all kernels with one seed of hashes and one PYTHONPATH, which Python reads at its start."""
    if (seed, path) not in SERVERS:
        SERVERS[seed, path] = Server(os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": path})
    return SERVERS[seed, path]


def end_servers() -> None:
    while SERVERS:
        SERVERS.popitem()[1].end()


class Fork:
    """As much of a `subprocess.Popen` as Jupyter asks of a kernel's process."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def poll(self) -> int | None:
        """None while it lives; the server reaps it, so that nobody knows how it ended."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, 0)
            return None
        return 0

    def wait(self) -> int:
        while self.poll() is None:
            time.sleep(0.02)
        return 0

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


class Forked(LocalProvisioner):
    """Starts a kernel by the server."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        environment = kwargs["env"]
        self.server = server(environment["PYTHONHASHSEED"], environment["PYTHONPATH"])
        self.pid = self.pgid = self.server.fork(cmd, kwargs["cwd"], environment)
        self.process = Fork(self.pid)
        return self.connection_info


def manager(name: str) -> KernelManager:
    """Jupyter's manager of a kernel that is forked when it is started."""
    made = KernelManager(kernel_name=name)
    made.provisioner = Forked(kernel_id=made.kernel_id, kernel_spec=made.kernel_spec, parent=made)
    return made


def serve(channel: socket.socket) -> None:
    """Fork for each message, until whoever asks has ended."""
    del sys.path[0]  # this folder: a kernel does not know it
    for name in PRELOADED:
        importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # who ends is gone
    requests = channel.makefile()
    channel.sendall(json.dumps({"cpu_seconds": sum(os.times()[:2])}).encode() + b"\n")
    for line in requests:
        asked = json.loads(line)
        child = os.fork()
        if not child:
            channel.close()
            become_kernel(**asked)
        channel.sendall(json.dumps({"pid": child}).encode() + b"\n")


def become_kernel(arguments: list[str], folder: str, env: dict[str, str]) -> None:
    """In a fork: be what `python -m ipykernel_launcher` is, with its output thrown away as nbval throws it away."""
    from ipykernel import kernelapp

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.setsid()
    os.chdir(folder)
    os.environ.clear()
    # the kernel ends when its parent does
    os.environ.update(env, JPY_PARENT_PID=str(os.getppid()))
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(nowhere, descriptor)
    sys.argv = sys.orig_argv = arguments
    try:
        kernelapp.launch_new_instance()
    finally:
        os._exit(0)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
