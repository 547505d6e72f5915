"""Which waves look alike in a smaller picture: an exercise of lesson 01_images."""

import math

import torch
from torch import Tensor

from mmgen_course.exercises.exercise import Exercise, Misconception
from mmgen_course.exercises.lessons import whole_number


def _seen_in_small(generator: torch.Generator) -> tuple[float, float]:
    """A frequency that is seen, and a step of 2 to 8 in halves; no candidate lies near 1/2 a pixel."""
    seen = whole_number(5, 20, generator) + 25 * whole_number(0, 1, generator)
    return seen / 100, whole_number(4, 16, generator) / 2


def _turns(seen: float, s: float, highest: float = 0.5) -> Tensor:
    """The frequencies that turn by `seen` and some whole turns from look to look; for -seen: by as much backwards."""
    f = (torch.arange(math.ceil(s) + 1) + seen) / s
    return f[(f > 0) & (f <= highest)]


def _candidates(seen: float, s: float, highest: float = 0.5) -> Tensor:
    return torch.cat([_turns(seen, s, highest), _turns(-seen, s, highest)]).sort().values


EXERCISE = Exercise(
    name="true_frequencies",
    lesson="01_images",
    number=3,
    points=4,
    minutes=15,
    difficulty=3,
    asks="all frequencies from 0 to 1/2 a pixel that look like `seen` a new pixel at every s-th pixel; (k,), ascending",
    inputs=_seen_in_small,
    reference=_candidates,
    misconceptions=(
        Misconception(
            "waves that turn backwards missing",
            _turns,
            "Waves are missing: 0.9 turns from look to look seem to be 0.1 back, and a cosine shows no direction.",
        ),
        Misconception(
            "the honest one alone",
            lambda seen, s: torch.tensor([seen / s]),
            "You give the one wave that keeps its frequency. Others pose as it: whole turns from look to look hide.",
        ),
        Misconception(
            "up to one period a pixel",
            lambda seen, s: _candidates(seen, s, highest=1.0),
            "You listed frequencies up to 1. The shortest period that a grid of pixels can hold is two of them.",
        ),
        Misconception(
            "in periods a new pixel",
            lambda seen, s: s * _candidates(seen, s),
            "Your numbers are periods a new pixel. Periods an old one were asked for; a new one is s of them wide.",
        ),
        Misconception(
            "not in order",
            lambda seen, s: torch.cat([_turns(seen, s), _turns(-seen, s)]),
            "You found all of them. They stand in two runs, one behind the other: ascending order was asked for.",
        ),
    ),
)
