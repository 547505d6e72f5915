"""The statements that an answer needs are found, and those that it does not need are left alone."""

import ast
import random
import re
import socket
import sys
from contextlib import nullcontext

import pytest
import torch
from habits import HABITS
from IPython.core.interactiveshell import InteractiveShell

from mmgen_course.grading import protocol
from mmgen_course.grading.untrusted import worker
from mmgen_course.grading.untrusted.worker import Notebook
from mmgen_course.notebooks.cells import plain, statements
from mmgen_course.notebooks.slices import Slicer


def texts(cells, name="f"):
    return [ast.unparse(statement.tree) for statement in Slicer(statements(cells)[0]).needed(name)]


def value(cells, argument):
    """What f(argument) is after the statements that it needs."""
    scope: dict = {}
    for text in texts(cells):
        exec(text, scope)
    return scope["f"](argument)


@pytest.mark.parametrize(
    "cells",
    [
        ["def g(x): return x + 1", "def f(x): return 2 * g(x)"],
        ["def f(x): return 2 * g(x)", "def g(x): return x + 1"],
        ["one = 1", "def f(x):\n    def inner(y): return y + one\n    return 2 * inner(x)"],
        ["import operator as o", "f = lambda x: 2 * o.add(x, 1)"],
        ["class A:\n    def m(self, x): return x + 1", "a = A()", "def f(x): return 2 * a.m(x)"],
        ["table = {}", "table['one'] = 1", "def f(x): return 2 * (x + table['one'])"],
        ["parts = []", "parts.append(1)", "def f(x): return 2 * (x + sum(parts))"],
        ["a, (b, *c) = 1, (2, 3)", "def f(x): return b * (x + a)"],
        ["from math import *", "def f(x): return 2 * (x + floor(1.5))"],
        ["if True:\n    one = 1\nelse:\n    one = 2", "def f(x): return 2 * (x + one)"],
        ["from dataclasses import dataclass", "@dataclass\nclass P:\n    n: int", "def f(x): return 2 * (x + P(1).n)"],
        ["def wrap(g):\n    return lambda x: g(x) + 2", "@wrap\ndef f(x): return 2 * x"],
        ["one = 0", "def g():\n    global one\n    one = 1", "g()", "def f(x): g(); return 2 * (x + one)"],
        ["def f(x): return 2 * x if x == 0 else f(x - 1) + 2 if x > 1 else 4"],
        ["%matplotlib inline\nimport math", "!pip install x\ndef f(x): return 2 * (x + math.floor(1.5))"],
        ["def f(x):\r\n    y = x + 1\r\n    return 2 * y"],
        ["(one := 1)", "def f(x): return 2 * (x + one)"],
        ["one: int = 1", "def f(x): return [2 * (y + one) for y in [x]][0]"],
    ],
)
def test_an_answer_works_with_what_is_found_for_it(cells):
    assert [value(cells, x) for x in (1, 4)] == [4, 10]


def test_what_an_answer_does_not_need_does_not_run():
    cells = [
        "import math",
        "images = train_for_an_hour()",
        "print(images)",
        "x = 1 / 0",
        "def f(x):\n    images = [x]\n    return math.sqrt(images[0])",
        "f(3)",
        "math.pi.hex()",
    ]
    assert texts(cells) == ["import math", "def f(x):\n    images = [x]\n    return math.sqrt(images[0])"]


def test_no_statement_defines_a_name_that_is_not_there():
    assert texts(["x = 1"]) == []


def test_a_cell_that_is_not_python_is_noted_and_costs_no_other():
    found, notes = statements(["def f(:", "x = 1", "%%bash\nrm -rf /", "x?", "a\0b", "'\ud800'"])
    assert ast.unparse(found[0].tree) == "x = 1"
    assert notes[0].startswith("code cell 1 is not Python: ")
    assert "code cell 3: 2 lines that are not Python were left out" in notes
    assert any(note.startswith("code cell 5 is not Python") for note in notes)


@pytest.mark.parametrize("text", ["x = (a\n% b)", "'''\n%x\n!y\n'''", "y = x if z else '?'"])
def test_python_that_looks_like_magic_is_python(text):
    assert plain(text) == (text, 0)


@pytest.mark.parametrize(
    "cells",
    [
        ["%%time\ndef f(x): return 2 * x"],
        ["%%capture out\nimport math\ndef f(x): return 2 * math.floor(x)"],
        ["try:\n    import math\nexcept ImportError:\n    !pip install math", "def f(x): return 2 * math.floor(x)"],
        ["files = !ls\nimport math", "def f(x): return 2 * math.floor(x)"],
        ["%matplotlib inline\ndef f(x):\n    y = 2 * x  # or 3?\n    return y"],
        [">>> import math", "def f(x): return 2 * math.floor(x)"],
        ["def f(x): return 2 * x\n%time f(3)"],
        ["one = 2\rdef f(x):\r    return one * x"],
        ["def f(x):\n    display(x)\n    get_ipython().run_line_magic('time', '')\n    return 2 * x"],
    ],
)
def test_what_ipython_takes_costs_no_answer(cells, monkeypatch):
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])  # the worker puts its own there
    assert Notebook(cells).answered({"ask": "f", "way": "value", "case": (3,)})["value"] == 6


def test_an_answer_that_cannot_be_handed_over_is_an_error_of_the_exercise_and_ends_nothing(restored, monkeypatch):
    ours, theirs = socket.socketpair()
    send, failing = protocol.send, [RecursionError]

    def once(channel, value):
        if channel is theirs and failing:
            raise failing.pop()
        send(channel, value)

    monkeypatch.setattr(worker.protocol, "send", once)
    with ours, theirs:
        protocol.send(ours, ["def f(x): return x"])
        for number in (1, 2):
            protocol.send(ours, {"ask": "f", "way": "value", "case": (3,), "id": number})
        ours.shutdown(socket.SHUT_WR)
        worker.serve(theirs)
        first, second = protocol.receive(ours), protocol.receive(ours)
    assert (first["state"], first["reason"]) == ("error", "what it returned cannot be handed over: RecursionError")
    assert (second["id"], second["value"]) == (2, 3)


def test_a_deep_expression_is_noted_and_not_fatal():
    _, notes = statements(["x = " + "(" * 5000 + ")" * 5000, "y = " + "-" * 100_000 + "1"])
    assert len(notes) == 2


@pytest.fixture(scope="module")
def shell():
    """Jupyter's own shell, without a kernel."""
    return InteractiveShell.instance()


@pytest.fixture
def restored(monkeypatch, tmp_path):
    """What a notebook of these sets beyond itself is put back; it writes into a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])  # the worker puts its own there
    path, dtype, state = list(sys.path), torch.get_default_dtype(), random.getstate()
    yield
    sys.path[:] = path
    torch.set_default_dtype(dtype)
    random.setstate(state)


@pytest.mark.parametrize("cells", HABITS.values(), ids=HABITS)
def test_an_answer_is_what_jupyter_makes_of_its_notebook(cells, shell, restored):
    shell.reset(new_session=False)
    shell.compile.flags = 0
    for cell in cells:
        shell.run_cell(cell).raise_error()
    expected = shell.user_ns["f"](3)
    torch.set_default_dtype(torch.float32)
    assert Notebook(cells).answered({"ask": "f", "way": "value", "case": (3,)}).get("value") == expected


ANYTHING = re.compile(
    r"setattr|globals|vars|exec|sys\.path|seed|set_default_dtype|import \*|__future__"
)  # or a setting


@pytest.mark.parametrize("habit", [habit for habit, cells in HABITS.items() if not ANYTHING.search("".join(cells))])
def test_an_exercise_that_needs_nothing_of_a_notebook_costs_no_statement_of_it(habit):
    cells = ["import math", *HABITS[habit][:-1], "def answer(x): return math.sqrt(x)"]
    assert texts(cells, "answer") == ["import math", "def answer(x):\n    return math.sqrt(x)"]


def test_an_exercise_is_asked_where_its_check_stands(restored):
    cells = [
        "def helper(x): return x + 1",
        "def f(x): return helper(x)",
        "check(f)",
        "def helper(x): return -x",
        "def g(x): return helper(x)",
        "check(g)",
        "helper = f = None",
    ]
    notebook = Notebook(cells)
    asked = {name: notebook.answered({"ask": name, "way": "value", "case": (3,)}) for name in ("f", "g", "f")}
    assert [asked["f"]["value"], asked["g"]["value"]] == [4, -3]
    assert "f was graded as it stands at check(f), code cell 3; code cell 4 changes helper again" in asked["f"]["notes"]
    assert (
        "g was graded as it stands at check(g), code cell 6; code cell 7 changes f, helper again" in asked["g"]["notes"]
    )


def test_without_its_check_an_exercise_is_asked_at_the_end(restored):
    notebook = Notebook(["k = 1", "def f(x): return k", "k = 2", "check(f) if False else None", "k = 3"])
    assert notebook.answered({"ask": "f", "way": "value", "case": (0,)}) == {
        "state": "answered",
        "value": 3,
        "changed": None,
        "notes": [],
    }


def test_a_statement_that_takes_too_long_is_stopped_and_named_and_the_next_one_runs(restored, monkeypatch):
    monkeypatch.setattr(worker, "CELL_SECONDS", 0.4)
    cells = [
        "class Net: pass\nnet = Net()",
        "def train(net):\n    while True:\n        try: net.k = 1\n        except Exception: pass",
        "train(net)",
        "net.k = 4",
        "def f(x): return net.k * x",
        "check(f)",
        "def g(x): return net.k + x",
    ]
    notebook = Notebook(cells)
    answer = notebook.answered({"ask": "f", "way": "value", "case": (3,)})
    assert answer["value"] == 12
    assert answer["notes"] == ["code cell 3: line 'train(net)' ran too long here and was stopped"]
    tried = []
    monkeypatch.setattr(worker, "at_most", lambda seconds: tried.append(seconds) or nullcontext())
    assert notebook.answered({"ask": "g", "way": "value", "case": (3,)})["value"] == 7
    assert len(tried) == 5  # the class, the object, the two functions and one statement: not the training again


def test_a_training_that_no_answer_needs_does_not_run(restored):
    cells = [
        "from mmgen_course import data",
        "side = 8\ndevice = 'cpu'",
        "class Net:\n    def __init__(self, side): self.side = side",
        "net = Net(side)",
        "for step in range(3):\n    net.loss = 1 / 0",
        "def f(x):\n    return Net(side).side + x",
        "check(f)",
    ]
    assert texts(cells) == [
        "side = 8",
        cells[2].replace(":\n    def", ":\n\n    def").replace("): s", "):\n        s"),
        cells[5],
    ]
