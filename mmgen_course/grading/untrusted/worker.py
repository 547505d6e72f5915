"""The learner's process: it runs cells and answers questions over a socket; of its answers only values are believed."""

import __future__

import ast
import linecache
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from types import FrameType, ModuleType
from typing import Any

from IPython.utils.capture import CapturedIO

from mmgen_course.exercises.messages import MOST_OF_AN_ERROR, cut, is_a_stub, message
from mmgen_course.exercises.run_answer import run_answer
from mmgen_course.grading import protocol
from mmgen_course.notebooks.cells import Statement, asked_at, statements
from mmgen_course.notebooks.slices import Slicer

CELL_SECONDS = 4.0  # of the processor, for all statements that an exercise needs; one may take half of what is left


def serve(channel: socket.socket) -> None:
    """Answer the questions of the grader until it ends.

    First comes the list of cells; then, again and again, {"ask": name, "way", "case", "id"}. The answer is {"id",
    "state", ...} with a "value" and "changed" where the state is "answered", else with a "reason".
    """
    cells = protocol.receive(channel)
    notebook = Notebook(cells)
    while True:
        try:
            question = protocol.receive(channel)
        except (EOFError, OSError):
            return
        answer = notebook.answered(question)
        try:
            protocol.send(channel, {"id": question["id"], **answer})
        except OSError:  # the grader has hung up
            return
        except Exception as error:
            known = isinstance(error, protocol.ProtocolError)
            reason = str(error) if known else f"what it returned cannot be handed over: {type(error).__name__}"
            protocol.send(channel, {"id": question["id"], "state": "error", "reason": reason, "notes": []})


class NoShell:
    """What `get_ipython()` gives a notebook here: magics do nothing, and shell commands print no line."""

    def run_line_magic(self, *arguments: Any) -> None:
        """Do nothing, as all that a magic changes is what a reader sees."""

    system = run_line_magic

    def run_cell_magic(self, *arguments: Any) -> CapturedIO:
        """What `%%capture` gives: nothing was printed."""
        return CapturedIO(StringIO(), StringIO(), [])

    def getoutput(self, command: str) -> list[str]:
        """The lines that a shell command printed: none."""
        return []


class TooLong(BaseException):
    """A statement has computed for longer than it may."""


class Notebook:
    """The learner's cells, of which those have run that the exercise needs which was asked for last."""

    def __init__(self, cells: list[str]) -> None:
        self.found, self.notes = statements(cells)
        self.slicer = Slicer(self.found)
        self.asked = ""
        self.module = ModuleType("__main__")
        self.problems: dict[str, str] = {}  # name -> why the notebook could not give it a value
        self.on_place: list[str] = []  # notes on where the exercise was asked
        self.stopped: dict[int, str] = {}  # place of a statement that took too long -> the note on it

    def answered(self, question: dict[str, Any]) -> dict[str, Any]:
        """The answer to a question, whatever the learner's code does."""
        name = question["ask"]
        try:
            function = self.function(name)
            if function is None:
                return {"state": "not done", "reason": self.missing(name), "notes": self.notes_on(name)}
            seen = run_answer(question["way"], function, question["case"])
        except BaseException as error:  # SystemExit too: whatever it is, it is the learner's to read
            state, reason = failure(error)
            return {"state": state, "reason": reason, "notes": self.notes_on(name)}
        return {"state": "answered", "value": seen.value, "changed": seen.changed, "notes": self.notes_on(name)}

    def function(self, name: str) -> Callable[..., Any] | None:
        """What the notebook calls `name` where it is checked, once the statements that this needs have run."""
        if name != self.asked:
            self.asked = name
            self.run_for(name)
        return getattr(self.module, name, None)

    def run_for(self, name: str) -> None:
        """Run what an exercise needs, in a module of its own: another's helper of the same name is not there."""
        self.module = sys.modules["__main__"] = ModuleType("__main__")
        self.module.__dict__.update(get_ipython=NoShell, display=lambda *values, **options: None)
        self.problems = {}
        place = asked_at(self.found, name)
        chosen = self.slicer.needed(name, place)
        self.on_place = self.notes_on_place(name, place, chosen)
        flags, left = 0, CELL_SECONDS
        for statement in chosen:
            if id(statement) not in self.stopped:
                flags |= future(statement)
                before = time.process_time()
                self.execute(statement, flags, max(left / 2, 0.1))
                left -= time.process_time() - before

    def execute(self, statement: Statement, flags: int, seconds: float) -> None:
        """Run one statement; an error is kept for the notes, and the next one runs, as the next cell would."""
        label = f"<cell {statement.cell}>"
        text = ast.unparse(statement.tree)
        linecache.cache[label] = (len(text), None, text.splitlines(keepends=True), label)
        try:
            with at_most(seconds):
                exec(compile(text, label, "exec", flags, dont_inherit=True), self.module.__dict__)
        except TooLong:
            note = f"code cell {statement.cell}: line {text.splitlines()[0][:60]!r} ran too long here and was stopped"
            self.stopped[id(statement)] = note
        except BaseException as error:
            state, reason = failure(error)
            if state == "error":
                self.problems |= dict.fromkeys(statement.binds, f"code cell {statement.cell}: {reason}")

    def missing(self, name: str) -> str:
        """Why there is no function of this name."""
        return self.problems.get(name, f"there is no {name} in the notebook")

    def notes_on(self, name: str) -> list[str]:
        """What to tell the learner beside the answer."""
        return [*self.notes, *self.on_place, *self.problems.values(), *self.stopped.values()][:20]

    def notes_on_place(self, name: str, place: int, chosen: list[Statement]) -> list[str]:
        """What to tell the learner about where an exercise was asked."""
        above = sum(name in one.binds for one in self.found[:place])
        notes = []
        if above > 1:
            notes.append(f"{name} is defined {above} times; the last counts")
        if after := self.slicer.changed_after(chosen, place):
            names = ", ".join(sorted(after[0].binds))
            notes.append(
                f"{name} was graded as it stands at check({name}), code cell {self.found[place].cell}; "
                f"code cell {after[0].cell} changes {names} again"
            )
        return notes


def future(statement: Statement) -> int:
    """What `from __future__ import ...` asks of the compiler for all that follows, as a notebook keeps it."""
    node = statement.tree.body[0]
    if not isinstance(node, ast.ImportFrom) or node.module != "__future__":
        return 0
    features = [getattr(__future__, alias.name, None) for alias in node.names]
    return sum(feature.compiler_flag for feature in features if feature)


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """End what runs inside by `TooLong` when it has computed for so many seconds; again and again, should it go on."""

    def stop(kind: int, frame: FrameType | None) -> None:
        raise TooLong

    signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds, 0.5)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def failure(error: BaseException) -> tuple[str, str]:
    """The state that an error means, "not done" or "error", and what to tell the learner: the error, and the line."""
    try:
        if isinstance(error, NotImplementedError) and is_a_stub(error):
            return "not done", str(error) or "nothing written yet"
        lines = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.startswith("<cell")]
        line = f" (line: {lines[-1].line})" if lines and lines[-1].line else ""
        return "error", cut(message(error) + line, MOST_OF_AN_ERROR)
    except BaseException:  # an error of the learner's own class may raise whatever it is asked
        return "error", type(error).__name__


def main(descriptor: int) -> None:
    """Serve on a socket, and end at once, without anything that was registered to run at the end."""
    sys.path.append("")  # the folder of the notebook, where `%%writefile` has put a module, as in Jupyter
    try:
        serve(socket.socket(fileno=descriptor))
    finally:
        os._exit(0)
