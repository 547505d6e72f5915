"""The learner's process: it runs cells and answers questions over a socket; of its answers only values are believed."""

import ast
import linecache
import os
import socket
import sys
import traceback
from collections.abc import Callable
from types import ModuleType
from typing import Any

from mmgen_course.exercises.messages import MOST_OF_AN_ERROR, cut, is_a_stub, message
from mmgen_course.exercises.run_answer import run_answer
from mmgen_course.grading import protocol
from mmgen_course.notebooks.cells import Statement, needed, statements


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
        except protocol.ProtocolError as error:
            protocol.send(channel, {"id": question["id"], "state": "error", "reason": str(error), "notes": []})


class NoShell:
    """What `get_ipython()` gives a notebook here: magics do nothing, and shell commands print no line."""

    def run_line_magic(self, *arguments: Any) -> None:
        """Do nothing, as all that a magic changes is what a reader sees."""

    run_cell_magic = system = run_line_magic

    def getoutput(self, command: str) -> list[str]:
        """The lines that a shell command printed: none."""
        return []


class Notebook:
    """The learner's cells, of which those have run that the questions so far needed."""

    def __init__(self, cells: list[str]) -> None:
        self.found, self.notes = statements(cells)
        self.run: set[int] = set()
        self.module = ModuleType("__main__")
        self.module.__dict__.update(get_ipython=NoShell, display=lambda *values, **options: None)
        self.problems: dict[str, str] = {}
        sys.modules["__main__"] = self.module

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
        """What the notebook calls `name`, once the statements that it needs have run."""
        for statement in needed(self.found, name):
            place = id(statement)
            if place not in self.run:
                self.run.add(place)
                self.execute(statement)
        return getattr(self.module, name, None)

    def execute(self, statement: Statement) -> None:
        """Run one statement; an error is kept for the notes, and the next one runs, as the next cell would."""
        label = f"<cell {statement.cell}>"
        text = ast.unparse(statement.tree)
        linecache.cache[label] = (len(text), None, text.splitlines(keepends=True), label)
        try:
            exec(compile(text, label, "exec"), self.module.__dict__)
        except BaseException as error:
            state, reason = failure(error)
            if state == "error":
                self.problems |= dict.fromkeys(statement.binds, f"code cell {statement.cell}: {reason}")

    def missing(self, name: str) -> str:
        """Why there is no function of this name."""
        return self.problems.get(name, f"there is no {name} in the notebook")

    def notes_on(self, name: str) -> list[str]:
        """What to tell the learner beside the answer."""
        defined = [s.cell for s in self.found if name in s.binds]
        twice = [f"{name} is defined {len(defined)} times; the last counts"] if len(defined) > 1 else []
        return [*self.notes, *twice, *(problem for problem in self.problems.values())][:20]


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
    try:
        serve(socket.socket(fileno=descriptor))
    finally:
        os._exit(0)
