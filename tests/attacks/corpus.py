"""The corpus of hostile, broken and honest submissions: what a case is, and how it is run against the real sandbox.

After every case three things are asserted: no point is unearned, no canary has leaked, nothing is left behind.
"""

import hashlib
import json
import os
import secrets
import socket
import string
import threading
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from mmgen_course.exercises import Exercise
from mmgen_course.grading import grade as grading
from mmgen_course.grading import sandbox as sandbox_module
from mmgen_course.grading.grade import grade
from mmgen_course.grading.sandbox import Sandbox, why_not_contained
from mmgen_course.grading.submissions import submission

ROOT = Path(__file__).parents[2]
LESSON = "08_vae"
SECRET = b"of the tests"
PATIENCE = 120.0  # seconds for an answer that comes, however busy the machine is
REASON = why_not_contained()
contained = pytest.mark.skipif(bool(REASON), reason=REASON or "contained")
POINTS = {"kl_between": 4, "antithetic_draws": 2, "elbo_per_image": 3, "iwae_bound": 3}


def honest_cells() -> dict[str, str]:
    """The right answers of lesson 8, by the exercise, and "imports"."""
    notebook = json.loads((ROOT / "notebooks" / "solutions" / f"{LESSON}.ipynb").read_text(encoding="utf-8"))
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    found = {name: next(cell for cell in cells if f"def {name}(" in cell) for name in POINTS}
    return {"imports": "import math\nimport torch", **found}


@dataclass(frozen=True)
class Case:
    """One submission.

    Attributes:
        code: in the catalogue, as "A1"; with a letter where a case has several forms, as "A1b".
        title: what it tries.
        first: code of a cell before all others. In it, and in `answers`, $CANARY, $FOLDER, $HOME, $PORT, $SOCKET,
            $OTHER, $RESULTS and $PACKAGE stand for what the machine has to steal or to spoil.
        answers: the code of a cell instead of the honest one, by the exercise.
        last: code of a cell after all others.
        states: what the grader must say of each exercise; "right" where none is named.
        seconds: that an exercise may take which may end by the clock; to all others a busy machine costs nothing.
    """

    code: str
    title: str
    first: str = ""
    answers: dict[str, str] = field(default_factory=dict)
    last: str = ""
    states: dict[str, str | tuple[str, ...]] = field(default_factory=dict)
    seconds: float = 5.0

    def cells(self, bait: dict[str, str]) -> list[str]:
        """The code cells of the notebook."""
        texts = [self.first, *(self.answers.get(name, text) for name, text in honest_cells().items()), self.last]
        return [string.Template(text).safe_substitute(bait) for text in texts if text]

    def wanted(self, exercise: str) -> tuple[str, ...]:
        """What the grader may say of an exercise."""
        states = self.states.get(exercise, "right")
        return (states,) if isinstance(states, str) else states


def notebook_of(cells: list[str], **metadata: object) -> bytes:
    """A notebook as JupyterLab saves it."""
    shape = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
    written = [{**shape, "id": f"c{i}", "source": text.splitlines(keepends=True)} for i, text in enumerate(cells)]
    return json.dumps({"cells": written, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}).encode()


class Host:
    """What there is to steal and to spoil: a file, an environment, servers, another student's work, results."""

    def __init__(self, folder: Path) -> None:
        self.secret = f"canary-{secrets.token_hex(8)}"
        self.folder = folder
        for name in ("canary.txt", "other/08_vae.ipynb", "results/other.json", "gradebook.csv"):
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(self.secret)
        os.environ["MMGEN_TEST_SECRET"] = self.secret
        self.reached: list[str] = []
        self.servers = [socket.create_server(("127.0.0.1", 0)), socket.socket(socket.AF_UNIX)]
        self.servers[1].bind(str(folder / "socket"))
        self.servers[1].listen()
        for server in self.servers:
            threading.Thread(target=self._listen, args=(server,), daemon=True).start()
        self.state = self.snapshot()

    def _listen(self, server: socket.socket) -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            self.reached.append(str(server.getsockname()))
            connection.close()

    def bait(self) -> dict[str, str]:
        """The values of the names in a case's code."""
        return {
            "CANARY": str(self.folder / "canary.txt"),
            "FOLDER": str(self.folder),
            "HOME": str(Path.home()),
            "PORT": str(self.servers[0].getsockname()[1]),
            "SOCKET": str(self.folder / "socket"),
            "OTHER": str(self.folder / "other" / "08_vae.ipynb"),
            "RESULTS": str(self.folder / "results"),
            "PACKAGE": str(ROOT / "mmgen_course"),
        }

    def snapshot(self) -> dict[str, str]:
        """Every file of the folder with the hash of its content."""
        files = [path for path in sorted(self.folder.rglob("*")) if path.is_file()]
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    def close(self) -> None:
        """Close the servers."""
        for server in self.servers:
            server.close()
        del os.environ["MMGEN_TEST_SECRET"]


def run(case: Case, sandbox: Sandbox, host: Host, monkeypatch) -> dict:
    """Grade a case, and assert all three things of it; the outcome."""
    one = grading._one

    def in_time(worker: object, exercise: Exercise, secret: bytes, seconds: float) -> object:
        return one(worker, exercise, secret, case.seconds if "timeout" in case.wanted(exercise.name) else seconds)

    monkeypatch.setattr(grading, "_one", in_time)
    got: list[object] = []
    receive = sandbox_module.protocol.receive
    monkeypatch.setattr(sandbox_module.protocol, "receive", lambda *a: got.append(receive(*a)) or got[-1])
    outcome = grade(sandbox, submission("mallory.ipynb", notebook_of(case.cells(host.bait()))), SECRET, PATIENCE)
    monkeypatch.setattr(sandbox_module.protocol, "receive", receive)
    no_point_unearned(case, outcome)
    no_canary_leaked(host, outcome, got)
    nothing_left(sandbox, host)
    return outcome


def no_point_unearned(case: Case, outcome: dict) -> None:
    """Each exercise has the state that the case says, and points exactly where that is "right"."""
    assert outcome["state"] == "graded", outcome
    for name, points in POINTS.items():
        result = outcome["exercises"][name]
        assert result["state"] in case.wanted(name), (name, result)
        assert result["points"] == (points if result["state"] == "right" else 0)


def no_canary_leaked(host: Host, outcome: dict, got: list[object]) -> None:
    """Nothing that came from the worker, and nothing in the result, holds the secret; no server was reached."""
    assert host.secret not in repr(got) + json.dumps(outcome)
    assert not host.reached


def nothing_left(sandbox: Sandbox, host: Host) -> None:
    """No file of the host has changed, no process is left, and the next student gets what she earned."""
    assert host.snapshot() == host.state
    assert sandbox.process
    children = psutil.Process(sandbox.process.pid).children(recursive=True)
    assert all(child.status() != psutil.STATUS_ZOMBIE for child in children)
    assert len(children) == 2, children  # bubblewrap's first process and the one that forks
    honest = grade(sandbox, submission("alice.ipynb", notebook_of(list(honest_cells().values()))), SECRET, PATIENCE)
    assert (honest["points"], honest["of"], honest["notes"]) == (12, 12, []), honest
