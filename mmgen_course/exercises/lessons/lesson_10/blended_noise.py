"""Noises mixed so that the result is noise again: an exercise of lesson 10_text_to_image."""

import torch
from torch import Tensor
from torch.nn import functional as F

from mmgen_course.exercises.exercise import Exercise, Misconception


def _noises(generator: torch.Generator) -> tuple[Tensor, Tensor, float]:
    k, n, d = (int(torch.randint(low, low + 3, (), generator=generator)) for low in (2, 3, 6))
    weights = 0.2 + 3 * torch.rand(k, generator=generator).square()
    return torch.randn(k, n, d, generator=generator), weights, 0.3 + torch.rand((), generator=generator).item() / 2


def _sum(noises: Tensor, weights: Tensor) -> Tensor:
    return torch.einsum("k,knd->nd", weights, noises)


EXERCISE = Exercise(
    name="blended_noise",
    lesson="10_text_to_image",
    number=1,
    points=2,
    minutes=8,
    difficulty=1,
    asks="k independent standard normal noises (k, n, d), mixed in the proportions of the weights (k,) to one noise "
    "(n, d) whose every number is from N(0, truncation^2)",
    inputs=_noises,
    reference=lambda noises, weights, tau: tau * _sum(noises, weights) / weights.square().sum().sqrt(),
    misconceptions=(
        Misconception(
            "weighted sum left as it is",
            lambda noises, weights, tau: tau * _sum(noises, weights),
            "Your numbers have variance truncation^2 times the sum of the squared weights: twice the weights, and the "
            "noise is twice as large. Only their proportions should matter.",
        ),
        Misconception(
            "weighted mean",
            lambda noises, weights, tau: tau * _sum(noises, weights) / weights.sum(),
            "A mean of independent noises is smaller than each of them, so you truncated without saying so. What is "
            "the variance of your result?",
        ),
        Misconception(
            "variance for standard deviation",
            lambda noises, weights, tau: tau * _sum(noises, weights) / weights.square().sum(),
            "You divided by the variance of the weighted sum. Which power of it has the unit of the noise?",
        ),
        Misconception(
            "right for equal weights alone",
            lambda noises, weights, tau: tau * _sum(noises, weights) / weights.sum() * len(weights) ** 0.5,
            "sqrt(k) times the mean has the right variance if all weights are equal, and else not: with the weights 1 "
            "and 0 it would make the first noise larger by sqrt(2).",
        ),
        Misconception(
            "roots of the weights",
            lambda noises, weights, tau: tau * _sum(noises, (weights / weights.sum()).sqrt()),
            "The variance is right, but you mixed in the proportions of the roots: three to one became 1.73 to one.",
        ),
        Misconception(
            "every vector of one length",
            lambda noises, weights, tau: tau * F.normalize(_sum(noises, weights)) * noises.shape[2] ** 0.5,
            "All your vectors have the length truncation * sqrt(d). Normal ones have it only on average; compute what "
            "to divide by from the weights, not from the draw.",
        ),
        Misconception(
            "divided by what was measured",
            lambda noises, weights, tau: tau * _sum(noises, weights) / _sum(noises, weights).std(),
            "You divided by the standard deviation that this draw happens to have, so one picture's noise depends on "
            "the others'. It is known in advance, from the weights.",
        ),
        Misconception(
            "truncation lost",
            lambda noises, weights, tau: _sum(noises, weights) / weights.square().sum().sqrt(),
            "This is N(0, 1), whatever the truncation is.",
        ),
    ),
)
