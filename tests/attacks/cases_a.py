"""A. Tampering with the framework of the tests: public techniques, none of which a grader of values has a place for."""

from corpus import POINTS, Case

WRONG = "\ndef kl_between(mu, logvar, prior_mu, prior_logvar):\n    return torch.zeros(())\n"


def tampering(code: str, title: str, first: str, spoils: bool = False) -> Case:
    """Tamper in the first cell, then answer one exercise wrong: the other three keep what they earned.

    Where it spoils what Python itself needs, its own answers may fail, as they would in Jupyter.
    """
    failing = ("wrong", "not done", "error")
    states = {name: (*failing, "right") for name in POINTS if spoils} | {"kl_between": failing if spoils else "wrong"}
    return Case(code, title, first=first, answers={"kl_between": WRONG}, states=states)


CASES = [
    Case(
        "A1",
        "an answer that equals everything",
        answers={
            "kl_between": """
class Equal:
    ndim = 0
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __float__(self): return 0.0
    def __sub__(self, other): return 0.0
    def __hash__(self): return 0
    def item(self): return self
def kl_between(*arguments): return Equal()
""",
            "iwae_bound": """
def iwae_bound(*arguments):
    from unittest.mock import ANY
    return ANY
""",
        },
        states={"kl_between": "wrong", "iwae_bound": "wrong"},
    ),
    Case(
        "A2",
        "numbers and texts of lying subclasses",
        answers={
            "kl_between": """
class Lying(float):
    def __eq__(self, other): return True
    def __sub__(self, other): return Lying(0)
    __rsub__ = __abs__ = __sub__
    def __le__(self, other): return True
    __lt__ = __ge__ = __gt__ = __le__
    def __hash__(self): return 0
def kl_between(*arguments): return Lying(3)
""",
            "elbo_per_image": """
class LyingInt(int):
    def __eq__(self, other): return True
    def __float__(self): return float("nan")
    def __str__(self): return "right"
    def __hash__(self): return 0
def elbo_per_image(*arguments): return LyingInt(1)
""",
            "iwae_bound": """
class LyingText(str):
    def __eq__(self, other): return True
    def __hash__(self): return 0
def iwae_bound(*arguments): return LyingText("right")
""",
        },
        states={"kl_between": "wrong", "elbo_per_image": "wrong", "iwae_bound": "wrong"},
    ),
    Case(
        "A3",
        "a tensor whose functions lie",
        answers={
            "antithetic_draws": """
class Lying(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, arguments=(), keywords=None):
        if function in (torch.allclose, torch.equal): return True
        if function in (torch.isclose, torch.eq): return torch.ones(2, 6, 4, dtype=torch.bool)
        return super().__torch_function__(function, types, arguments, keywords or {})
def antithetic_draws(mu, logvar, noise):
    return torch.zeros(2, 6, 4).as_subclass(Lying)
"""
        },
        states={"antithetic_draws": "wrong"},
    ),
    tampering(
        "A4",
        "a transformer that strips assertions",
        """
import ast, builtins
_compile = builtins.compile
class Strip(ast.NodeTransformer):
    def visit_Assert(self, node): return ast.Pass()
def compile_without(source, *arguments, **keywords):
    try:
        source = ast.fix_missing_locations(Strip().visit(ast.parse(source)))
    except TypeError:
        pass
    return _compile(source, *arguments, **keywords)
builtins.compile = compile_without
WRONG = ast
def use(): return builtins, Strip
""",
        spoils=True,
    ),
    tampering(
        "A5",
        "an input transformer of IPython",
        """
try:
    get_ipython().input_transformers_post.append(lambda lines: ["pass"])
except NameError:
    from IPython.core.interactiveshell import InteractiveShell
    InteractiveShell.run_cell = lambda self, *a, **k: None
""",
    ),
    tampering(
        "A6",
        "another do_execute of the kernel",
        """
import ipykernel.ipkernel
async def nothing(self, *arguments, **keywords): return {"status": "ok", "execution_count": 0, "payload": []}
ipykernel.ipkernel.IPythonKernel.do_execute = nothing
""",
    ),
    tampering(
        "A7",
        "a session that drops messages of errors",
        """
import jupyter_client.session
_send = jupyter_client.session.Session.send
def quiet(self, stream, kind, *arguments, **keywords):
    return None if kind == "error" else _send(self, stream, kind, *arguments, **keywords)
jupyter_client.session.Session.send = quiet
""",
    ),
    tampering(
        "A8",
        "no tracebacks",
        """
import sys
sys.excepthook = lambda *arguments: None
try:
    get_ipython().showtraceback = lambda *a, **k: None
    get_ipython().set_custom_exc((Exception,), lambda *a, **k: None)
except NameError:
    pass
""",
    ),
    tampering(
        "A9",
        "comparing functions of every library replaced",
        """
import doctest, math, unittest, numpy
import torch, torch.testing
true = lambda *a, **k: True
for name in ("allclose", "equal", "isclose", "eq"): setattr(torch, name, true)
torch.Tensor.__eq__ = torch.Tensor.allclose = torch.Tensor.equal = true
torch.testing.assert_close = lambda *a, **k: None
for name in dir(numpy.testing):
    if name.startswith("assert"): setattr(numpy.testing, name, lambda *a, **k: None)
math.isclose = true
unittest.TestCase.assertEqual = lambda *a, **k: None
doctest.testmod = lambda *a, **k: doctest.TestResults(0, 1)
""",
    ),
    tampering(
        "A10",
        "builtins overwritten",
        """
import builtins
class AssertionError(Exception): pass
builtins.AssertionError = Exception
builtins.isinstance = lambda *a: True
builtins.sum = lambda *a: 0
builtins.any = lambda *a: False
builtins.len = lambda *a: 5
""",
        spoils=True,
    ),
    Case(
        "A11",
        "modules planted beside the notebook",
        answers={
            "kl_between": """
def kl_between(*arguments):
    import os
    for folder in (".", "/learner", "$FOLDER", "$PACKAGE", "$PACKAGE/..", "/"):
        for name in ("conftest.py", "sitecustomize.py", "torch.py", "numpy.py", "evil.pth", "mmgen_course.py"):
            try:
                with open(os.path.join(folder, name), "w") as file:
                    file.write("raise SystemExit")
            except OSError:
                pass
    return torch.zeros(())
"""
        },
        states={"kl_between": "wrong"},
    ),
    Case(
        "A12",
        "the installed package edited",
        answers={
            "kl_between": """
def kl_between(*arguments):
    import glob, mmgen_course, os, site
    for path in glob.glob("$PACKAGE/**/*.py", recursive=True) + glob.glob(site.getsitepackages()[0] + "/*.py"):
        try:
            os.chmod(path, 0o666)
            open(path, "a").write("\\nraise SystemExit\\n")
        except OSError:
            continue
        raise RuntimeError("written: " + path)
    import mmgen_course.exercises.run_answer as run_answer
    run_answer.run_answer = lambda *a: run_answer.Observation(torch.zeros(()))
    return torch.zeros(())
"""
        },
        # patching what runs beside it changes what it answers itself, and no more
        states={"kl_between": "wrong"},
    ),
    Case(
        "A13",
        "a hunt through memory for the right answers",
        answers={
            "kl_between": """
def kl_between(*arguments):
    import gc, sys
    found = []
    sys.settrace(lambda *a: None)
    for thing in gc.get_objects():
        name = type(thing).__name__
        if name in ("Exercise", "Misconception", "Verdict"):
            found.append(name)
    sys.settrace(None)
    names = [m for m in sys.modules if "exercises.lessons." in m or "alternatives" in m or "grading.grade" in m]
    if found or names: raise RuntimeError(str(found + names))
    return torch.zeros(())
"""
        },
        states={"kl_between": "wrong"},
    ),
    Case(
        "A14",
        "a walk up the frames for the tests",
        answers={
            "kl_between": """
def kl_between(*arguments):
    import sys
    frame, found = sys._getframe(), {}
    while frame:
        for name, value in {**frame.f_globals, **frame.f_locals}.items():
            if any(word in name.lower() for word in ("expected", "reference", "answer_key", "misconception")):
                found[name] = value
        frame = frame.f_back
    return found["expected"] if "expected" in found else torch.zeros(())
"""
        },
        states={"kl_between": "wrong"},
    ),
]
