"""The statements that an answer needs are found, and those that it does not need are left alone."""

import ast
import random
import re
import sys
from contextlib import nullcontext

import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell

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


def test_a_deep_expression_is_noted_and_not_fatal():
    _, notes = statements(["x = " + "(" * 5000 + ")" * 5000, "y = " + "-" * 100_000 + "1"])
    assert len(notes) == 2


HABITS = {
    "a loop fills a table": ["table = {}", "for k in range(5):\n    table[k] = k * k", "def f(x): return table[x]"],
    "with fills a list": [
        "from contextlib import nullcontext\nrows = []",
        "with nullcontext():\n    rows.append(7)",
        "def f(x): return x + sum(rows)",
    ],
    "a branch fills a table": [
        "table = {}\nif __name__ == '__main__':\n    table[3] = 5",
        "def f(x): return table.get(x)",
    ],
    "try fills a list": [
        "rows = []\ntry:\n    rows += [1, 2]\nexcept ValueError:\n    rows = [9]",
        "def f(x): return rows",
    ],
    "an assigned call changes": ["rows = [1, 2, 3]\nlast = rows.pop()", "def f(x): return rows"],
    "an underscore is assigned": ["d = {}\n_ = d.update(a=4)", "def f(x): return d"],
    "setattr": ["class C: pass", "c = C()\nsetattr(c, 'k', 3)", "def f(x): return x * c.k"],
    "setattr of a class": ["class C:\n    k = 1", "setattr(C, 'k', 3)", "def f(x): return x * C().k"],
    "a class is patched": ["class C:\n    def m(self): return 1", "C.m = lambda self: 8", "def f(x): return C().m()"],
    "globals is written to": ["globals()['k'] = 4", "def f(x): return k * x"],
    "globals is updated": ["globals().update(k=4)", "def f(x): return k * x"],
    "vars of an object": ["class C: pass", "c = C()\nvars(c)['k'] = 6", "def f(x): return c.k"],
    "exec binds": ["exec('k = 5')", "def f(x): return k"],
    "an initialiser": [
        "import torch\nfrom torch import nn\nlayer = nn.Linear(1, 1, bias=False)",
        "nn.init.constant_(layer.weight, 4.0)",
        "def f(x): return layer(torch.tensor([float(x)])).item()",
    ],
    "in place under no_grad": [
        "import torch\nw = torch.zeros(2)",
        "with torch.no_grad():\n    w.add_(2)\n    w[0] = 5",
        "def f(x): return (x * w).tolist()",
    ],
    "out=": ["import torch\na = torch.zeros(1)\ntorch.add(torch.ones(1), 1, out=a)", "def f(x): return a.item()"],
    "a decorator registers": [
        "known = {}\ndef register(g):\n    known[g.__name__] = g\n    return g",
        "@register\ndef double(x): return 2 * x",
        "def f(x): return known['double'](x)",
    ],
    "a method registers": [
        "class R:\n    all = []\n    def add(self, g):\n        self.all.append(g)\n        return g",
        "r = R()\n@r.add\ndef g(x): return x + 1",
        "def f(x): return [g(x) for g in r.all]",
    ],
    "a helper called for its effect": [
        "d = {}\ndef fill(n):\n    for i in range(n): d[i] = -i",
        "fill(4)",
        "def f(x): return d[x]",
    ],
    "a helper changes what it is given": ["def fill(t): t['a'] = 1", "d = {}\nfill(d)", "def f(x): return d"],
    "a helper changes a global": ["k = 1\ndef up():\n    global k\n    k += 1", "up()\nup()", "def f(x): return k * x"],
    "a helper of a helper": ["d = []\ndef a(): d.append(1)\ndef b(): a()", "b()\nx = b()", "def f(x): return d"],
    "a helper sets an attribute of a function": [
        "def g(x): return g.k * x\ndef mark(h, k): h.k = k",
        "mark(g, 4)",
        "def f(x): return g(x)",
    ],
    "an attribute of a function": ["def g(x): return g.k * x", "g.k = 3", "def f(x): return g(x)"],
    "a second name for a list": ["a = [1]\nb = a\nb.append(2)", "def f(x): return a"],
    "a list in a list": ["a = [1]\nouter = []\nouter.append(a)", "a.append(5)", "def f(x): return outer"],
    "an object keeps what it was given": [
        "class Box:\n    def __init__(self, rows): self.rows = rows\n    def add(self, x): self.rows.append(x)",
        "rows = [1]\nbox = Box(rows)\nbox.add(6)",
        "def f(x): return rows",
    ],
    "a class counts its instances": [
        "made = []\nclass C:\n    def go(self): made.append(self)",
        "c = C()\nc.go()\nc.go()",
        "def f(x): return len(made)",
    ],
    "an iterator is used up": ["it = iter(range(9))\nfirst = next(it)\nsecond = next(it)", "def f(x): return next(it)"],
    "a loop uses an iterator up": ["it = iter([4, 5, 6])\nfor one in it:\n    break", "def f(x): return list(it)"],
    "map calls a method": ["rows = []\nn = list(map(rows.append, [1, 2]))", "def f(x): return rows"],
    "a comprehension calls a method": ["rows = []\n[rows.append(i) for i in range(3)]", "def f(x): return rows"],
    "a lambda is called at once": ["rows = []\n(lambda: rows.append(3))()", "def f(x): return rows"],
    "a lambda finds what comes later": ["g = lambda x: k * x", "k = 7", "f = lambda x: g(x)"],
    "answers are lambdas": ["k = 2\nh = lambda x: k + x", "f = lambda x: h(x) * 2"],
    "an object finds what comes later": [
        "class A:\n    def m(self, x): return helper(x)\na = A()",
        "def helper(x): return x + 8",
        "def f(x): return a.m(x)",
    ],
    "del, then anew": ["k = 1\ndel k\nk = 3", "def f(x): return k * x"],
    "del of an item": ["d = {1: 2, 3: 4}\ndel d[1]", "def f(x): return d"],
    "a walrus in while": ["n = 0\nwhile (n := n + 1) < 5:\n    pass", "def f(x): return n"],
    "augmented in a loop": ["n = 0\nfor i in range(4):\n    n += i", "def f(x): return n"],
    "a function gains a case": [
        "from functools import singledispatch\n@singledispatch\ndef total(x): return 'any'",
        "@total.register\ndef _(x: int): return 'int'",
        "def f(x): return total(x)",
    ],
    "a default is taken early": ["k = 1\ndef f(x, k=k): return k * x", "k = 9"],
    "a star": ["from math import *", "def f(x): return floor(x + 0.5)"],
    "a partial": ["from functools import partial\ndef g(a, b): return a - b", "f = partial(g, 10)"],
    "annotations from the future": [
        "from __future__ import annotations",
        "def g(x: Unknown) -> Missing: return x",
        "def f(x: list[Nothing]): return g(x)",
    ],
    "a match": ["k = 3\nmatch k:\n    case 3:\n        name = 'three'", "def f(x): return name"],
    "a dtype is set": [
        "import torch\ntorch.set_default_dtype(torch.float64)",
        "def f(x): return str(torch.ones(1).dtype)",
    ],
    "a path is extended": ["import sys\nsys.path.append('/nowhere')", "def f(x): return '/nowhere' in sys.path"],
    "a seed is set": ["import random\nrandom.seed(3)\nr = random.random()", "def f(x): return r"],
    "a printing helper of one's own": [
        "said = []\ndef print(*what): said.extend(what)",
        "print('hello')",
        "def f(x): return said",
    ],
    "a module is written": [
        "%%writefile written_by_a_notebook.py\ndef g(x): return x + 9",
        "from written_by_a_notebook import g",
        "def f(x): return g(x)",
    ],
    "measured": ["%%time\nk = 3", "def f(x): return k"],
    "measured on one line": ["%time k = 3", "def f(x): return k"],
    "captured": ["%%capture out\nk = 3\nprint(k)", "def f(x): return (k, type(out).__name__)"],
    "plots and checks between": [
        "import matplotlib.pyplot as plt\nk = [1, 2]",
        "plt.plot(k)\nplt.show()\nplt.close()",
        "k.append(4)",
        "def f(x): return k",
    ],
}


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
