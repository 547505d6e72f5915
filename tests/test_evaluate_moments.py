import math

import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torchmetrics.image.fid import FrechetInceptionDistance

from mmgen_course.evaluate import (
    deal,
    fid,
    fid_compute,
    fid_update,
    frechet_distance,
    jackknife,
)
from mmgen_course.evaluate.moments import merge

few = settings(max_examples=30)
SEEDS = st.integers(0, 999)


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def moments(x):
    return fid_update(None, x)


class Pixels(nn.Module):
    """Features that are the first pixels of an image: so that features can be handed to a metric of images."""

    num_features = 6

    def forward(self, images):
        return images.flatten(1)[:, : self.num_features]


def by_torchmetrics(a, b):
    metric = FrechetInceptionDistance(feature=Pixels(), input_img_size=(1, 1, 6), normalize=False)
    metric.set_dtype(torch.float64)
    for x, real in ((a, True), (b, False)):
        for part in x.split(17):
            metric.update(part[:, None, None, :], real=real)
    return metric.compute().item()


@given(SEEDS, st.integers(30, 90), st.integers(30, 90))
@few
def test_the_distance_is_that_of_torchmetrics_on_the_same_features(seed, n, m):
    a, b = normal(n, 6, seed=seed), 1.5 * normal(m, 6, seed=seed + 1) + 0.3
    assert fid_compute(moments(a), moments(b)) == pytest.approx(by_torchmetrics(a, b), rel=1e-4)


def test_the_distance_is_that_of_torch_fidelity_on_the_same_features():
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

    a, b = normal(200, 8, seed=1), 0.7 * normal(150, 8, seed=2) + 0.1
    theirs = fid_statistics_to_metric(fid_features_to_statistics(a), fid_features_to_statistics(b), verbose=False)
    assert fid(a, b).value == pytest.approx(theirs["frechet_inception_distance"], rel=1e-6)


@given(SEEDS, st.integers(1, 6))
@few
def test_the_distance_of_gaussians_is_the_textbook_formula_with_scipys_matrix_root(seed, d):
    means = normal(2, d, seed=seed)
    covs = [x.mT @ x / d for x in (normal(2 * d, d, seed=seed + 1), normal(2 * d, d, seed=seed + 2))]
    root = scipy.linalg.sqrtm((covs[0] @ covs[1]).numpy()).real
    expected = (means[0] - means[1]).square().sum() + (covs[0] + covs[1]).trace() - 2 * np.trace(root)
    assert frechet_distance(means[0], covs[0], means[1], covs[1]) == pytest.approx(expected.item(), rel=1e-5, abs=1e-6)


@given(SEEDS, st.integers(1, 5), st.lists(st.integers(1, 9), min_size=1, max_size=8))
@few
def test_moments_in_any_batches_are_those_of_all_rows_at_once(seed, d, sizes):
    x = 100 * normal(sum(sizes), d, seed=seed) + 1e4
    state = None
    for part in x.split(sizes):
        state = fid_update(state, part)
    assert state.n == len(x)
    torch.testing.assert_close(state.mean, x.mean(0))
    torch.testing.assert_close(state.scatter, (x - x.mean(0)).mT @ (x - x.mean(0)), atol=1e-6, rtol=1e-9)


@given(SEEDS, st.tuples(*[st.integers(1, 9)] * 3))
@few
def test_merging_does_not_depend_on_the_order(seed, sizes):
    a, b, c = (moments(normal(n, 3, seed=seed + k)) for k, n in enumerate(sizes))
    one, other = merge(merge(a, b), c), merge(c, merge(b, a))
    assert one.n == other.n
    torch.testing.assert_close(one.mean, other.mean)
    torch.testing.assert_close(one.scatter, other.scatter)


def test_moments_far_from_zero_are_exact_where_float32_would_lose_everything():
    x = normal(1000, 2).float() + 1e4
    torch.testing.assert_close(moments(x).covariance, torch.cov(x.double().mT), rtol=1e-9, atol=1e-9)


@given(SEEDS, st.integers(2, 8))
@few
def test_the_distance_is_symmetric_zero_for_equal_sets_and_does_not_see_axes(seed, n):
    a, b = normal(n, 5, seed=seed), normal(n + 1, 5, seed=seed + 1) + 1  # fewer rows than features: singular
    turn = torch.linalg.qr(normal(5, 5, seed=seed + 2)).Q
    there, back = fid_compute(moments(a), moments(b)), fid_compute(moments(b), moments(a))
    assert there > 0
    assert there == pytest.approx(back)
    assert there == pytest.approx(fid_compute(moments(a @ turn), moments(b @ turn)))
    assert fid_compute(moments(a), moments(a)) == pytest.approx(0, abs=1e-9)
    assert fid_compute(moments(a), moments(a + 3)) == pytest.approx(5 * 9)


def test_singular_covariances_give_the_cost_of_moving_the_points_where_they_lie_on_a_line():
    line = torch.tensor([[3.0, 4.0, 0.0]]).double() / 5
    a, b = normal(4, 1, seed=1), 2 * normal(4, 1, seed=2)
    expected = (a.mean() - b.mean()) ** 2 + (a.std() - b.std()) ** 2
    assert fid_compute(moments(a * line), moments(b * line)) == pytest.approx(expected.item())


def test_the_interval_holds_the_distance_of_the_distributions_and_not_only_of_the_samples():
    held, values, corrected = 0, [], []
    for seed in range(100):
        distance = fid(normal(200, 3, seed=seed), 1.5 * normal(300, 3, seed=1000 + seed) + 0.5)
        truth = 3 * 0.25 + 3 * 0.25
        held += distance.low <= truth <= distance.high
        values.append(distance.value - truth)
        corrected.append(distance.corrected - truth)
    error = np.std(corrected) / 10
    assert held >= 89
    assert abs(np.mean(corrected)) < 4 * error
    assert np.mean(values) > np.mean(corrected) + 0.02


@given(SEEDS, st.integers(2, 9))
@few
def test_the_interval_is_a_jackknife_over_the_same_groups_computed_from_scratch(seed, groups):
    a, b = normal(41, 3, seed=seed), normal(37, 3, seed=seed + 1) + 1
    parts = [deal(each, groups, number) for number, each in enumerate((a, b))]
    without = [fid_compute(*(moments(torch.cat(part[:g] + part[g + 1 :])) for part in parts)) for g in range(groups)]
    assert fid(a, b, groups).estimate == pytest.approx(jackknife(fid_compute(moments(a), moments(b)), without))


def test_the_value_does_not_depend_on_the_groups_and_the_order_of_rows_not_on_the_value():
    a, b = normal(60, 3, seed=1), normal(50, 3, seed=2) + 1
    whole = fid_compute(moments(a), moments(b))
    for groups in (2, 7, 20):
        assert fid(a, b, groups).value == pytest.approx(whole)
        assert fid(a.flip(0), b, groups).value == pytest.approx(whole)


def test_rows_in_order_do_not_mislead_the_interval():
    kind = torch.arange(400) // 20 * 2.0  # twenty kinds, one after the other, as captions are
    a, b = (normal(400, 1, seed=seed) + kind[:, None] for seed in (1, 2))
    shuffled = torch.randperm(400, generator=torch.Generator().manual_seed(3))
    ordered, mixed = fid(a, b), fid(a[shuffled], b[shuffled.flip(0)])
    assert ordered.high - ordered.low < 3 * (mixed.high - mixed.low)
    assert ordered.low < 0.1


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: moments(torch.zeros(0, 3)), "at least one row"),
        (lambda: moments(torch.tensor([[float("nan")]])), "NaN"),
        (lambda: merge(moments(torch.zeros(2, 3)), moments(torch.zeros(2, 4))), "got 3 and 4"),
        (lambda: fid_compute(moments(torch.zeros(1, 3)), moments(torch.zeros(2, 3))), "got 1 and 2 rows"),
        (lambda: fid_compute(moments(torch.zeros(2, 3)), moments(torch.zeros(2, 4))), "of 3 and 4"),
        (lambda: fid(torch.zeros(30, 2), torch.zeros(60, 2)), "got 20 groups for 30 rows"),
        (lambda: frechet_distance(torch.zeros(2), -torch.eye(2), torch.zeros(2), torch.eye(2)), "covariance"),
    ],
)
def test_what_cannot_be_measured_is_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call()


@settings(max_examples=15)
@given(st.integers(40, 70), st.integers(38, 80), st.integers(0, 9))
def test_there_is_an_interval_where_rows_outnumber_features_and_else_a_reason(rows, features, seed):
    x, y = torch.randn(2, rows, features, generator=torch.Generator().manual_seed(seed))
    distance = fid(x, y)
    if rows - math.ceil(rows / 20) > features:
        assert distance.low <= distance.corrected <= distance.high
        assert "no interval" not in str(distance)
    else:
        assert math.isnan(distance.low)
        assert math.isnan(distance.high)
        assert f"no interval: {rows} rows" in str(distance)
        assert f"{features} features" in str(distance)


def test_the_interval_of_few_rows_would_miss_the_truth_and_that_of_more_holds_it():
    generator = torch.Generator().manual_seed(0)

    def held(rows, features):  # of 20 pairs of samples of one distribution, whose distance is 0
        pairs = torch.randn(20, 2, rows, features, generator=generator)
        whole = [jackknife_of(x, y) for x, y in pairs]
        return sum(low <= 0 <= high for _, low, high in whole)

    def jackknife_of(x, y):
        parts = [list(deal(z, 20, seed)) for seed, z in enumerate((x, y))]
        without = [
            fid(*(torch.cat([part for i, part in enumerate(side) if i != g]) for side in parts), groups=2).value
            for g in range(20)
        ]
        return jackknife(fid(x, y).value, without)

    assert held(40, 90) <= 2
    assert held(80, 8) >= 17


def test_a_set_and_itself_have_no_interval_below_0():
    x = torch.randn(400, 20, generator=torch.Generator().manual_seed(0))
    assert (fid(x, x).value, fid(x, x).why) == (
        0,
        "it would lie wholly below 0, so the two sets are not independent samples",
    )
    assert math.isnan(fid(x, x).high)
