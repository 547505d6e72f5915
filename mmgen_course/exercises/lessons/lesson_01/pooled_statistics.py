"""Mean and standard deviation of a data set, from those of its pictures: an exercise of lesson 01_images."""

import torch
from torch import Tensor

from mmgen_course.exercises.exercise import Exercise, Misconception
from mmgen_course.exercises.lessons import whole_number


def _summaries(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and standard deviation of each channel of 4 to 6 pictures, and how many pixels each has."""
    n = whole_number(4, 6, generator)
    means, stds = 0.1 + 0.8 * torch.rand(2, n, 3, generator=generator)
    return means, stds / 3, torch.randint(100, 5000, (n,), generator=generator)


def _weighted(values: Tensor, counts: Tensor) -> Tensor:
    return (counts / counts.sum()) @ values


def _pooled(means: Tensor, stds: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
    mean = _weighted(means, counts)
    return mean, (_weighted(stds**2 + means**2, counts) - mean**2).sqrt()


EXERCISE = Exercise(
    name="pooled_statistics",
    lesson="01_images",
    number=2,
    points=3,
    minutes=12,
    difficulty=2,
    asks="mean and standard deviation, both (3,), of all pixels of n pictures, from those of each (n, 3) and its size",
    inputs=_summaries,
    reference=_pooled,
    misconceptions=(
        Misconception(
            "plain means of both",
            lambda means, stds, counts: (means.mean(0), stds.mean(0)),
            "You averaged both over the pictures. They are not equally large, and they differ from each other, too.",
        ),
        Misconception(
            "every picture the same weight",
            lambda means, stds, counts: _pooled(means, stds, torch.ones_like(counts)),
            "Your picture of 100 pixels counts as much as one of 5,000. Of all pixels together, each counts the same.",
        ),
        Misconception(
            "mean of the standard deviations",
            lambda means, stds, counts: (_weighted(means, counts), _weighted(stds, counts)),
            "Standard deviations do not average: a black and a white picture both have 0, and their pixels differ.",
        ),
        Misconception(
            "spread between the pictures lost",
            lambda means, stds, counts: (_weighted(means, counts), _weighted(stds**2, counts).sqrt()),
            "You averaged the variances: the spread within the pictures. Whole pictures are darker than others, too.",
        ),
        Misconception(
            "variance for standard deviation",
            lambda *given: (_pooled(*given)[0], _pooled(*given)[1] ** 2),
            "Your second part is the variance; normalising divides by its square root.",
        ),
    ),
)
