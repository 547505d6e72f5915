"""Memorisation, or data-copying: are generated pictures copies of training pictures?

Derived in lesson 09_evaluation. C. Meehan, K. Chaudhuri, S. Dasgupta, "A Non-Parametric Test to Detect Data-Copying in
Generative Models", AISTATS 2020, arXiv 2004.05675.
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from scipy.special import ndtr
from torch import Tensor

from mmgen_course.evaluate.intervals import Estimate
from mmgen_course.evaluate.neighbours import nearest


class Memorisation(NamedTuple):
    """Whether generated pictures lie nearer to the training pictures than fresh ones do.

    Attributes:
        closer: how often a generated picture is nearer to its nearest training picture than a picture that was kept
            back is to its own: 1/2 for an honest generator, 1 for a thief, below 1/2 for one that draws other things.
        z: the same in standard deviations from 1/2, if there were no difference; far above 0 is memorisation.
        p: the probability of such a z, or a larger one, if there were no difference.
        distances: from each generated picture to its nearest training picture.
        nearest: which training picture that is.
    """

    closer: Estimate
    z: float
    p: float
    distances: Float[Tensor, " n"]
    nearest: Int[Tensor, " n"]


def memorisation(
    generated: Float[Tensor, "n d"], train: Float[Tensor, "t d"], held_out: Float[Tensor, "m d"]
) -> Memorisation:
    """Compare the distances of generated and of kept-back pictures to the training pictures, by ranks.

    Args:
        generated: features of N generated pictures, or their pixels, a row each.
        train: the same of what the generator was trained on, and of every change of it that would count as a copy.
        held_out: the same of M pictures from the same source that it was not trained on.

    Raises:
        ValueError: fewer than two generated or kept-back rows, other numbers of features, or features that are not
            finite.

    Source: Meehan et al. 2020, over the whole space, and with the sign turned round: theirs is negative for copies.

    Example:
        >>> train, held_out, fresh = torch.randn(3, 200, 2, generator=torch.Generator().manual_seed(0))
        >>> memorisation(train, train, held_out).p < 1e-9, memorisation(fresh, train, held_out).p > 0.01
        (True, True)
    """
    apart, which = nearest(generated, train)
    kept_back, _ = nearest(held_out, train)
    closer = auc(apart, kept_back)
    z = mann_whitney(apart, kept_back)
    return Memorisation(closer, z, float(ndtr(-z)), apart, which)


def auc(a: Float[Tensor, " n"], b: Float[Tensor, " m"]) -> Estimate:
    """P(a < b) + P(a = b) / 2 over all pairs, with its interval: the area under the ROC curve.

    Raises:
        ValueError: fewer than two numbers in either, or a NaN.

    Source: E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson, "Comparing the Areas under Two or More Correlated Receiver
    Operating Characteristic Curves", Biometrics 44(3), 1988.

    Example:
        >>> auc(torch.tensor([1.0, 2.0]), torch.tensor([2.0, 3.0])).value
        0.875
    """
    _check_numbers(a, b)
    of_a, of_b = _above(a, b), 1 - _above(b, a)  # for each a the share of b above it; for each b that of a below it
    half = 1.96 * math.sqrt(of_a.var().item() / len(a) + of_b.var().item() / len(b))
    value = of_a.mean().item()
    return Estimate(value, max(0.0, value - half), min(1.0, value + half))


def mann_whitney(a: Float[Tensor, " n"], b: Float[Tensor, " m"]) -> float:
    """How many standard deviations the share of pairs with a < b is above 1/2, if a and b came from one source.

    Returns:
        (U - n m / 2) / sqrt(n m / 12 (N + 1 - sum (t^3 - t) / (N (N - 1)))) with N = n + m and ties of t numbers, 0 if
        all are equal; U counts pairs with a < b, ties half.

    Raises:
        ValueError: fewer than two numbers in either, or a NaN.

    Source: H. B. Mann, D. R. Whitney, "On a Test of Whether one of Two Random Variables is Stochastically Larger than
    the Other", 1947.

    Example:
        >>> round(mann_whitney(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([4.0, 5.0, 6.0])), 2)
        1.96
    """
    _check_numbers(a, b)
    n, m = len(a), len(b)
    tied = torch.cat([a, b]).unique(return_counts=True)[1].double()
    total = n + m
    variance = n * m / 12 * (total + 1 - ((tied**3 - tied).sum().item()) / (total * (total - 1)))
    u = _above(a, b).sum().item() * m
    return (u - n * m / 2) / math.sqrt(variance) if variance > 0 else 0.0


def _check_numbers(a: Tensor, b: Tensor) -> None:
    if min(len(a), len(b)) < 2 or a.isnan().any() or b.isnan().any():
        unsortable = int(a.isnan().sum() + b.isnan().sum())
        raise ValueError(f"expected at least two numbers in each; got {len(a)} and {len(b)}, {unsortable} of them NaN")


def _above(a: Tensor, b: Tensor) -> Tensor:
    """For each a the share of b above it, ties half."""
    ordered = b.sort().values
    not_above = torch.searchsorted(ordered, a, right=True) + torch.searchsorted(ordered, a)
    return 1 - not_above.double() / (2 * len(b))
