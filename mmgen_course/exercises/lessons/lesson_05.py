"""Exercises of lesson 05_attention: the scale of scores, and a mask."""

import math

import torch
from torch import Tensor

from mmgen_course.exercises.exercise import Exercise, Misconception

LESSON = "05_attention"


def _components(generator: torch.Generator) -> tuple[int, float, float, float]:
    d, q, k, ratio = torch.rand(4, generator=generator).tolist()
    return int(8 + 248 * d), 0.5 + 2 * q, 0.5 + 2 * k, 2 + 6 * ratio


def _temperature(d: int, deviation_q: float, deviation_k: float, ratio: float) -> float:
    return math.sqrt(d) * deviation_q * deviation_k / math.log(ratio)


DOT_TEMPERATURE = Exercise(
    name="dot_temperature",
    lesson=LESSON,
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


def _captions(generator: torch.Generator) -> tuple[Tensor, Tensor, int]:
    """Scores (4, T, T), the lengths of an empty, two short and a full caption, and a window."""
    t, window = (int(n) for n in torch.randint(2, 4, (2,), generator=generator))
    return 2 * torch.randn(4, t + 4, t + 4, generator=generator), torch.tensor([0, 1, t + 1, t + 4]), window


def _visible(scores: Tensor, lengths: Tensor, window: int, ahead: int = 0) -> Tensor:
    place = torch.arange(scores.shape[-1])
    back = place[:, None] - place
    return (back >= -ahead) & (back < window) & (place < lengths[:, None, None])


def _windowed(scores: Tensor, lengths: Tensor, window: int, ahead: int = 0) -> Tensor:
    return scores.masked_fill(~_visible(scores, lengths, window, ahead), -math.inf).softmax(-1).nan_to_num(0)


WINDOW_WEIGHTS = Exercise(
    name="window_weights",
    lesson=LESSON,
    points=3,
    minutes=12,
    difficulty=2,
    asks="the weights (N, T, T) where each position sees itself and the window - 1 places before it, words of its "
    "caption only, and gets zeros where it sees nothing; from scores (N, T, T) and lengths (N,)",
    inputs=_captions,
    reference=_windowed,
    misconceptions=(
        Misconception(
            "padding counted",
            lambda scores, lengths, window: _windowed(scores, 0 * lengths + scores.shape[-1], window),
            "The filling behind short captions gets weight. Only keys before the caption's end are words.",
        ),
        Misconception(
            "queries of the filling silenced",
            lambda scores, lengths, window: (
                _windowed(scores, lengths, window) * (torch.arange(scores.shape[-1]) < lengths[:, None])[..., None]
            ),
            "You gave zeros to every place of the filling. That it is not seen concerns keys: a place behind the end "
            "may still look back at words, as 4 and 5 do in the example.",
        ),
        Misconception(
            "window one too long",
            lambda scores, lengths, window: _windowed(scores, lengths, window + 1),
            "Your window is one place too long. Count how many keys the last word sees, itself included.",
        ),
        Misconception(
            "looks ahead",
            lambda scores, lengths, window: _windowed(scores, lengths, window, ahead=window - 1),
            "A position sees what comes after it. Near is not enough: the sign of the distance counts, too.",
        ),
        Misconception(
            "masked after the softmax",
            lambda scores, *mask: scores.softmax(-1) * _visible(scores, *mask),
            "Your rows sum to less than 1: hidden keys took their share of the sum before you erased them.",
        ),
        Misconception(
            "over the queries",
            lambda scores, *mask: scores.masked_fill(~_visible(scores, *mask), -math.inf).softmax(-2).nan_to_num(0),
            "Your columns sum to 1, not your rows. Each query shares its weight among keys, the last axis.",
        ),
        Misconception(
            "NaN where nothing is seen",
            lambda scores, *mask: scores.masked_fill(~_visible(scores, *mask), -math.inf).softmax(-1),
            "A row without any visible key is 0/0. An empty caption has such rows, so have places far behind an end.",
        ),
        Misconception(
            "large negative number",
            lambda scores, *mask: scores.masked_fill(~_visible(scores, *mask), -1e9).softmax(-1),
            "Where all is hidden your scores are equal again, and filling gets equal weights.",
        ),
    ),
)

EXERCISES = (DOT_TEMPERATURE, WINDOW_WEIGHTS)
