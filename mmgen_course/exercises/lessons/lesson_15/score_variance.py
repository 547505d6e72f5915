"""The variance of an attention score: an exercise of lesson 15_formulas_that_look_right."""

import torch
from torch import Tensor

from mmgen_course.exercises.exercise import Exercise, Misconception
from mmgen_course.exercises.lessons import whole_number


def _moments(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """mean_q, sd_q, mean_k, sd_k, one number a component."""
    means = torch.randn(2, whole_number(3, 8, generator), generator=generator)
    sds = 0.3 + 1.5 * torch.rand(means.shape, generator=generator)
    return means[0], sds[0], means[1], sds[1]


def _terms(mean_q: Tensor, sd_q: Tensor, mean_k: Tensor, sd_k: Tensor) -> Tensor:
    """Var(q_i k_i) of each component."""
    return (sd_q * sd_k).square() + (mean_q * sd_k).square() + (mean_k * sd_q).square()


def _score_variance(*moments: Tensor) -> Tensor:
    return _terms(*moments).mean()


EXERCISE = Exercise(
    name="score_variance",
    lesson="15_formulas_that_look_right",
    number=2,
    points=3,
    minutes=10,
    difficulty=2,
    asks="the variance of the score q . k / sqrt(d), whose 2 d components are independent with the means and the "
    "standard deviations that are given, each (d,)",
    inputs=_moments,
    reference=_score_variance,
    misconceptions=(
        Misconception(
            "means taken for 0",
            lambda mean_q, sd_q, mean_k, sd_k: (sd_q * sd_k).square().mean(),
            "This is right where all means are 0, and only there: the means are not in it. What does q_i k_i do if k_i "
            "is always 5?",
        ),
        Misconception(
            "mean not subtracted",
            lambda mean_q, sd_q, mean_k, sd_k: ((sd_q**2 + mean_q**2) * (sd_k**2 + mean_k**2)).mean(),
            "You computed E[(q_i k_i)^2], a second moment. With every sd 0 nothing varies, and it is still above 0: so "
            "it is no variance yet.",
        ),
        Misconception(
            "mean of the sum subtracted from a sum of squares",
            lambda mean_q, sd_q, mean_k, sd_k: (
                (((sd_q**2 + mean_q**2) * (sd_k**2 + mean_k**2)).sum() - (mean_q * mean_k).sum() ** 2) / len(mean_q)
            ),
            "You subtracted the square of a sum from a sum of squares; that may even be negative. Variances of "
            "independent terms add: finish each component first.",
        ),
        Misconception(
            "sigma for sigma^2",
            lambda mean_q, sd_q, mean_k, sd_k: (sd_q * sd_k + mean_q**2 * sd_k + mean_k**2 * sd_q).mean(),
            "Units: if q is in metres, so is sd_q, and a variance has metres squared. Yours has not.",
        ),
        Misconception(
            "one of the means left out",
            lambda mean_q, sd_q, mean_k, sd_k: ((sd_q * sd_k) ** 2 + (mean_q * sd_k) ** 2).mean(),
            "Exchange q and k: your number changes, the dot product does not. A term is missing.",
        ),
        Misconception(
            "sqrt(d) for d",
            lambda *moments: _terms(*moments).sum() / len(moments[0]) ** 0.5,
            "You divided the variance by sqrt(d). A number that is divided by c has a variance divided by c^2.",
        ),
        Misconception(
            "no scale",
            lambda *moments: _terms(*moments).sum(),
            "This is the variance of q . k: it grows with d, and that is why the score is divided by sqrt(d).",
        ),
        Misconception(
            "standard deviation",
            lambda *moments: _score_variance(*moments).sqrt(),
            "This is the standard deviation. The variance was asked for.",
        ),
    ),
)
