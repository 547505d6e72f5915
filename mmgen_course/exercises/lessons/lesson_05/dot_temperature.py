"""The temperature that a ratio of two attention weights needs: an exercise of lesson 05_attention."""

import math

import torch

from mmgen_course.exercises.exercise import Exercise, Misconception


def _components(generator: torch.Generator) -> tuple[int, float, float, float]:
    d, q, k, ratio = torch.rand(4, generator=generator).tolist()
    return int(8 + 248 * d), 0.5 + 2 * q, 0.5 + 2 * k, 2 + 6 * ratio


def _temperature(d: int, deviation_q: float, deviation_k: float, ratio: float) -> float:
    return math.sqrt(d) * deviation_q * deviation_k / math.log(ratio)


EXERCISE = Exercise(
    name="dot_temperature",
    lesson="05_attention",
    number=1,
    points=2,
    minutes=8,
    difficulty=1,
    asks="what to divide dot products by, so that a key whose dot product is one standard deviation larger gets ratio "
    "times the weight; d independent components of mean 0 with these deviations",
    inputs=_components,
    reference=_temperature,
    misconceptions=(
        Misconception(
            "variance for standard deviation",
            lambda d, q, k, ratio: _temperature(d**2, q**2, k**2, ratio),
            "You took the variance of the dot product. The two keys lie one standard deviation apart.",
        ),
        Misconception(
            "d for its root",
            lambda d, q, k, ratio: _temperature(d**2, q, k, ratio),
            "Your answer grows like d. Variances of d terms add up; standard deviations do not.",
        ),
        Misconception(
            "root of the deviations too",
            lambda d, q, k, ratio: _temperature(d, math.sqrt(q), math.sqrt(k), ratio),
            "You took d sigma_q sigma_k for the variance. That of one product is a product of variances.",
        ),
        Misconception(
            "factor for divisor",
            lambda d, q, k, ratio: 1 / _temperature(d, q, k, ratio),
            "That is the number to multiply by. Longer vectors need a larger divisor, and yours gets smaller.",
        ),
        Misconception(
            "deviations left out",
            lambda d, q, k, ratio: _temperature(d, 1.0, 1.0, ratio),
            "Your answer does not depend on the deviations, as if all components had variance 1.",
        ),
        Misconception(
            "ratio without its logarithm",
            lambda d, q, k, ratio: _temperature(d, q, k, math.exp(ratio)),
            "You divided by the ratio of the weights. It is the exponential of a difference of scores.",
        ),
    ),
)
