"""The Fréchet distance of the Gaussians of two sets of features (N, d), of real and of generated pictures (FID).

Mean and covariance are all that is kept, so features may come in batches. Derived in lesson 09_evaluation.
"""

import math
from collections.abc import Sequence
from functools import reduce
from itertools import accumulate
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from mmgen_course.evaluate.intervals import GROUPS, Estimate, deal, jackknife


class Moments(NamedTuple):
    """What is kept of n rows of features, in double precision.

    `scatter` is the sum of (x - mean) (x - mean)^T over the rows.
    """

    n: int
    mean: Float[Tensor, " d"]
    scatter: Float[Tensor, "d d"]

    @property
    def covariance(self) -> Float[Tensor, "d d"]:
        """The unbiased one, divided by n - 1."""
        return self.scatter / (self.n - 1)


class Fid(NamedTuple):
    """A Fréchet distance of samples, and what it says about the distance of what they were drawn from.

    Attributes:
        value: of these samples, as it is published; too large on average, the more so the smaller the samples.
        corrected: without the part of the bias that falls like 1 / n.
        low, high: the interval about the corrected value that holds the true distance with 95 % confidence; NaN where
            there is none.
        why: there is none, in words.
    """

    value: float
    corrected: float
    low: float
    high: float
    why: str = ""

    @property
    def estimate(self) -> Estimate:
        """The corrected value with its interval."""
        return Estimate(self.corrected, self.low, self.high)

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        interval = f"{self.corrected:.3g}, no interval: {self.why}" if self.why else self.estimate
        return f"{self.value:.3g}, corrected {interval}"


def fid(a: Float[Tensor, "n d"], b: Float[Tensor, "m d"], groups: int = GROUPS) -> Fid:
    """The Fréchet distance between the Gaussians with the means and covariances of two sets of features.

    With Inception-v3's features it is called FID; here the features are whatever comes in. The interval leaves out
    each of G groups of rows in turn, dealt at random but always alike. It is that of two independent samples, each of
    more rows than features even without a group: fewer rows have a singular covariance, the bias does not fall like
    1 / n there, and an interval would miss the truth ten times of ten. Nor is there one wholly below 0, where no
    distance is: a set and itself, or a part of it, are not independent.

    Args:
        a: features of N real pictures.
        b: features of M generated ones. The two are exchangeable.
        groups: G.

    Raises:
        ValueError: fewer than two rows a group, other numbers of features in a and b, or features that are not finite.

    Source: M. Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium",
    NIPS 2017, equation 6; the interval is a jackknife.

    Example:
        >>> x = torch.randn(500, 3, generator=torch.Generator().manual_seed(0))
        >>> distance = fid(x[:250], x[250:] + torch.tensor([1.0, 0.0, 0.0]))  # the true one is 1
        >>> distance.low < 1 < distance.high
        True
    """
    parts = [[fid_update(None, part) for part in deal(x, groups, seed)] for seed, x in enumerate((a, b))]
    whole = fid_compute(*(reduce(merge, moments) for moments in parts))
    without = [fid_compute(real, generated) for real, generated in zip(*map(_without_each, parts), strict=True)]
    corrected, low, high = jackknife(whole, without)
    n, d = min(len(a), len(b)), a.shape[1]
    why = ""
    if n - math.ceil(n / groups) <= d:
        why = f"{n} rows, less one group of {groups}, are not more than {d} features"
    elif high < 0:
        why = "it would lie wholly below 0, so the two sets are not independent samples"
    return Fid(whole, corrected, math.nan, math.nan, why) if why else Fid(whole, corrected, low, high)


def fid_update(moments: Moments | None, features: Float[Tensor, "n d"]) -> Moments:
    """Add a batch of features to the moments of those before it (None: nothing).

    Raises:
        ValueError: no row, other numbers of features than before, or features that are not finite.

    Source: T. F. Chan, G. H. Golub, R. J. LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample
    Variances", 1979.

    Example:
        >>> x = torch.tensor([[1.0], [2.0], [6.0]])
        >>> fid_update(fid_update(None, x[:1]), x[1:]).covariance
        tensor([[7.]], dtype=torch.float64)
    """
    if features.ndim != 2 or not len(features) or not features.isfinite().all():
        raise ValueError(f"expected finite features (N, d), at least one row; got {tuple(features.shape)}, or a NaN")
    features = features.double()
    centred = features - features.mean(dim=0)
    batch = Moments(len(features), features.mean(dim=0), centred.mT @ centred)
    return batch if moments is None else merge(moments, batch)


def merge(a: Moments, b: Moments) -> Moments:
    """The moments of two sets of rows together, from those of each.

    Raises:
        ValueError: other numbers of features in a and b.

    Example:
        >>> one, two = (fid_update(None, torch.tensor([[x]])) for x in (1.0, 3.0))
        >>> merge(one, two).scatter
        tensor([[2.]], dtype=torch.float64)
    """
    if a.mean.shape != b.mean.shape:
        raise ValueError(f"expected the same number of features in both; got {len(a.mean)} and {len(b.mean)}")
    n, step = a.n + b.n, b.mean - a.mean
    # M = M_a + M_b + (n_a n_b / n) (mu_b - mu_a) (mu_b - mu_a)^T
    return Moments(n, a.mean + step * b.n / n, a.scatter + b.scatter + torch.outer(step, step) * a.n * b.n / n)


def fid_compute(real: Moments, generated: Moments) -> float:
    """The Fréchet distance of two sets whose moments were gathered by `fid_update`; symmetric.

    Raises:
        ValueError: a set of fewer than two rows, or other numbers of features.

    Example:
        >>> moments = fid_update(None, torch.tensor([[0.0, 1.0], [2.0, 5.0]]))
        >>> round(fid_compute(moments, moments), 6)
        0.0
    """
    if min(real.n, generated.n) < 2 or real.mean.shape != generated.mean.shape:
        raise ValueError(
            f"expected at least two rows of each and as many features; got {real.n} and {generated.n} rows "
            f"of {len(real.mean)} and {len(generated.mean)}"
        )
    return frechet_distance(real.mean, real.covariance, generated.mean, generated.covariance)


def frechet_distance(
    mean1: Float[Tensor, " d"], cov1: Float[Tensor, "d d"], mean2: Float[Tensor, " d"], cov2: Float[Tensor, "d d"]
) -> float:
    """|mean1 - mean2|^2 + tr(cov1 + cov2 - 2 (cov1 cov2)^(1/2)): the squared distance of two Gaussians.

    The trace of the root is the sum of the singular values of L1^T L2, where cov = L L^T: real and at least 0 whatever
    the rounding, for singular covariances, too.

    Raises:
        ValueError: a covariance with an eigenvalue far below 0.

    Source: D. C. Dowson, B. V. Landau, "The Fréchet Distance between Multivariate Normal Distributions",
    Journal of Multivariate Analysis 12(3), 1982.

    Example:
        >>> one, zero = torch.eye(1), torch.zeros(1)
        >>> round(frechet_distance(zero, 4 * one, zero + 3, 9 * one), 6)  # 3^2 + (2 - 3)^2
        10.0
    """
    mean1, cov1, mean2, cov2 = (each.double() for each in (mean1, cov1, mean2, cov2))
    root = torch.linalg.svdvals(_factor(cov1).mT @ _factor(cov2)).sum()
    distance = (mean1 - mean2).square().sum() + cov1.trace() + cov2.trace() - 2 * root
    return max(0.0, distance.item())  # rounding may take it below


def _factor(cov: Tensor) -> Tensor:
    """L with L L^T = cov; directions of no variance, up to rounding, are zero in it."""
    values, vectors = torch.linalg.eigh(cov)
    largest = values.abs().max()
    if values.min() < -1e-6 * largest:
        raise ValueError(f"expected a covariance; its eigenvalues run from {values.min():.3g} to {largest:.3g}")
    values = torch.where(values > len(values) * torch.finfo(cov.dtype).eps * largest, values, 0.0)
    return vectors * values.sqrt()


def _without_each(parts: Sequence[Moments]) -> list[Moments]:
    """The moments of all parts but one, for each: what stands before it merged with what stands after it."""
    before, after = list(accumulate(parts, merge)), list(accumulate(parts[::-1], merge))[::-1]
    inner = [merge(left, right) for left, right in zip(before[:-2], after[2:], strict=True)]
    return [after[1], *inner, before[-2]]
