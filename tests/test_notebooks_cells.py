"""The statements that an answer needs are found, and those that it does not need are left alone."""

import ast
import sys

import pytest

from mmgen_course.grading.untrusted.worker import Notebook
from mmgen_course.notebooks.cells import needed, plain, statements


def texts(cells, name="f"):
    return [ast.unparse(statement.tree) for statement in needed(statements(cells)[0], name)]


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


def test_a_deep_expression_is_noted_and_not_fatal():
    _, notes = statements(["x = " + "(" * 5000 + ")" * 5000, "y = " + "-" * 100_000 + "1"])
    assert len(notes) == 2
