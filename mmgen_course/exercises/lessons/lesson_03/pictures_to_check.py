"""How many pictures without a mistake bound the rate of mistakes: an exercise of lesson 03_cnn_features."""

import math
from collections.abc import Callable

import torch

from mmgen_course.exercises.exercise import Exercise, Misconception


def _claim(generator: torch.Generator) -> tuple[float, float]:
    """A rate from 0.001 to 0.1, evenly on a logarithmic scale, and a confidence from 0.6 to 0.99."""
    place, share = torch.rand(2, generator=generator, dtype=torch.float64).tolist()
    return 10 ** (-1 - 2 * place), 0.6 + 0.39 * share


def _needed(rate: float, confidence: float) -> float:
    """The n at which (1 - rate)^n is 1 - confidence; seldom a whole number."""
    return math.log(1 - confidence) / math.log(1 - rate)


def _ceiling(number: Callable[[float, float], float]) -> Callable[[float, float], int]:
    return lambda rate, confidence: math.ceil(number(rate, confidence))


EXERCISE = Exercise(
    name="pictures_to_check",
    lesson="03_cnn_features",
    number=4,
    points=2,
    minutes=8,
    difficulty=1,
    asks="the least number of pictures which, all read without a mistake, show at this confidence (as 0.95) that the "
    "judge errs at most at this rate (as 0.01); exact, a whole number",
    inputs=_claim,
    reference=_ceiling(_needed),
    tolerance=1e-5,
    misconceptions=(
        Misconception(
            "rounded down",
            lambda rate, confidence: math.floor(_needed(rate, confidence)),
            "One picture too few: with your number (1 - p)^n is still a little above alpha.",
        ),
        Misconception(
            "confidence for alpha",
            _ceiling(lambda rate, confidence: math.log(confidence) / math.log(1 - rate)),
            "You took the confidence for alpha. In your formula more confidence needs fewer pictures.",
        ),
        Misconception(
            "three for every confidence",
            _ceiling(lambda rate, confidence: 3 / rate),
            "That is the rule of three: for 95 %, and rounded. Your answer does not depend on the confidence.",
        ),
        Misconception(
            "approximation",
            _ceiling(lambda rate, confidence: -math.log(1 - confidence) / rate),
            "Nearly: you took p for -ln(1 - p). At a rate of 0.1 that is a few per cent of the pictures; the left of "
            "the two formulas is exact.",
        ),
        Misconception(
            "one in n",
            _ceiling(lambda rate, confidence: 1 / rate),
            "A judge that errs once in n pictures on average reads n of them without a mistake in over a third of "
            "all trials. That is no evidence.",
        ),
        Misconception(
            "alpha halved",
            _ceiling(lambda rate, confidence: math.log((1 - confidence) / 2) / math.log(1 - rate)),
            "You left half of alpha for the other side. Nothing can be below zero mistakes: there is one side.",
        ),
    ),
)
