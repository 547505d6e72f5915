"""Messages for the learner about what their code did: values, errors and places in a few words; nothing is raised."""

import dis
import inspect
import linecache
import re
import sys
from collections.abc import Callable, Iterator
from reprlib import Repr
from traceback import walk_tb
from types import FrameType
from typing import Any

from torch import Tensor

from mmgen_course.exercises.run_answer import Other, Way

MOST = 60  # characters of a value
MOST_OF_AN_ERROR = 300
ADDRESS = re.compile(r" at 0x[0-9A-Fa-f]+")

_short = Repr()
_short.maxstring = _short.maxother = _short.maxlong = MOST
_short.maxlevel = 3  # of six parts each: a list of lists of lists of tensors would else be written for minutes


def cut(text: str, most: int = MOST) -> str:
    """A text in one line of at most so many characters.

    Example:
        >>> cut("one two three", 8)
        'one two…'
    """
    line = " ".join(text[: 20 * most].split())  # a text of a million characters is not read to its end
    return line if len(line) <= most and len(text) <= 20 * most else line[: most - 1].rstrip() + "…"


def brief(value: Any) -> str:
    """A value as Python writes it, in a few characters and without an address.

    Example:
        >>> brief("a" * 1_000_000)[:5], brief(len), brief([[1, 2], 3.5])
        ("'aaaa", '<built-in function len>', '[[1, 2], 3.5]')
    """
    try:
        return cut(ADDRESS.sub("", _short.repr(value)))
    except Exception:  # its __repr__ is the learner's
        return f"something of type {_name(type(value))}"


def kind(value: Any) -> str:
    """What sort of value an answer gave, for somebody who returned the wrong sort.

    Example:
        >>> import torch
        >>> kind(None), kind(torch.zeros(2, 3)), kind([1, 2])
        ('None: is there a `return`?', 'a tensor of shape (2, 3)', 'list [1, 2]')
    """
    if value is None:
        return "None: is there a `return`?"
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    if isinstance(value, Other):
        return cut(value.kind)
    if type(value).__module__ == "numpy" and _name(type(value)) == "ndarray":
        return f"a NumPy array of shape {value.shape}: torch.from_numpy makes a tensor of it"
    return f"{_name(type(value))} {brief(value)}"


def _name(kind: type) -> str:
    return cut(str(getattr(kind, "__name__", "object")))


def message(error: BaseException) -> str:
    """An exception in a line, as the last one of a traceback.

    Example:
        >>> message(ValueError("no such word")), message(AssertionError())
        ('ValueError: no such word', 'AssertionError')
    """
    try:
        text = str(error)
    except Exception:
        text = "its message cannot be read"
    return cut(f"{_name(type(error))}: {text}" if text else _name(type(error)), MOST_OF_AN_ERROR)


def is_a_stub(error: NotImplementedError) -> bool:
    """Whether a `raise` raised it, as in an exercise that is not done; PyTorch raises the same for what it cannot do.

    Example:
        >>> import torch
        >>> try:
        ...     torch.zeros((), device="meta").tolist()
        ... except NotImplementedError as error:
        ...     print(is_a_stub(error))
        False
    """
    step = error.__traceback__
    if step is None:
        return False
    while step.tb_next:
        step = step.tb_next
    by_raise = step.tb_frame.f_code.co_code[step.tb_lasti] == dis.opmap["RAISE_VARARGS"]
    return by_raise and not str(step.tb_frame.f_globals.get("__name__")).startswith("torch.")


def own_line(error: BaseException, answer: Callable[..., Any]) -> str:
    """Where in the learner's own code an error arose, with that line; empty if that cannot be known.

    Example:
        >>> import math
        >>> try:
        ...     math.log(0)
        ... except ValueError as error:
        ...     own_line(error, brief)  # no line of the file that `brief` stands in
        ''
    """
    own = list(_own_steps(error, answer))
    if not own:  # the second of two errors, as when an alarm rings twice
        return own_line(error.__context__, answer) if error.__context__ else ""
    frame, line = own[-1]
    code = frame.f_code
    name = code.co_name if frame is not own[0][0] and code.co_name.isidentifier() else "your function"
    source = cut(linecache.getline(code.co_filename, line), 100)
    return f"line {line - code.co_firstlineno + 1} of {name}" + (f": {source}" if source else "")


def _own_steps(error: BaseException, answer: Callable[..., Any]) -> Iterator[tuple[FrameType, int]]:
    """The steps of a traceback through code of the same file or notebook as the answer, the outermost first."""
    try:
        whole = inspect.unwrap(answer)
        space = whole.__globals__ if inspect.isfunction(whole) else vars(sys.modules[whole.__module__])
    except Exception:  # an answer may be anything, and may lie
        return
    for frame, line in walk_tb(error.__traceback__):
        if frame.f_globals is space:
            yield frame, line


def place(way: Way, path: tuple[int | str, ...], case: tuple[Any, ...] = ()) -> str:
    """Where in an observation of an answer (see `run_answer`) a path leads, in words; empty for the whole value.

    Args:
        way: how the answer was asked.
        path: the number of a part, from 0, or its name; then of a part of that part, and so on.
        case: the arguments, which name the gradients.

    Example:
        >>> import torch
        >>> place("gradient", (1, 0), (3, torch.ones(2))), place("step", (1, "0.weight", 0)), place("value", (1, "mu"))
        ('gradient of argument 2', '0.weight of network 1 after the step', 'part 2, mu')
    """
    head, rest = (path[0], path[1:]) if path else (None, ())
    if way == "gradient" and head == 1 and rest:
        floating = [n for n, x in enumerate(case, 1) if isinstance(x, Tensor) and x.is_floating_point()]
        return _join(f"gradient of argument {floating[int(rest[0])]}" if floating else "", rest[1:])
    if way == "module" and head == "gradients" and rest:
        return _join(f"gradient of the parameter {rest[0]}", rest[1:])
    if way == "module" and head == "output":
        return _join("output of your module", rest)
    if way == "step" and head not in (None, 0) and len(rest) == 2:
        what = f"gradient of {rest[0]}" if rest[1] else f"{rest[0]}"
        return f"{what} of network {head} after the step"
    if way in ("gradient", "step") and head == 0:
        return _join("what you return", rest)
    return _join("", path)


def _join(start: str, path: tuple[int | str, ...]) -> str:
    parts = [f"part {step + 1}" if isinstance(step, int) else cut(step) for step in path]
    return ", ".join([start, *parts] if start else parts)
