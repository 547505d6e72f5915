"""Attention over two blocks of keys, from that over each: an exercise of lesson 05_attention."""

import math

import torch
from torch import Tensor

from mmgen_course.exercises.exercise import Exercise, Misconception


def _blocks(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Outputs (5, 3) and logs of sums (5,) of two blocks of keys; query 0 saw only the second, 1 the first, 2 none."""
    o, log = torch.randn(2, 5, 3, generator=generator), 100 + 2 * torch.randn(2, 5, generator=generator)
    hidden = torch.tensor([[1, 0, 1, 0, 0], [0, 1, 1, 0, 0]]).bool()
    o, log = o.masked_fill(hidden[..., None], 0), log.masked_fill(hidden, -math.inf)
    return o[0], log[0], o[1], log[1]


def _merged(o1: Tensor, log1: Tensor, o2: Tensor, log2: Tensor, unseen: float = 0) -> tuple[Tensor, Tensor]:
    share = (log1 - log2).sigmoid().nan_to_num(unseen)[:, None]  # e^log1 / (e^log1 + e^log2)
    return share * o1 + (1 - share) * o2, torch.logaddexp(log1, log2)


def _summed(o1: Tensor, log1: Tensor, o2: Tensor, log2: Tensor, m: Tensor) -> tuple[Tensor, Tensor]:
    e1, e2 = (log1 - m).exp(), (log2 - m).exp()
    return ((o1.T * e1 + o2.T * e2) / (e1 + e2)).T, m + (e1 + e2).log()


EXERCISE = Exercise(
    name="merge_attention",
    lesson="05_attention",
    number=4,
    points=3,
    minutes=12,
    difficulty=3,
    asks="(output (L, e), log of the sum of exponentials (L,)) over two blocks of keys together, from those of each; "
    "-inf means that the query saw nothing of a block: if of both, zeros and -inf",
    inputs=_blocks,
    reference=_merged,
    misconceptions=(
        Misconception(
            "plain mean",
            lambda o1, log1, o2, log2: ((o1 + o2) / 2, torch.logaddexp(log1, log2)),
            "Both blocks count the same, even one in which no key fits. Each should count as much as its scores.",
        ),
        Misconception(
            "logarithms added",
            lambda o1, log1, o2, log2: (_merged(o1, log1, o2, log2)[0], log1 + log2),
            "Your lambda is a sum of logarithms, and so the logarithm of a product. What is added are the sums of e^s.",
        ),
        Misconception(
            "exponential overflows",
            lambda o1, log1, o2, log2: _summed(o1, log1, o2, log2, torch.zeros(len(log1))),
            "exp(100) is infinite in a float, and infinity by infinity is NaN. Only differences of logarithms matter.",
        ),
        Misconception(
            "output NaN where nothing is seen",
            lambda o1, log1, o2, log2: _merged(o1, log1, o2, log2, unseen=math.nan),
            "For a query that saw nothing of either block your weights are 0/0. Such a query has output 0.",
        ),
        Misconception(
            "both NaN where nothing is seen",
            lambda o1, log1, o2, log2: _summed(o1, log1, o2, log2, torch.maximum(log1, log2)),
            "For a query that saw nothing of either block you subtract minus infinity from itself, a NaN.",
        ),
    ),
)
