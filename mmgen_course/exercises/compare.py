"""Two values go in, expected and came; what differs comes out in one sentence, or nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

NUMBERS = (bool, int, float)


def difference(expected: Any, came: Any, tolerance: float = 1e-4) -> str:
    """What is wrong with a value, for a learner to read; empty if it is the expected one, up to rounding.

    A tensor may come in any floating type where one was expected, with or without a gradient; a number also as a
    tensor or array without axes, and the other way round. NaN equals NaN only where NaN was expected.

    Args:
        expected: None, a number, a string, a tensor, or a tuple, list or dict of these.
        came: the answer.
        tolerance: relative to the size of the expected value, and absolute below size 1.

    Example:
        >>> difference(torch.zeros(2, 3), torch.zeros(3, 2))
        'expected the shape (2, 3); came (3, 2)'
        >>> difference(1.0, 1.0 + 1e-9), difference((1.0, 2.0), (1.0, 3.0))
        ('', 'part 2: expected 2; came 3')
    """
    if isinstance(expected, Tensor):
        return _tensor_difference(expected, came, tolerance)
    if isinstance(expected, str):
        return "" if isinstance(came, str) and came == expected else f"expected {expected!r}; came {came!r}"
    if isinstance(expected, NUMBERS):
        return _number_difference(expected, came, tolerance)
    if expected is None:
        return "" if came is None else f"expected None; came {_kind(came)}"
    if isinstance(expected, Mapping):
        return _named_difference(expected, came, tolerance)
    return _parts_difference(expected, came, tolerance)


def _named_difference(expected: Mapping[str, Any], came: Any, tolerance: float) -> str:
    if not isinstance(came, Mapping):
        return f"expected a dict of {', '.join(expected)}; came {_kind(came)}"
    if came.keys() != expected.keys():
        return f"expected the names {', '.join(expected)}; came {', '.join(map(str, came))}"
    for name, want in expected.items():
        if reason := difference(want, came[name], tolerance):
            return f"{name}: {reason}"
    return ""


def _parts_difference(expected: Sequence[Any], came: Any, tolerance: float) -> str:
    if not isinstance(came, tuple | list):
        return f"expected {len(expected)} parts, a tuple; came {_kind(came)}"
    if len(came) != len(expected):
        return f"expected {len(expected)} parts; came {len(came)}"
    for number, (want, have) in enumerate(zip(expected, came, strict=True), 1):
        if reason := difference(want, have, tolerance):
            return f"part {number}: {reason}"
    return ""


def _number_difference(expected: bool | int | float, came: Any, tolerance: float) -> str:
    value = came.item() if hasattr(came, "item") and getattr(came, "ndim", None) == 0 else came
    if not isinstance(value, NUMBERS):
        return f"expected a number; came {_kind(came)}"
    if isinstance(expected, bool) != isinstance(value, bool):
        return f"expected {'True or False' if isinstance(expected, bool) else 'a number'}; came {value!r}"
    try:
        want, have = torch.tensor([expected, float(value)], dtype=torch.float64)
    except OverflowError:
        return f"expected {expected:.6g}; came an integer too large for a float"
    return "" if _close(want, have, tolerance) else f"expected {expected:.6g}; came {value:.6g}"


def _tensor_difference(expected: Tensor, came: Any, tolerance: float) -> str:
    if expected.ndim == 0 and not isinstance(came, Tensor):
        return _number_difference(expected.item(), came, tolerance)
    if not isinstance(came, Tensor):
        return f"expected a tensor of shape {tuple(expected.shape)}; came {_kind(came)}"
    if came.shape != expected.shape:
        return f"expected the shape {tuple(expected.shape)}; came {tuple(came.shape)}"
    if came.device != expected.device:
        return f"expected a tensor on {expected.device}; came one on {came.device}"
    both_floating = came.is_floating_point() and expected.is_floating_point()
    if not both_floating and came.dtype != expected.dtype:
        return f"expected the type {expected.dtype}; came {came.dtype}"
    want, have = expected.detach().double(), came.detach().double()
    if _close(want, have, tolerance):
        return ""
    wrong = ~torch.isclose(have, want, rtol=tolerance, atol=tolerance, equal_nan=True)
    place = tuple(wrong.nonzero()[0].tolist())
    share = f"{int(wrong.sum())} of {wrong.numel()} numbers differ; the first " if wrong.ndim else ""
    where = f"at {place}, " if place else ""
    return f"{share}{where}expected {want[place].item():.6g}; came {have[place].item():.6g}"


def _close(want: Tensor, have: Tensor, tolerance: float) -> bool:
    return torch.allclose(have, want, rtol=tolerance, atol=tolerance, equal_nan=True)


def _kind(value: Any) -> str:
    if value is None:
        return "None: is there a `return`?"
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    return f"{type(value).__name__} {value!r:.60}"
