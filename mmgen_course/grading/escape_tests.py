"""Escape tests: before anything is graded, code that tries to get out runs in the real sandbox, and must fail.

The code is `untrusted/escape_attempts.py`, run as a learner's cell is and asked as an exercise is. "contained" may be
said of a machine on which every attempt was held today, and of no other.
"""

import os
import secrets
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mmgen_course import data
from mmgen_course.grading import protocol
from mmgen_course.grading.bubblewrap import PACKAGE, visible_folders
from mmgen_course.grading.sandbox import Infrastructure, Sandbox

ATTEMPTS = PACKAGE / "grading" / "untrusted" / "escape_attempts.py"
SECRET = "MMGEN_ESCAPE_TEST"
SECONDS = 20.0
ENDINGS = {"forks": "processes", "endless": "time"}  # the limit that ends who reaches it


def escape_tests(sandbox: Sandbox) -> dict[str, str]:
    """What each attempt reached, by its name: "" where the sandbox held.

    Raises:
        Infrastructure: the sandbox does not work at all.
    """
    sandbox.start()
    with _bait() as bait:
        reached = {name: _attempt(sandbox, name, case) for name, case in bait.items()}
    return {name: "" if what in ("held", ENDINGS.get(name)) else what for name, what in reached.items()}


def _private() -> list[str]:
    """What lies in the home folder of whoever grades, but for what leads to a folder that may be seen."""
    home, folders = Path.home(), visible_folders()
    if home == Path("/"):  # of an account that has none
        return []
    return [str(entry) for entry in home.iterdir() if not any(folder.is_relative_to(entry) for folder in folders)]


@contextmanager
def _bait() -> Iterator[dict[str, Any]]:
    """What each attempt is given to look for, and a server that it should not reach."""
    secret = secrets.token_hex(8)
    os.environ[SECRET] = secret
    places = [PACKAGE, PACKAGE / "exercises" / "lessons", data.ROOT, Path(os.__file__).parent]
    try:
        with tempfile.NamedTemporaryFile() as private, socket.create_server(("127.0.0.1", 0)) as server:
            yield {
                "files": [private.name, "/etc/passwd", "/etc/shadow", *_private()],
                "answers": str(PACKAGE),
                "network": server.getsockname()[1],
                "environment": secret,
                "processes": None,
                "namespaces": None,
                "calls": None,
                "write": ["/", "/dev", "/usr", "/tmp", "/proc", *map(str, places)],
                "disk": None,
                "forks": None,
                "memory": None,
                "survive": None,
                "fresh": None,
                "endless": None,
            }
    finally:
        del os.environ[SECRET]


def _attempt(sandbox: Sandbox, name: str, case: Any) -> str:
    """What an attempt answers, or what ended it."""
    question = {"id": 0, "ask": name, "way": "value", "case": (case,)}
    end = time.monotonic() + SECONDS
    with sandbox.worker(seconds=1.0 if name == "endless" else SECONDS) as worker:
        answer = None
        with suppress(EOFError, protocol.ProtocolError, TimeoutError):
            worker.tell([ATTEMPTS.read_text(encoding="utf-8")], end)
            message = worker.ask(question, end)
            answer = message.get("value", message.get("reason"))
        ended = worker.end(patience=0.0 if answer else 2.0)
    if ended["ended"] == "infrastructure":
        raise Infrastructure(ended["status"])
    return ended["ended"] if answer is None else str(answer)
