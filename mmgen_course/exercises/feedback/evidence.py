"""Evidence for a verdict: small tables and pictures of the first difference between an answer and the expected value.

They hold texts and pixels alone; `render` shows them as HTML and as plain text.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from mmgen_course.exercises.compare import differing, first_difference, first_other
from mmgen_course.exercises.feedback.pictures import Picture, is_like_a_picture, pictures
from mmgen_course.exercises.messages import brief

MOST = 6  # rows and columns of a table
MISSING = "-"
DIGITS = (4, 6, 9, 17)  # the first number of them that tells expected and got apart


@dataclass(frozen=True)
class Table:
    """A small table of texts.

    Attributes:
        caption: what it shows.
        columns: the header of each column; that of the rows' names has none.
        rows: the name of each, and its cells: (text, whether it is not as expected).
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[tuple[str, bool], ...]], ...]


Evidence = list[Table | Picture]


def evidence(expected: Any, got: Any, tolerance: float = 1e-4) -> Evidence:
    """Tables and pictures of the first difference of two values; none if they cannot be put side by side.

    Example:
        >>> evidence((1.0, "red"), (1.0, "blue"))[0].rows
        (('part 1', (('1', False), ('1', False))), ('part 2', (("'red'", False), ("'blue'", True))))
        >>> [type(part).__name__ for part in evidence(torch.zeros(3, 8, 8), torch.ones(3, 8, 8))]
        ['Picture', 'Picture', 'Picture', 'Table', 'Table']
    """
    try:
        return _evidence(expected, got, tolerance)
    except Exception:  # raised by methods of the answer; the verdict's sentence says what is wrong with it
        return []


def _evidence(expected: Any, got: Any, tolerance: float) -> Evidence:
    found = first_difference(expected, got, tolerance)
    if found is None:
        return []
    want, have = found.expected, found.got
    if isinstance(want, Tensor) and want.ndim:
        return _of_tensors(want, have, tolerance) if _comparable(want, have) else []
    if isinstance(want, Mapping | tuple | list):
        return _of_parts(want, have, tolerance)
    if isinstance(want, str) and isinstance(have, str) and max(len(want), len(have)) > 40:
        return _of_long_texts(want, have)
    if found.path:
        around, beside = expected, got
        for step in found.path[:-1]:
            around, beside = around[step], beside[step]
        parts = around.values() if isinstance(around, Mapping) else around
        if not any(isinstance(part, Mapping | tuple | list) for part in parts):
            return _of_parts(around, beside, tolerance)
    return [_side_by_side("The values", [("value", want, have, True)])]


def _comparable(expected: Tensor, got: Any) -> bool:
    if not isinstance(got, Tensor) or got.layout != torch.strided or got.device != expected.device:
        return False
    both_floating = expected.is_floating_point() and got.is_floating_point()
    return expected.shape == got.shape and (both_floating or expected.dtype == got.dtype)


# ---- numbers, texts, lists, dicts: a row for each part


def _side_by_side(caption: str, parts: list[tuple[str, Any, Any, bool]]) -> Table:
    """A row for each (name, expected, got, whether they differ)."""
    wrong = [differs for *_, differs in parts]
    wants, haves = _texts([part[1] for part in parts], [part[2] for part in parts], wrong)
    rows = tuple(
        (brief(part[0]).strip("'"), ((want, False), (have, differs)))
        for part, want, have, differs in zip(parts, wants, haves, wrong, strict=True)
    )
    return Table(caption, ("expected", "got"), rows)


class _Missing:
    """Stands for a part that is not there."""


def _of_parts(expected: Any, got: Any, tolerance: float) -> Evidence:
    """Part by part, around the first that differs or that only one of the two has."""
    named = isinstance(expected, Mapping)
    if not isinstance(got, Mapping if named else tuple | list):
        return []
    size = max(len(expected), len(got))
    shown = got if named else got[: len(expected) + MOST]  # a list of a million parts is not read to its end
    wants, haves = (dict(x) if named else dict(enumerate(x)) for x in (expected, shown))
    steps = [*wants, *(step for step in haves if step not in wants)]
    pairs = [(wants.get(step, _Missing), haves.get(step, _Missing)) for step in steps]
    wrong = [
        want is _Missing or have is _Missing or first_difference(want, have, tolerance) is not None
        for want, have in pairs
    ]
    window = _window(wrong.index(True), len(steps))
    parts = [(steps[n] if named else f"part {n + 1}", *pairs[n], wrong[n]) for n in window]
    return [_side_by_side(f"The parts{_share('', window, len(steps) if named else size, 1)}", parts)]


def _of_long_texts(expected: str, got: str) -> Evidence:
    place = first_other(expected, got)
    around = range(max(place - 10, 0), place + 20)
    want, have = (text[around.start : around.stop] for text in (expected, got))
    lengths = f"{len(expected):,} characters were expected, got {len(got):,}"
    return [_side_by_side(lengths, [(f"from character {around.start + 1} on", want, have, True)])]


def _texts(wants: list[Any], haves: list[Any], wrong: list[bool]) -> tuple[list[str], list[str]]:
    """Values as texts, numbers with as many digits as tell expected and got apart."""
    for digits in DIGITS:
        first, second = ([_text(value, digits) for value in values] for values in (wants, haves))
        if all(a != b for a, b, differs in zip(first, second, wrong, strict=True) if differs):
            break
    return first, second


def _text(value: Any, digits: int) -> str:
    if value is _Missing:
        return MISSING
    if isinstance(value, Tensor):
        if value.numel() != 1 or value.layout != torch.strided or value.device.type == "meta":
            return f"tensor {tuple(value.shape)}"
        value = value.detach().item()
    return f"{value:.{digits}g}" if isinstance(value, float | complex) else brief(value)


# ---- tensors: a window around the first number that differs, and pictures


def _of_tensors(expected: Tensor, got: Tensor, tolerance: float) -> Evidence:
    expected, got = expected.detach(), got.detach()
    wrong = differing(expected, got, tolerance)
    place = tuple(wrong.nonzero()[0].tolist())
    if wrong.ndim == 1:
        window = _window(place[0], len(wrong))
        parts = [(f"[{n}]", expected[n], got[n], bool(wrong[n])) for n in window]
        return [_side_by_side(f"The numbers{_share('', window, len(wrong))}", parts)]
    outer = place[:-2]
    around = _windows(expected[outer], got[outer], wrong[outer], outer)
    if not is_like_a_picture(expected):
        return around
    in_colour = expected.ndim in (3, 4) and expected.shape[-3] == 3
    shown = place[:-3] if in_colour else outer
    return [*pictures(expected[shown], got[shown], wrong[shown], shown), *around]


def _windows(expected: Tensor, got: Tensor, wrong: Tensor, outer: tuple[int, ...]) -> Evidence:
    """Two tables of the numbers around the first difference; all three are (h, w)."""
    row, column = wrong.nonzero()[0].tolist()
    rows, columns = _window(row, wrong.shape[0]), _window(column, wrong.shape[1])
    cut = slice(rows.start, rows.stop), slice(columns.start, columns.stop)
    marks = wrong[cut].flatten().tolist()
    texts = _texts(expected[cut].flatten().tolist(), got[cut].flatten().tolist(), marks)
    shares = _share(" rows", rows, wrong.shape[0]) + _share(" columns", columns, wrong.shape[1])
    where = (f" [{', '.join(map(str, outer))}]" if outer else "") + shares
    width = len(columns)

    def table(name: str, cells: Iterable[tuple[str, bool]]) -> Table:
        listed = list(cells)
        lines = [tuple(listed[n * width : (n + 1) * width]) for n in range(len(rows))]
        named = tuple((f"[{n}]", line) for n, line in zip(rows, lines, strict=True))
        return Table(f"{name}{where}", tuple(f"[{n}]" for n in columns), named)

    want = table("expected", ((text, False) for text in texts[0]))
    return [want, table("got", zip(texts[1], marks, strict=True))]


def _window(first: int, size: int) -> range:
    """At most `MOST` places around the first that differs, two of them before it where there are."""
    start = min(max(first - 2, 0), max(size - MOST, 0))
    return range(start, min(start + MOST, size))


def _share(name: str, window: range, size: int, origin: int = 0) -> str:
    """Which part of the whole a window is; empty if it is the whole."""
    whole = len(window) == size
    return "" if whole else f",{name} {window[0] + origin} to {window[-1] + origin} of {size}"
