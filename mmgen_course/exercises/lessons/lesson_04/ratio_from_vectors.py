"""Ratios of co-occurrence probabilities that vectors predict: an exercise of lesson 04_glove_features."""

import torch
from torch import Tensor

from mmgen_course.exercises.exercise import Exercise, Misconception


def _model(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor, int, int]:
    """Vectors of 6 words with 3 numbers, their biases, and two different words."""
    w, v = torch.randn(2, 6, 3, generator=generator)
    b, c = torch.randn(2, 6, generator=generator)
    i, j = torch.randperm(6, generator=generator)[:2].tolist()
    return w, v, b, c, i, j


def _ratio(w: Tensor, v: Tensor, b: Tensor, c: Tensor, i: int, j: int) -> Tensor:
    shares = (w[[i, j]] @ v.T + c).log_softmax(1)  # b is the same for a whole row
    return (shares[0] - shares[1]).exp()


def _log_counts(w: Tensor, v: Tensor, b: Tensor, c: Tensor) -> Tensor:
    return w @ v.T + b[:, None] + c


def _counts_alone(w: Tensor, v: Tensor, b: Tensor, c: Tensor, i: int, j: int) -> Tensor:
    counts = _log_counts(w, v, b, c)
    return (counts[i] - counts[j]).exp()


def _sums_of_logarithms(w: Tensor, v: Tensor, b: Tensor, c: Tensor, i: int, j: int) -> Tensor:
    counts = _log_counts(w, v, b, c)
    return (counts[i] / counts[i].sum()) / (counts[j] / counts[j].sum())


EXERCISE = Exercise(
    name="ratio_from_vectors",
    lesson="04_glove_features",
    number=2,
    points=3,
    minutes=12,
    difficulty=2,
    asks="P_ik / P_jk for all V words k, from vectors and biases that satisfy w_i . v_k + b_i + c_k = log X_ik for all "
    "V words; w, v (V, d), b, c (V,), i and j integers",
    inputs=_model,
    reference=_ratio,
    misconceptions=(
        Misconception(
            "dot products alone",
            lambda w, v, b, c, i, j: ((w[i] - w[j]) @ v.T).exp(),
            "This is right up to a factor, the same for all k. A share of X_i needs X_i, the sum of a row, and the "
            "vectors know it.",
        ),
        Misconception(
            "counts for shares",
            _counts_alone,
            "Your answer is X_ik / X_jk, and so it is if you divide by sums over the first word, which cancel. A "
            "frequent word meets everything more often: divide by how much each of the two meets in all.",
        ),
        Misconception(
            "neighbours' biases left out",
            lambda w, v, b, c, i, j: _ratio(w, v, b, 0 * c, i, j),
            "c cancels in the ratio of two counts, but not in the sum of a row: there frequent neighbours weigh more.",
        ),
        Misconception(
            "upside down",
            lambda w, v, b, c, i, j: _ratio(w, v, b, c, j, i),
            "This is P_jk / P_ik. A number above 1 is to speak for i.",
        ),
        Misconception(
            "logarithm of the ratio",
            lambda w, v, b, c, i, j: _ratio(w, v, b, c, i, j).log(),
            "You stopped at the logarithm: your answer has negative numbers, and a ratio of probabilities has none.",
        ),
        Misconception(
            "logarithms taken for counts",
            _sums_of_logarithms,
            "You divided logarithms by their sum. Shares are made of counts: what does the model say of X itself?",
        ),
    ),
)
