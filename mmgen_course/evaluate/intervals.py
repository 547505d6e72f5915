"""Shares, means and statistics of groups, each with the interval that it can be trusted to.

Lesson 03_cnn_features derives Wilson's interval, 09_evaluation the rest.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from scipy.special import stdtrit
from torch import Tensor

GROUPS = 20  # of rows, left out in turns by `jackknife`


class Estimate(NamedTuple):
    """A measured number, and the ends of the interval that holds the true one with 95 % confidence.

    Example:
        >>> print(Estimate(0.5, 0.25, 0.75)), float(Estimate(0.5, 0.25, 0.75))
        0.5 [0.25, 0.75]
        (None, 0.5)
    """

    value: float
    low: float
    high: float

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        return f"{self.value:.3g} [{self.low:.3g}, {self.high:.3g}]"


def wilson(hits: int | float, n: int | float, confidence: float = 0.95) -> Estimate:
    """A share of n independent trials, and the shares p that are credible: |hits / n - p| <= z sqrt(p (1 - p) / n).

    Trials that depend on each other count for fewer, so n need not be a whole number.

    Raises:
        ValueError: no trial, hits outside 0 to n, or a confidence outside 0 to 1.

    Source: E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", 1927.

    Example:
        >>> print(wilson(941, 1000)), print(wilson(10, 10))
        0.941 [0.925, 0.954]
        1 [0.722, 1]
        (None, None)
    """
    if not 0 <= hits <= n or n <= 0 or not 0 < confidence < 1:
        raise ValueError(
            f"expected hits from 0 to n > 0 and a confidence between 0 and 1; got {hits}, {n} and {confidence}"
        )
    z, p = NormalDist().inv_cdf((1 + confidence) / 2), hits / n
    # (p + z^2 / 2n +- z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n)
    middle, half = p + z**2 / (2 * n), z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    low, high = (middle - half) / (1 + z**2 / n), (middle + half) / (1 + z**2 / n)
    return Estimate(p, min(max(low, 0.0), p), max(min(high, 1.0), p))  # at p = 0 or 1 rounding may cross it


def share(hits: Bool[Tensor, " n"]) -> Estimate:
    """The share of True among n independent answers, with Wilson's interval.

    Raises:
        ValueError: no answer, or answers that are not boolean.

    Example:
        >>> print(share(torch.tensor([True, True, False, True])))
        0.75 [0.301, 0.954]
    """
    if hits.dtype != torch.bool or hits.ndim != 1:
        raise ValueError(f"expected n answers, True or False; got {tuple(hits.shape)} of {hits.dtype}: compare first")
    return wilson(int(hits.sum()), len(hits))


def mean(values: Float[Tensor, " n"]) -> Estimate:
    """The mean of n independent numbers, give or take t s / sqrt(n) with Student's t.

    Raises:
        ValueError: fewer than two numbers, or one that is not finite.

    Source: Student, "The Probable Error of a Mean", Biometrika 6(1), 1908.

    Example:
        >>> print(mean(torch.tensor([1.0, 2.0, 3.0])))
        2 [-0.484, 4.48]
    """
    if len(values) < 2 or not values.isfinite().all():
        raise ValueError(f"expected at least two finite numbers; got {len(values)}: {values[:5].tolist()}")
    values = values.double()
    return _about(values.mean().item(), values.std().item() / math.sqrt(len(values)), len(values))


def jackknife(whole: float, without: Sequence[float]) -> Estimate:
    """A statistic of all data, made free of the bias that falls like 1 / n, with its interval.

    Args:
        whole: the statistic T of all data.
        without: T_g, the same of all data but one of G groups of equal size, for each group.

    Returns:
        G T - (G - 1) mean(T_g), give or take t sqrt((G - 1) / G sum_g (T_g - mean)^2).

    Raises:
        ValueError: fewer than two groups, or a statistic that is not finite.

    Source: M. H. Quenouille, "Notes on Bias in Estimation", 1956; J. W. Tukey, 1958.

    Example:
        >>> x = torch.tensor([1.0, 2.0, 4.0, 7.0])  # the mean has no bias: its jackknife is its t interval
        >>> without = [torch.cat([x[:g], x[g + 1 :]]).mean().item() for g in range(4)]
        >>> print(jackknife(3.5, without)), print(mean(x))
        3.5 [-0.71, 7.71]
        3.5 [-0.71, 7.71]
        (None, None)
    """
    if len(without) < 2 or not all(map(math.isfinite, (whole, *without))):
        raise ValueError(f"expected finite statistics of at least two groups; got {whole} and {[*without][:5]}")
    groups, left_out = len(without), torch.tensor(without, dtype=torch.float64)
    corrected = groups * whole - (groups - 1) * left_out.mean().item()
    error = math.sqrt((groups - 1) / groups * (left_out - left_out.mean()).square().sum().item())
    return _about(corrected, error, groups)


def deal(rows: Float[Tensor, "n d"], groups: int, seed: int = 0) -> list[Float[Tensor, "_ d"]]:
    """Deal rows into groups of nearly equal size, shuffled first: rows often come in some order, such as by caption.

    The shuffle is always the same one, so that a metric is a function of its arguments. Give two sets different seeds:
    if both are in the same order, their groups must not be.

    Raises:
        ValueError: fewer than two groups, or fewer than two rows for each.

    Example:
        >>> [len(part) for part in deal(torch.zeros(7, 1), 3)]
        [3, 2, 2]
    """
    if not 2 <= groups <= len(rows) // 2:
        raise ValueError(f"expected 2 groups or more, of at least two rows; got {groups} groups for {len(rows)} rows")
    shuffled = rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))]
    return list(shuffled.tensor_split(groups))


def _about(value: float, error: float, n: int) -> Estimate:
    half = float(stdtrit(n - 1, 0.975)) * error
    return Estimate(value, value - half, value + half)
