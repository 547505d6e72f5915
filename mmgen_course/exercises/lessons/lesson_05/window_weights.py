"""Attention weights with a causal window and padding: an exercise of lesson 05_attention."""

import math

import torch
from torch import Tensor

from mmgen_course.exercises.exercise import Exercise, Misconception


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


EXERCISE = Exercise(
    name="window_weights",
    lesson="05_attention",
    number=2,
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
