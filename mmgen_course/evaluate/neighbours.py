"""Precision and recall, density and coverage: how many of two sets of features (N, d) lie where the others are.

A set of points is surrounded by balls that reach to each point's k-th neighbour. Derived in lesson 09_evaluation.
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mmgen_course.evaluate.intervals import GROUPS, Estimate, wilson

Rows = Float[Tensor, "n d"]


class PrecisionRecall(NamedTuple):
    """The share of generated points among the real ones, and of real points among the generated ones."""

    precision: Estimate
    recall: Estimate


class DensityCoverage(NamedTuple):
    """How many real balls a generated point lies in, of k (1 if nothing differs), and the share of real balls hit."""

    density: Estimate
    coverage: Estimate


def distances(x: Float[Tensor, "n d"], y: Float[Tensor, "m d"]) -> Float[Tensor, "n m"]:
    """The distance of each row of x to each row of y, in double precision; that of equal rows is exactly 0.

    Raises:
        ValueError: no row, other numbers of features in x and y, or features that are not finite.

    Example:
        >>> distances(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0]]))
        tensor([[5.]], dtype=torch.float64)
    """
    if not len(x) or not len(y) or x.shape[1:] != y.shape[1:] or not (x.isfinite().all() and y.isfinite().all()):
        raise ValueError(f"expected finite rows of as many features; got {tuple(x.shape)} and {tuple(y.shape)}")
    return torch.cdist(x.double(), y.double(), compute_mode="donot_use_mm_for_euclid_dist")


def radii(x: Float[Tensor, "n d"], k: int) -> Float[Tensor, " n"]:
    """The distance of each row to its k-th nearest other row.

    Raises:
        ValueError: k below 1, or not fewer than the rows.

    Example:
        >>> radii(torch.tensor([[0.0], [1.0], [5.0]]), k=1)
        tensor([1., 1., 4.], dtype=torch.float64)
    """
    if not 1 <= k < len(x):
        raise ValueError(f"expected k from 1 to {len(x) - 1}, for {len(x)} rows; got {k}")
    return distances(x, x).fill_diagonal_(torch.inf).kthvalue(k, dim=1).values


def precision_recall(real: Rows, generated: Float[Tensor, "m d"], k: int = 3) -> PrecisionRecall:
    """The share of generated points that lie in a ball of a real one, and the other way round.

    The intervals reckon with chance in both sets; see `share_inside`.

    Args:
        real, generated: features of N and M pictures.
        k: a ball reaches to the k-th nearest other point of its own set, its border included.

    Raises:
        ValueError: as for `distances` and `radii`.

    Source: T. Kynkäänniemi et al., "Improved Precision and Recall Metric for Assessing Generative Models",
    NeurIPS 2019, equations 1 and 2.

    Example:
        >>> real, generated = torch.tensor([[0.0], [1.0], [9.0]]), torch.tensor([[0.5], [0.6]])
        >>> [estimate.value for estimate in precision_recall(real, generated, k=1)]  # two of two, none of three
        [1.0, 0.0]
    """
    apart = distances(real, generated)  # (N, M)
    of_generated = share_inside((apart <= radii(real, k)[:, None]).mT)
    return PrecisionRecall(of_generated, share_inside(apart <= radii(generated, k)))


def density_coverage(real: Rows, generated: Float[Tensor, "m d"], k: int = 5) -> DensityCoverage:
    """How many balls of real points a generated one lies in, divided by k, and the share of real balls that are hit.

    Only real points have balls: a generated outlier cannot make itself a large one. With as many generated points as
    real ones, and no difference, the coverage is about 1 - 2^-k.

    Args:
        real, generated: features of N and M pictures.
        k: a ball reaches to the k-th nearest other real point, its border included.

    Raises:
        ValueError: as for `distances` and `radii`, or fewer than two generated points.

    Source: M. F. Naeem et al., "Reliable Fidelity and Diversity Metrics for Generative Models", ICML 2020, equations 3
    and 4.

    Example:
        >>> real, generated = torch.tensor([[0.0], [1.0], [9.0]]), torch.tensor([[0.5], [0.6]])
        >>> [round(estimate.value, 2) for estimate in density_coverage(real, generated, k=1)]
        [2.0, 0.67]
    """
    if len(generated) < 2:
        raise ValueError(f"expected at least two generated points, whose spread is the interval; got {len(generated)}")
    inside = distances(real, generated) <= radii(real, k)[:, None]  # (N, M)
    return DensityCoverage(_density(inside, k), share_inside(inside))


def share_inside(inside: Bool[Tensor, "n m"]) -> Estimate:
    """The share of N rows that are True somewhere, with the interval of a share of fewer rows.

    The rows are not independent: they share the M columns. How much the share changes when each of 20 groups of columns
    is left out is added to its variance p (1 - p) / N, and Wilson's interval is that of as many independent rows as
    would have this variance: rather too wide than too narrow. Balls keep their radii.

    Example:
        >>> print(share_inside(torch.tensor([[True, False], [True, True], [False, False], [True, True]])))
        0.75 [0.262, 0.962]
    """
    n, m = inside.shape
    hits, groups = int(inside.any(dim=1).sum()), min(GROUPS, m)
    dealt = torch.randperm(m, generator=torch.Generator().manual_seed(0)) % groups
    without = torch.stack([inside[:, dealt != g].any(dim=1).double().mean() for g in range(groups)])
    by_columns = (groups - 1) / groups * (without - without.mean()).square().sum().item()
    p = (hits + 1) / (n + 2)  # not quite 0 or 1: there the variance of the rows would be 0
    rows = n / (1 + n * by_columns / (p * (1 - p)))
    return wilson(hits / n * rows, rows)


def expected_coverage(n: int, m: int, k: int) -> float:
    """The mean coverage of n real points by m generated ones if nothing differs: 1 - prod_j (n - j) / (n + m - j).

    The product runs over j = 1 .. k: none of a point's k nearest others, of n + m - 1 in any order, is generated.

    Source: Naeem et al. 2020, section 3.2.

    Example:
        >>> round(expected_coverage(1000, 1000, k=5), 3)
        0.969
    """
    missed = 1.0
    for j in range(1, k + 1):
        missed *= (n - j) / (n + m - j)
    return 1 - missed


def nearest(x: Float[Tensor, "n d"], y: Float[Tensor, "m d"]) -> tuple[Float[Tensor, " n"], Int[Tensor, " n"]]:
    """The distance of each row of x to the nearest row of y, and which row that is.

    Example:
        >>> nearest(torch.tensor([[0.0], [9.0]]), torch.tensor([[1.0], [8.0]]))[1]
        tensor([0, 1])
    """
    closest = distances(x, y).min(dim=1)
    return closest.values, closest.indices


def _density(inside: Tensor, k: int) -> Estimate:
    """Chance in both sets: the variances of the means over generated points and over real balls add up."""
    of_generated = inside.double().sum(dim=0) / k  # (M,), balls that each lies in
    of_balls = inside.double().mean(dim=1) * len(inside) / k  # (N,), with the same mean
    half = 1.96 * math.sqrt(of_generated.var() / len(of_generated) + of_balls.var() / len(of_balls))
    density = of_generated.mean().item()
    return Estimate(density, max(0.0, density - half), density + half)
