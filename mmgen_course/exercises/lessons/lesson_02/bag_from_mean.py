"""The words of a sentence, from the mean of their vectors: an exercise of lesson 02_text."""

import torch
from torch import Tensor

from mmgen_course.exercises.exercise import Exercise, Misconception


def _bag(generator: torch.Generator) -> tuple[Tensor, Tensor, int]:
    """The mean to three decimals, of 6 to 15 words from 5 to 7, whose vectors have 9 numbers."""
    V = int(torch.randint(5, 8, (), generator=generator))
    counts, table = torch.randint(0, 4, (V,), generator=generator), torch.randn(V, 9, generator=generator)
    counts[0] += 3
    return ((counts.float() @ table) / counts.sum()).round(decimals=3), table, int(counts.sum())


def _shares(mean: Tensor, table: Tensor) -> Tensor:
    return torch.linalg.lstsq(table.T, mean[:, None]).solution[:, 0]


EXERCISE = Exercise(
    name="bag_from_mean",
    lesson="02_text",
    number=4,
    points=4,
    minutes=15,
    difficulty=3,
    asks="how often each of V words occurs, whole numbers (V,), from the mean (d,) of n vectors of table (V, d)",
    inputs=_bag,
    reference=lambda mean, table, n: (n * _shares(mean, table)).round().long(),
    misconceptions=(
        Misconception(
            "cut off instead of rounded",
            lambda mean, table, n: (n * _shares(mean, table)).long(),
            "Some counts are too small by one: 1.998 became 1. A conversion to whole numbers does not round.",
        ),
        Misconception(
            "shares for counts",
            lambda mean, table, n: _shares(mean, table),
            "These are shares that add up to one. The mean was divided by n; the bag holds counts, whole numbers.",
        ),
        Misconception(
            "shares rounded",
            lambda mean, table, n: _shares(mean, table).round().long(),
            "You rounded shares between 0 and 1, so nearly all became 0. The mean was divided by n.",
        ),
        Misconception(
            "similarity for count",
            lambda mean, table, n: (n * (table @ mean)).round().long(),
            "Products with each vector are counts if all have length one and right angles. These overlap.",
        ),
    ),
)
