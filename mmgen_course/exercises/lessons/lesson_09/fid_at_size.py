"""The FID to expect at another sample size: an exercise of lesson 09_evaluation."""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from mmgen_course.exercises.exercise import Exercise, Misconception
from mmgen_course.exercises.lessons.lesson_09 import between


def _measured(generator: torch.Generator) -> tuple[list[int], list[float], int]:
    """FIDs at 4 to 6 sizes, in no order, that stray about a line over 1 / n; and another size."""
    count = int(torch.randint(4, 7, (), generator=generator))
    sizes = [int(n) for n in torch.randperm(40, generator=generator)[:count] * 50 + 100]
    limit, slope = between(2.0, 5.0, generator), between(300.0, 900.0, generator)
    values = [limit + slope / n + between(-0.3, 0.3, generator) for n in sizes]
    return sizes, values, int(torch.randint(3000, 9000, (), generator=generator))


def _at(sizes: list[int], values: list[float], size: int, of: Callable[..., np.ndarray] = np.reciprocal) -> float:
    """The least squares line of the values over a function of the sizes, at that of another size."""
    known, wanted = of(np.array(sizes, dtype=float)), of(np.array([size], dtype=float))
    return float(np.polyval(np.polyfit(known, values, deg=1), wanted)[0])


def _from_largest(sizes: list[int], values: list[float], size: int) -> tuple[int, float]:
    return max(zip(sizes, values, strict=True))


def _through_origin(sizes: list[int], values: list[float]) -> float:
    """The slope of the least squares line over 1 / n that ends at 0."""
    return sum(v / n for n, v in zip(sizes, values, strict=True)) / sum(1 / n**2 for n in sizes)


def _through_two(sizes: list[int], values: list[float], size: int) -> float:
    ordered = sorted(zip(sizes, values, strict=True))
    (n, small), (m, large) = ordered[0], ordered[-1]
    return _at([n, m], [small, large], size)


EXERCISE = Exercise(
    name="fid_at_size",
    lesson="09_evaluation",
    number=1,
    points=2,
    minutes=8,
    difficulty=1,
    asks="the FID to expect from another number of pictures: the least squares line through the measured values over "
    "1/n, at 1/size; from a list of sizes, a list of values, and a size",
    inputs=_measured,
    reference=_at,
    misconceptions=(
        Misconception(
            "line over n",
            partial(_at, of=lambda n: n),
            "Your line runs over n, and falls for ever, below zero at last. The bias falls like 1/n, so over 1/n the "
            "values lie on a line.",
        ),
        Misconception(
            "line over log n",
            partial(_at, of=np.log),
            "Your line runs over log n. A bias of 1/n is straight with slope -1 if *both* axes are logarithmic and the "
            "true distance is zero; here it is not.",
        ),
        Misconception(
            "evaluated at n",
            lambda sizes, values, size: float(np.polyval(np.polyfit([1 / n for n in sizes], values, 1), size)),
            "Your line runs over 1/n, but you asked it at n. What does it run over at this size?",
        ),
        Misconception(
            "at infinity",
            lambda sizes, values, size: _at(sizes, values, 10**15),
            "This is the FID of infinitely many pictures, where the line ends. Asked for is a finite number, which has "
            "some bias left.",
        ),
        Misconception(
            "whole FID taken for bias",
            lambda sizes, values, size: _from_largest(sizes, values, size)[1] * max(sizes) / size,
            "You scaled the whole FID with 1/n. Only the bias falls; the true distance stays, however many "
            "pictures there are.",
        ),
        Misconception(
            "nothing corrected",
            lambda sizes, values, size: _from_largest(sizes, values, size)[1],
            "This is the value of the largest sample, as it was measured. With more pictures its bias would fall.",
        ),
        Misconception(
            "line through the origin",
            lambda sizes, values, size: _through_origin(sizes, values) / size,
            "Your line over 1/n goes through 0, so the FID of infinitely many pictures would be 0 for any generator. "
            "Let the points say where it ends.",
        ),
        Misconception(
            "two of the points",
            _through_two,
            "Your line goes through two of the points alone, and what strays in these two strays in your answer. Let "
            "all of them draw it.",
        ),
    ),
)
