"""Compares an answer with the expected value: the first part that differs, and a sentence for the learner."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from mmgen_course.exercises.messages import brief, cut, kind

NUMBERS = (bool, int, float)


@dataclass(frozen=True)
class Difference:
    """The first part of two values that differs.

    Attributes:
        path: to this part: the number of a part, from 0, or its name, then of a part of that part.
        sentence: what was expected, and what the answer gave.
        expected, got: this part of each.
    """

    path: tuple[int | str, ...]
    sentence: str
    expected: Any
    got: Any


class BadReference(TypeError):
    """The expected value is of a kind that no exercise may ask for: ours to mend, not the learner's."""


def difference(expected: Any, got: Any, tolerance: float = 1e-4) -> str:
    """What is wrong with a value, for a learner to read; empty if it is the expected one, up to rounding.

    A tensor may come in any floating type where one was expected, with or without a gradient; a number also as a
    tensor or array without axes, and the other way round. NaN equals NaN only where NaN was expected. Whole numbers
    are not rounded. No value breaks it, whatever its methods do.

    Args:
        expected: None, a number, a string, a tensor, or a tuple, list or dict of these.
        got: the answer.
        tolerance: relative to the size of the expected value, and absolute below size 1.

    Example:
        >>> difference(torch.zeros(2, 3), torch.zeros(3, 2))
        'expected the shape (2, 3); came (3, 2)'
        >>> difference(1.0, 1.0 + 1e-9), difference((1.0, 2.0), (1.0, 3.0))
        ('', 'part 2: expected 2; came 3')
    """
    found = first_difference(expected, got, tolerance)
    if found is None:
        return ""
    steps = [f"part {step + 1}: " if isinstance(step, int) else f"{cut(step)}: " for step in found.path]
    return "".join(steps) + found.sentence


def first_difference(expected: Any, got: Any, tolerance: float = 1e-4) -> Difference | None:
    """The first part of a value that is not as expected, up to rounding; None if there is none.

    Example:
        >>> found = first_difference({"mean": 0.0, "words": ("a", "b")}, {"mean": 0.0, "words": ("a", "c")})
        >>> found.path, found.sentence, found.got
        (('words', 1), "expected 'b'; came 'c'", 'c')
    """
    try:
        return _first(expected, got, tolerance, ())
    except BadReference:
        raise
    except Exception as error:  # raised by methods of the answer: those of values as they should be raise nothing
        sentence = f"got something that cannot be compared, {brief(got)} ({type(error).__name__})"
        return Difference((), sentence, expected, got)


def _first(expected: Any, got: Any, tolerance: float, path: tuple[int | str, ...]) -> Difference | None:
    if isinstance(expected, Mapping | tuple | list):
        if sentence := _container_difference(expected, got):
            return Difference(path, sentence, expected, got)
        named = isinstance(expected, Mapping)
        for step in expected if named else range(len(expected)):
            if found := _first(expected[step], got[step], tolerance, (*path, step)):
                return found
        return None
    sentence = _leaf_difference(expected, got, tolerance)
    return Difference(path, sentence, expected, got) if sentence else None


def _container_difference(expected: Mapping[str, Any] | Sequence[Any], got: Any) -> str:
    """What is wrong with the outside of a dict, tuple or list."""
    if isinstance(expected, Mapping):
        names = ", ".join(map(str, expected))
        if not isinstance(got, Mapping):
            return f"expected a dict of {cut(names, 200)}; came {kind(got)}"
        if set(got) == set(expected):
            return ""
        return f"expected the names {cut(names, 200)}; came {cut(', '.join(map(str, got)), 200) or 'none'}"
    if not isinstance(got, tuple | list):
        return f"expected {len(expected)} parts, a {type(expected).__name__}; came {kind(got)}"
    return "" if len(got) == len(expected) else f"expected {len(expected)} parts; came {len(got)}"


def _leaf_difference(expected: Any, got: Any, tolerance: float) -> str:
    if isinstance(expected, Tensor):
        return _tensor_difference(expected, got, tolerance)
    if isinstance(expected, str):
        return _text_difference(expected, got)
    if isinstance(expected, NUMBERS):
        return _number_difference(expected, got, tolerance)
    if expected is not None:
        raise BadReference(
            f"a reference gave {kind(expected)}: only None, numbers, strings, tensors and parts can come"
        )
    return "" if got is None else f"expected None; came {kind(got)}"


def _text_difference(expected: str, got: Any) -> str:
    if not isinstance(got, str):
        return f"expected {brief(expected)}; came {kind(got)}"
    if str.__eq__(expected, got):  # not ==, which a string of another type may redefine
        return ""
    if max(len(expected), len(got)) <= 40:
        return f"expected {expected!r}; came {got!r}"
    place = first_other(expected, got)
    around = slice(max(place - 10, 0), place + 20)
    return f"differs from character {place + 1} on: expected {expected[around]!r}; came {got[around]!r}"


def first_other(expected: Sequence[Any], got: Sequence[Any]) -> int:
    """The place of the first part of two strings, or lists of strings, that differs or is missing in one.

    Example:
        >>> first_other("a red disc", "a red square"), first_other("red", "redder")
        (6, 3)
    """
    both = min(len(expected), len(got))
    return next((n for n in range(both) if expected[n] != got[n]), both)


def _number_difference(expected: bool | int | float, got: Any, tolerance: float) -> str:
    value = got.item() if hasattr(got, "item") and getattr(got, "ndim", None) == 0 else got
    if not isinstance(value, NUMBERS):
        return f"expected a number; came {kind(got)}"
    if isinstance(expected, bool) != isinstance(value, bool):
        return f"expected {'True or False' if isinstance(expected, bool) else 'a number'}; came {brief(value)}"
    if isinstance(expected, int) and isinstance(value, int):
        return "" if expected == value else f"expected {_digits(expected)}; came {_digits(value)}"
    try:
        want, have = torch.tensor([expected, float(value)], dtype=torch.float64)
    except OverflowError:
        return f"expected {expected:.6g}; came an integer too large for a float"
    return "" if _close(want, have, tolerance) else f"expected {expected:.6g}; came {value:.6g}"


def _digits(value: int) -> str:
    return str(value) if abs(value) < 10**15 else "an integer of more than 15 digits"


def _tensor_difference(expected: Tensor, got: Any, tolerance: float) -> str:
    if expected.ndim == 0 and not isinstance(got, Tensor):
        return _number_difference(expected.item(), got, tolerance)
    if not isinstance(got, Tensor):
        return f"expected a tensor of shape {tuple(expected.shape)}; came {kind(got)}"
    if got.ndim and not expected.ndim:
        return f"expected a single number; came a tensor of shape {tuple(got.shape)}"
    if got.shape != expected.shape:
        return f"expected the shape {tuple(expected.shape)}; came {tuple(got.shape)}"
    if got.layout != torch.strided:
        return f"expected a dense tensor; came one with the layout {got.layout}: .to_dense() makes it dense"
    if got.device != expected.device:
        return f"expected a tensor on {expected.device}; came one on {got.device}"
    both_floating = got.is_floating_point() and expected.is_floating_point()
    if not both_floating and got.dtype != expected.dtype:
        return f"expected the type {expected.dtype}; came {got.dtype}"
    wrong = differing(expected, got, tolerance)
    if not wrong.any():
        return ""
    place = tuple(wrong.nonzero()[0].tolist())
    share = f"{int(wrong.sum())} of {wrong.numel()} numbers differ; the first " if wrong.ndim else ""
    where = f"at {place}, " if place else ""
    want, have = expected.detach()[place].item(), got.detach()[place].item()
    if isinstance(want, bool):
        return f"{share}{where}expected {want}; came {have}"
    return f"{share}{where}expected {want:.6g}; came {have:.6g}"


def differing(expected: Tensor, got: Tensor, tolerance: float) -> Tensor:
    """Where two tensors of one shape differ, as a tensor of bool; whole numbers are not rounded.

    Example:
        >>> differing(torch.tensor([1.0, 2.0]), torch.tensor([1.00001, 2.1]), 1e-4)
        tensor([False,  True])
    """
    want, have = expected.detach(), got.detach()
    if not (want.is_floating_point() or want.is_complex()):
        return want != have
    exact = torch.complex128 if want.is_complex() else torch.float64
    want, have = want.to(exact), have.to(exact)
    return ~torch.isclose(have, want, rtol=tolerance, atol=tolerance, equal_nan=True)


def _close(want: Tensor, have: Tensor, tolerance: float) -> bool:
    return torch.allclose(have, want, rtol=tolerance, atol=tolerance, equal_nan=True)
