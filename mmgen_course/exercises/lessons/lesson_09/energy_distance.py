"""The unbiased energy distance of two samples: an exercise of lesson 09_evaluation."""

from functools import partial

import torch
from torch import Tensor

from mmgen_course.exercises.exercise import Exercise, Misconception


def _near_samples(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Two samples of different sizes from one distribution, so alike that the estimate is below zero."""
    n = int(torch.randint(5, 9, (), generator=generator))
    x = torch.randn(n, 3, generator=generator)
    y = torch.cat([x, torch.randn(2, 3, generator=generator) / 2])
    return x, y + 0.05 * torch.randn(y.shape, generator=generator)


def _energy(x: Tensor, y: Tensor, keep: bool = False, power: int = 1, cross: int = 2) -> Tensor:
    """2 E|x - y| - E|x - x'| - E|y - y'|, where the means run over pairs of different rows unless they are kept."""
    within = [torch.cdist(z, z).pow(power).sum() / (len(z) ** 2 if keep else len(z) * (len(z) - 1)) for z in (x, y)]
    return cross * torch.cdist(x, y).pow(power).mean() - within[0] - within[1]


EXERCISE = Exercise(
    name="energy_distance",
    lesson="09_evaluation",
    number=3,
    points=3,
    minutes=12,
    difficulty=2,
    asks="the unbiased estimate of 2 E|x - y| - E|x - x'| - E|y - y'| from samples x (n, d) and y (m, d), with the "
    "Euclidean distance",
    inputs=_near_samples,
    reference=_energy,
    misconceptions=(
        Misconception(
            "pairs with itself kept",
            partial(_energy, keep=True),
            "Your means within a sample count each point's distance to itself, which is 0. That makes them too small "
            "on average, at every n. x and x' are drawn independently.",
        ),
        Misconception(
            "clamped at zero",
            lambda x, y: _energy(x, y).clamp(min=0),
            "You clamped the estimate at 0. If the truth is 0, an estimate that is right on average must be below "
            "it at times.",
        ),
        Misconception(
            "sign turned",
            lambda x, y: -_energy(x, y),
            "You turned the sign, or dropped it. A kernel says how alike two points are, a distance the opposite; and "
            "an estimate that is right on average may lie below a truth of 0.",
        ),
        Misconception(
            "squared distances",
            partial(_energy, power=2),
            "You squared the distances. Then all that is compared are the two means: 2 E|x - y|^2 - ... = 2 |E x - E "
            "y|^2.",
        ),
        Misconception(
            "cross term once",
            partial(_energy, cross=1),
            "You counted the distances between the samples once. If both come from the same source, the three "
            "means are equal, and the result must be 0.",
        ),
        Misconception(
            "each pair counted twice",
            lambda x, y: 2 * _energy(x, y) - 2 * torch.cdist(x, y).mean(),
            "Your means within a sample are twice too large: you divided a sum over i < j and i > j by n (n - 1) / 2.",
        ),
        Misconception(
            "all pairs in one mean",
            lambda x, y: 2 * torch.cdist(x, y).mean() - 2 * torch.cat([torch.pdist(x), torch.pdist(y)]).mean(),
            "You put the pairs of both samples into one mean, where the larger sample has more of them. Each sample "
            "has a mean of its own.",
        ),
    ),
)
