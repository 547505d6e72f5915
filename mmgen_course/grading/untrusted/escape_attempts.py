"""Code that tries to get out: each function says "held", or what it reached; `escape_tests` runs it as a cell."""

import ctypes
import importlib
import os
import signal
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import Any


def files(places: list[str]) -> str:
    """Read a file of whoever grades."""
    return ", ".join(place for place in places if Path(place).exists()) or "held"


def answers(package: str) -> str:
    """Read or import the right answers."""
    folders = [Path(package, name) for name in ("exercises/lessons", "../notebooks", "../tests")]
    found = [str(path) for folder in folders for path in folder.rglob("*")][:10]
    with suppress(ImportError):
        found += importlib.import_module("mmgen_course.exercises").all_exercises()
    return ", ".join(found) or "held"


def network(port: int) -> str:
    """Reach a server of this machine, or the cloud's."""
    for address in (("127.0.0.1", port), ("169.254.169.254", 80)):
        try:
            socket.create_connection(address, timeout=1).close()
        except OSError:
            continue
        return str(address)
    return "held"


def environment(secret: str) -> str:
    """Read the environment or the command line of whoever grades."""
    texts = [repr(dict(os.environ))]
    for path in Path("/proc").glob("*/[ec][nm][vd]*"):  # environ, cmdline
        try:
            texts.append(path.read_bytes().decode(errors="replace"))
        except OSError:
            continue
    return "the environment" if secret in "".join(texts) else "held"


def processes(_: Any) -> str:
    """See another process, or send it a signal."""
    others = [path.name for path in Path("/proc").glob("[0-9]*") if path.name != str(os.getpid())]
    try:
        os.kill(-1, 0)
    except OSError:
        return ", ".join(others[:3]) or "held"
    return "a process to signal"


def namespaces(_: Any) -> str:
    """Make namespaces, in which a process is its own root, or keep a capability."""
    library = ctypes.CDLL(None, use_errno=True)
    opened = [hex(flag) for flag in (0x10000000, 0x00020000, 0x40000000) if library.unshare(flag) == 0]
    held = ctypes.create_string_buffer(24)
    library.capget(b"\x22\x05\x08\x20\0\0\0\0", held)
    return ", ".join(opened + ["capabilities"] * any(held.raw)) or "held"


def calls(_: Any) -> str:
    """Make calls to the kernel that no lesson needs."""
    opened = []
    for family, kind in ((40, socket.SOCK_STREAM), (38, socket.SOCK_SEQPACKET), (16, socket.SOCK_RAW)):
        try:
            socket.socket(family, kind).close()
        except OSError:
            continue
        opened.append(f"sockets of family {family}")
    if ctypes.CDLL(None).ptrace(0, 0, 0, 0) == 0:
        opened.append("ptrace")
    return ", ".join(opened) or "held"


def write(places: list[str]) -> str:
    """Write where Python, the package, or the next learner would read."""
    written = []
    for place in places:
        try:
            Path(place, "escaped").write_text("")
        except OSError:
            continue
        written.append(place)
    return ", ".join(written) or "held"


def disk(_: Any) -> str:
    """Write a gigabyte."""
    written = 0
    try:
        with Path("one").open("wb") as one, Path("two").open("wb") as two:
            while written < 1 << 30:
                written += (one if written % 2 else two).write(b"0" * 999_999)
    except OSError:
        Path("one").unlink()
        Path("two").unlink()
        return "held" if written < 100_000_000 else f"{written} bytes"
    return f"{written} bytes"


def forks(_: Any) -> str:
    """Start two hundred processes."""
    children: list[int] = []
    try:
        while len(children) < 200:
            child = os.fork()
            if not child:
                time.sleep(10)
                os._exit(0)
            children.append(child)
    except OSError:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        return "held" if len(children) < 100 else f"{len(children)} processes"
    return f"{len(children)} processes"


def memory(_: Any) -> str:
    """Take eight gigabytes."""
    try:
        return f"{len(bytearray(8 << 30))} bytes"
    except MemoryError:
        return "held"


def survive(_: Any) -> str:
    """Leave a process and two files behind; `fresh` looks for them."""
    for name in ("/learner/left", "/dev/shm/left"):
        Path(name).touch()
    if not os.fork():
        os.setsid()
        if not os.fork():
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(600)
        os._exit(0)
    os.wait()
    return "held"


def fresh(_: Any) -> str:
    """See what the learner before has left."""
    return ", ".join(name for name in ("/learner/left", "/dev/shm/left") if Path(name).exists()) or "held"


def endless(_: Any) -> str:
    """Never end, and ignore every signal."""
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))
    while True:
        time.sleep(100)
