"""Pooling over the real tokens of a padded batch: an exercise of lesson 02_text."""

from functools import partial

import torch
from torch import Tensor

from mmgen_course.exercises.exercise import Exercise, Misconception


def _states(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Vectors that are mostly negative where a token is real, larger at the filling, and once infinite."""
    n, T = (int(torch.randint(low, low + 3, (), generator=generator)) for low in (2, 6))
    mask = torch.rand(n, T, generator=generator) < 0.5
    mask[:, 1], mask[:, 4] = True, False
    e = torch.randn(n, T, 4, generator=generator) - 2 + 4 * ~mask[..., None]
    e[0, 4] = torch.inf
    return e, mask


def _pooled(e: Tensor, mask: Tensor, fill: float = -torch.inf, every: bool = False) -> Tensor:
    count = mask.shape[1] if every else mask.sum(dim=1, keepdim=True)
    filled = [e.masked_fill(~mask[..., None], value) for value in (0, fill)]
    return torch.cat([filled[0].sum(dim=1) / count, filled[1].amax(dim=1)], dim=1)


EXERCISE = Exercise(
    name="mean_and_max",
    lesson="02_text",
    number=3,
    points=3,
    minutes=10,
    difficulty=2,
    asks="mean and maximum of e (N, T, d) over the real tokens, side by side, (N, 2 d); at <pad> may stand anything",
    inputs=_states,
    reference=_pooled,
    misconceptions=(
        Misconception(
            "padding counted",
            lambda e, mask: torch.cat([e.mean(dim=1), e.amax(dim=1)], dim=1),
            "The mask is not used. What sums over positions, or looks for the largest, has to leave out the filling.",
        ),
        Misconception(
            "both multiplied by the mask",
            lambda e, mask: _pooled(e, mask, fill=0.0) + (0 * e).sum(dim=1).repeat(1, 2),
            "Two harms: 0 times inf is nan, and a filling of 0 wins where all real numbers are negative.",
        ),
        Misconception(
            "mean multiplied by the mask",
            lambda e, mask: _pooled(e, mask) + torch.cat([0 * e, torch.zeros_like(e)], dim=2).sum(dim=1),
            "Your mean is nan where inf stands at <pad>: 0 times inf is nan. Put a number there, do not multiply.",
        ),
        Misconception(
            "zeros in the maximum",
            partial(_pooled, fill=0.0),
            "Your maximum is never below 0: the filling wins where all real numbers are negative. What never wins?",
        ),
        Misconception(
            "divided by T",
            partial(_pooled, every=True),
            "You divided by T. The filling adds nothing to the sum and still shrinks the mean: count real tokens.",
        ),
        Misconception(
            "mask inverted",
            lambda e, mask: _pooled(e, ~mask),
            "You pooled the filling. The mask is true where a token is real; `masked_fill` writes where it is true.",
        ),
    ),
)
