from inspect import unwrap  # without the check of shapes, which only the tests have
from math import comb

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors
from torch_fidelity.metric_prc import prc_features_to_metric

from mmgen_course.evaluate import density_coverage, expected_coverage, nearest, precision_recall, radii
from mmgen_course.evaluate.neighbours import distances, share_inside

few = settings(max_examples=30)
SEEDS = st.integers(0, 999)


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@given(SEEDS, st.integers(1, 8), st.integers(1, 8), st.integers(1, 5))
@few
def test_distances_are_those_of_scipy_and_exactly_zero_for_equal_rows(seed, n, m, d):
    x, y = normal(n, d, seed=seed), normal(m, d, seed=seed + 1) + 1000
    torch.testing.assert_close(distances(x, y), torch.tensor(cdist(x, y)))
    assert (distances(y, y).diagonal() == 0).all()


@given(SEEDS, st.integers(2, 12), st.data())
@few
def test_radii_are_those_of_scikit_learn(seed, n, data):
    x, k = normal(n, 3, seed=seed), data.draw(st.integers(1, n - 1))
    expected = NearestNeighbors(n_neighbors=k + 1).fit(x).kneighbors(x)[0][:, k]
    torch.testing.assert_close(radii(x, k), torch.tensor(expected))


def test_a_copy_of_a_row_is_another_row_at_distance_zero():
    x = torch.tensor([[0.0], [0.0], [1.0]])
    assert radii(x, 1).tolist() == [0, 0, 1]
    assert precision_recall(x, torch.zeros(3, 1), k=1).precision.value == 1  # a ball of radius 0 holds its centre


def by_loops(real, generated, k):
    def is_inside(point, balls, reach):
        return [np.linalg.norm(point - ball) <= r for ball, r in zip(balls, reach, strict=True)]

    real, generated = real.numpy(), generated.numpy()
    reach = [sorted(np.linalg.norm(a - b) for b in np.delete(real, i, 0))[k - 1] for i, a in enumerate(real)]
    back = [sorted(np.linalg.norm(a - b) for b in np.delete(generated, i, 0))[k - 1] for i, a in enumerate(generated)]
    hits = np.array([is_inside(y, real, reach) for y in generated])  # (M, N)
    return {
        "precision": hits.any(1).mean(),
        "recall": np.mean([any(is_inside(x, generated, back)) for x in real]),
        "density": hits.sum() / (k * len(generated)),
        "coverage": hits.any(0).mean(),
    }


@given(SEEDS, st.integers(4, 12), st.integers(4, 12), st.integers(1, 3))
@few
def test_all_four_are_loops_over_points(seed, n, m, k):
    real, generated = normal(n, 2, seed=seed), 1.3 * normal(m, 2, seed=seed + 1) + 0.5
    expected = by_loops(real, generated, k)
    ours = precision_recall(real, generated, k)._asdict() | density_coverage(real, generated, k)._asdict()
    assert {name: estimate.value for name, estimate in ours.items()} == pytest.approx(expected)


@given(SEEDS, st.integers(10, 40), st.integers(10, 40), st.integers(1, 4))
@few
def test_precision_and_recall_are_those_of_torch_fidelity(seed, n, m, k):
    real, generated = normal(n, 4, seed=seed), normal(m, 4, seed=seed + 1) + 0.5
    theirs = prc_features_to_metric(generated.float(), real.float(), prc_neighborhood=k, verbose=False)
    ours = precision_recall(real.float(), generated.float(), k)
    assert ours.precision.value == pytest.approx(theirs["precision"], abs=1e-6)
    assert ours.recall.value == pytest.approx(theirs["recall"], abs=1e-6)


@given(SEEDS, st.integers(5, 12), st.integers(5, 12))
@few
def test_precision_of_one_is_recall_of_the_other(seed, n, m):
    real, generated = normal(n, 2, seed=seed), normal(m, 2, seed=seed + 1) + 1
    there, back = precision_recall(real, generated), precision_recall(generated, real)
    assert (there.precision, there.recall) == (back.recall, back.precision)


def test_a_part_of_the_real_points_has_precision_one_and_a_low_recall():
    left, right = normal(60, 2, seed=1), normal(60, 2, seed=2) + 50
    found = precision_recall(torch.cat([left, right]), left)
    assert found.precision.value == 1
    assert found.recall.value == pytest.approx(0.5, abs=0.01)


def test_outliers_raise_recall_but_not_coverage():
    real = normal(200, 2, seed=1)
    collapsed = 0.01 * normal(100, 2, seed=2)
    wild = torch.cat([collapsed[:80], 20 * normal(20, 2, seed=3)])
    assert precision_recall(real, collapsed).recall.value < 0.05
    assert precision_recall(real, wild).recall.value > 0.5
    assert density_coverage(real, wild).coverage.value < 0.2


@pytest.mark.parametrize(("n", "m", "k"), [(60, 60, 5), (60, 20, 3), (20, 60, 1)])
def test_coverage_and_density_of_two_equal_clouds_are_as_computed(n, m, k):
    found = [density_coverage(*normal(n + m, 3, seed=seed).split([n, m]), k) for seed in range(150)]
    coverage = np.array([each.coverage.value for each in found])
    density = np.array([each.density.value for each in found])
    assert abs(coverage.mean() - expected_coverage(n, m, k)) < 4 * coverage.std() / 150**0.5
    assert abs(density.mean() - 1) < 4 * density.std() / 150**0.5


@given(st.integers(2, 30), st.integers(1, 30), st.data())
@few
def test_the_expected_coverage_is_one_minus_a_hypergeometric_chance(n, m, data):
    k = data.draw(st.integers(1, n - 1))
    missed = comb(n - 1, k) / comb(n + m - 1, k)  # the k nearest of all others are real
    assert expected_coverage(n, m, k) == pytest.approx(1 - missed)


def test_the_intervals_hold_what_many_samples_have_on_average():
    found = []
    for seed in range(60):
        real, generated = normal(300, 3, seed=seed), 0.8 * normal(150, 3, seed=1000 + seed)
        found.append([*precision_recall(real, generated), *density_coverage(real, generated)])
    for metric in zip(*found, strict=True):
        average = np.mean([estimate.value for estimate in metric])
        held = sum(estimate.low <= average <= estimate.high for estimate in metric)
        assert held >= 51, (average, held)


def test_a_share_of_independent_rows_keeps_wilsons_interval():
    from mmgen_course.evaluate import wilson

    inside = torch.zeros(50, 40, dtype=torch.bool)
    inside[:30] = True  # whichever columns are left out, the same rows are inside
    assert share_inside(inside) == pytest.approx(wilson(30, 50))
    assert share_inside(inside[:30]) == pytest.approx(wilson(30, 30))


def test_rows_that_share_one_column_are_trusted_less():
    inside = torch.zeros(50, 40, dtype=torch.bool)
    inside[:30, 0] = True  # all hang on a single column
    found, fair = share_inside(inside), share_inside(inside.roll(0, 1) | (torch.arange(50) < 30)[:, None])
    assert found.value == fair.value == 0.6
    assert found.high - found.low > 2 * (fair.high - fair.low)


@given(SEEDS, st.integers(1, 6), st.integers(1, 6))
@few
def test_the_nearest_is_that_of_scikit_learn(seed, n, m):
    x, y = normal(n, 3, seed=seed), normal(m, 3, seed=seed + 1)
    apart, which = NearestNeighbors(n_neighbors=1).fit(y).kneighbors(x)
    ours = nearest(x, y)
    torch.testing.assert_close(ours[0], torch.tensor(apart[:, 0]))
    assert ours[1].tolist() == which[:, 0].tolist()


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: distances(torch.zeros(0, 2), torch.zeros(1, 2)), "finite rows"),
        (lambda: distances(torch.tensor([[float("nan")]]), torch.zeros(1, 1)), "finite rows"),
        (lambda: unwrap(distances)(torch.zeros(2, 3), torch.zeros(2, 2)), r"\(2, 3\) and \(2, 2\)"),
        (lambda: radii(torch.zeros(3, 2), 3), "k from 1 to 2, for 3 rows; got 3"),
        (lambda: precision_recall(torch.zeros(9, 2), torch.zeros(3, 2), 0), "got 0"),
    ],
)
def test_what_cannot_be_measured_is_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call()


def test_a_point_on_the_border_of_a_ball_is_inside():
    real = torch.tensor([[0.0], [1.0], [3.0]])  # balls of radius 1, 1 and 2
    found = density_coverage(real, torch.tensor([[5.0], [5.0]]), k=1)
    assert found.coverage.value == pytest.approx(1 / 3)
    assert found.density.value == 1
    beyond = density_coverage(real, torch.tensor([[5.01], [5.01]]), k=1)
    assert (beyond.coverage.value, beyond.density.value) == (0, 0)
