"""The size of the noise behind a size of picture: an exercise of lesson 15_formulas_that_look_right."""

import math
from collections.abc import Callable

import torch

from mmgen_course.exercises.exercise import Exercise, Misconception
from mmgen_course.exercises.lessons import whole_number
from mmgen_course.scenes.world import pick

Layer = tuple[int, int, int]  # kernel, stride, padding
STARTS: tuple[Layer, ...] = ((2, 1, 0), (3, 1, 0), (4, 1, 0), (5, 1, 0))
GROWTH: tuple[Layer, ...] = ((4, 2, 1), (6, 2, 2), (5, 3, 1), (6, 4, 1))


def _grown(n: int, layers: list[Layer], paddings: int = 2, one: int = 1) -> int:
    """The size of the picture: right with two paddings and n - 1 steps."""
    for kernel, stride, padding in layers:
        n = (n - one) * stride - paddings * padding + kernel
    return n


def _undone(size: int, layers: list[Layer], paddings: int = 2, one: int = 1, smallest: float = 1.0) -> int | None:
    """The size of the noise, or None: the inverse of `_grown`."""
    for kernel, stride, padding in reversed(layers):
        steps, rest = divmod(size + paddings * padding - kernel, stride)
        size = steps + one
        if rest or size < smallest:
            return None
    return size


def _rounded(size: int, layers: list[Layer], smallest: float = 1.0) -> int | None:
    for kernel, stride, padding in reversed(layers):
        size = (size + 2 * padding - kernel) // stride + 1
    return size if size >= smallest else None


def _picture_sizes(generator: torch.Generator) -> tuple[list[int], list[Layer]]:
    """Sizes that noise of 1 to 8 makes, one more pixel than such a size, what noise of 0 makes, and what mistakes make.

    Without the last each wrong formula would answer None to everything, and look like the others.
    """
    layers = [pick(STARTS, generator), *(pick(GROWTH, generator) for _ in range(whole_number(1, 2, generator)))]
    first, second, third = (1 + torch.randperm(8, generator=generator)[:3]).tolist()
    sizes = {_grown(n, layers) for n in (0, first, second, third)} | {_grown(first, layers) + 1}
    sizes |= {_grown(second, layers, paddings) for paddings in (1, -2)}
    sizes |= {_grown(second, layers, one=0), _grown(second, layers[::-1])}
    listed = sorted(sizes)
    return [listed[place] for place in torch.randperm(len(listed), generator=generator).tolist()], layers


def _each(rule: Callable[[int, list[Layer]], int | None]) -> Callable[..., list[int | None]]:
    """The rule for each size of a list."""
    return lambda sizes, layers: [rule(size, layers) for size in sizes]


EXERCISE = Exercise(
    name="noise_sizes",
    lesson="15_formulas_that_look_right",
    number=3,
    points=3,
    minutes=12,
    difficulty=2,
    asks="for each size of a picture the size of the noise from which the layers make it, transposed convolutions of "
    "(kernel, stride, padding), the first one first; None where no noise of size 1 or more does",
    inputs=_picture_sizes,
    reference=_each(_undone),
    misconceptions=(
        Misconception(
            "sizes that cannot be, rounded",
            _each(_rounded),
            "`//` rounded where the division has a remainder: the noise that you name makes a smaller picture. Feed "
            "it forward again.",
        ),
        Misconception(
            "never None",
            _each(lambda size, layers: _rounded(size, layers, smallest=-math.inf)),
            "You name a noise for every size, also one of size 0 or below, and where the division has a remainder. "
            "Feed each answer forward again: does the size come back?",
        ),
        Misconception(
            "noise of no size",
            _each(lambda size, layers: _undone(size, layers, smallest=-math.inf)),
            "You answered with a noise of size 0 or below. The formula can be solved there, but there is nothing to "
            "convolve.",
        ),
        Misconception(
            "first layer undone first",
            _each(lambda size, layers: _undone(size, layers[::-1])),
            "You undid the first layer first. Who takes off shoes and socks begins with what was put on last.",
        ),
        Misconception(
            "forward",
            _each(_grown),
            "You went forward, from the size of a noise to that of its picture. Here the picture is given.",
        ),
        Misconception(
            "padding counted once",
            _each(lambda size, layers: _undone(size, layers, paddings=1)),
            "Padding counts on both sides of a picture.",
        ),
        Misconception(
            "padding with the wrong sign",
            _each(lambda size, layers: _undone(size, layers, paddings=-2)),
            "A transposed convolution cuts its padding off. To go back, on which side of the equation does it end?",
        ),
        Misconception(
            "one lost",
            _each(lambda size, layers: _undone(size, layers, one=0)),
            "n columns are n - 1 steps of the stride apart. You have the steps; how many columns are these?",
        ),
    ),
)
