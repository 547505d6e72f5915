import math
from inspect import unwrap  # without the check of shapes, which only the tests have

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics.pairwise import polynomial_kernel as by_sklearn
from torch import nn
from torchmetrics.image.kid import KernelInceptionDistance, poly_mmd

from mmgen_course.evaluate import kid, kid_blocks, mmd2, polynomial_kernel

few = settings(max_examples=30)
SEEDS = st.integers(0, 999)


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def distance(x, y):
    return mmd2(polynomial_kernel(x, x), polynomial_kernel(y, y), polynomial_kernel(x, y))


@given(SEEDS, st.integers(1, 6), st.integers(1, 6), st.integers(1, 9))
@few
def test_the_kernel_is_that_of_scikit_learn(seed, n, m, d):
    x, y = normal(n, d, seed=seed), normal(m, d, seed=seed + 1)
    expected = by_sklearn(x.numpy(), y.numpy(), degree=3, gamma=1 / d, coef0=1)
    torch.testing.assert_close(polynomial_kernel(x, y), torch.tensor(expected))


@given(SEEDS, st.integers(2, 6), st.integers(2, 6))
@few
def test_the_estimate_is_a_loop_over_pairs_of_different_rows(seed, n, m):
    x, y = normal(n, 2, seed=seed), normal(m, 2, seed=seed + 1) + 0.5

    def k(a, b):
        return (sum(p * q for p, q in zip(a, b, strict=True)) / 2 + 1) ** 3

    rows, others = x.tolist(), y.tolist()
    same = sum(k(a, b) for i, a in enumerate(rows) for j, b in enumerate(rows) if i != j) / (n * (n - 1))
    same += sum(k(a, b) for i, a in enumerate(others) for j, b in enumerate(others) if i != j) / (m * (m - 1))
    cross = sum(k(a, b) for a in rows for b in others) / (n * m)
    assert distance(x, y) == pytest.approx(same - 2 * cross)


class Pixels(nn.Module):
    num_features = 4

    def forward(self, images):
        return images.flatten(1)[:, : self.num_features]


@pytest.mark.filterwarnings("ignore:Metric `Kernel Inception Distance` will save all extracted features")
@given(SEEDS, st.integers(40, 60))
@few
def test_the_value_is_that_of_torchmetrics_with_one_subset_of_all(seed, n):
    x, y = normal(n, 4, seed=seed), normal(n, 4, seed=seed + 1) + 0.2
    metric = KernelInceptionDistance(feature=Pixels(), subsets=1, subset_size=n)
    metric.set_dtype(torch.float64)
    metric.update(x[:, None, None, :], real=True)
    metric.update(y[:, None, None, :], real=False)
    mean, _ = metric.compute()
    assert kid(x, y).value == pytest.approx(mean.item(), rel=1e-5, abs=1e-5)


@given(SEEDS, st.integers(40, 70), st.integers(40, 70), st.integers(2, 20))
@few
def test_the_sums_over_groups_are_those_over_all_pairs(seed, n, m, groups):
    x, y = normal(n, 3, seed=seed), 2 * normal(m, 3, seed=seed + 1)
    assert kid(x, y, groups).value == pytest.approx(distance(x, y))


@given(SEEDS, st.integers(3, 12))
@few
def test_the_interval_is_a_jackknife_over_the_same_groups_computed_from_scratch(seed, groups):
    from mmgen_course.evaluate import deal, jackknife

    x, y = normal(41, 3, seed=seed), normal(37, 3, seed=seed + 1) + 1
    parts = [deal(each, groups, number) for number, each in enumerate((x, y))]
    without = [distance(*(torch.cat(part[:g] + part[g + 1 :]) for part in parts)) for g in range(groups)]
    expected = jackknife(distance(x, y), without)
    assert kid(x, y, groups)[1:] == pytest.approx(expected[1:])


def test_blocks_are_those_of_torchmetrics_one_by_one():
    from mmgen_course.evaluate import deal

    x, y = normal(60, 3, seed=1), normal(60, 3, seed=2) + 0.5
    blocks = zip(deal(x, 6, 0), deal(y, 6, 1), strict=True)
    theirs = torch.stack([poly_mmd(a, b) for a, b in blocks])
    ours = kid_blocks(x, y, 6)
    assert ours.value == pytest.approx(theirs.mean().item())
    assert ours.high - ours.value == pytest.approx(2.570582 * theirs.std().item() / math.sqrt(6), rel=1e-5)


def test_there_is_no_bias_with_ten_rows_and_a_bias_if_rows_are_paired_with_themselves():
    ours, kept = [], []
    for seed in range(400):
        x, y = normal(2, 10, 3, seed=seed)
        ours.append(distance(x, y))
        kept.append(
            (
                polynomial_kernel(x, x).mean() + polynomial_kernel(y, y).mean() - 2 * polynomial_kernel(x, y).mean()
            ).item()
        )
    assert abs(np.mean(ours)) < 3 * np.std(ours) / 20
    assert np.mean(kept) > 10 * np.std(kept) / 20
    assert 0.4 < np.mean(np.array(ours) < 0) < 0.8


@pytest.mark.parametrize("shift", [0.0, 0.4])
def test_the_intervals_hold_the_distance_of_the_distributions(shift):
    x, y = normal(2, 4000, 2, seed=999)
    truth = distance(x, y + shift) if shift else 0.0
    held = {kid: 0, kid_blocks: 0}
    for seed in range(60):
        x, y = normal(2, 120, 2, seed=seed)
        for metric in held:
            _, low, high = metric(x, y + shift, 10)
            held[metric] += low <= truth <= high
    assert min(held.values()) >= 51, held


def test_sets_in_the_same_order_do_not_mislead_the_blocks():
    kind = 3 * (torch.arange(240) % 12)[:, None].double() / 12  # twelve kinds in turns, in both sets
    values, whole = [], []
    for seed in range(20):
        x, y = normal(240, 1, seed=seed) + kind, normal(240, 1, seed=100 + seed) + kind + 1
        values.append(kid_blocks(x, y, 12).value)
        whole.append(kid(x, y).value)
    assert np.mean(values) == pytest.approx(np.mean(whole), rel=0.1)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: unwrap(polynomial_kernel)(torch.zeros(2, 3), torch.zeros(2, 4)), r"\(2, 3\) of .* and \(2, 4\)"),
        (lambda: mmd2(torch.zeros(1, 1), torch.zeros(2, 2), torch.zeros(1, 2)), "N, M >= 2"),
        (lambda: unwrap(mmd2)(torch.zeros(3, 3), torch.zeros(2, 2), torch.zeros(2, 2)), r"got \[\(3, 3\)"),
        (lambda: kid(torch.zeros(50, 2), torch.zeros(30, 2)), "got 20 groups for 30 rows"),
        (lambda: kid(torch.zeros(50, 2), torch.full((50, 2), math.nan)), "NaN"),
        (lambda: kid_blocks(torch.zeros(50, 2), torch.zeros(50, 2), 1), "got 1 groups"),
    ],
)
def test_what_cannot_be_measured_is_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call()
