import math
import statistics

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmgen_course import evaluate, fusion, scenes
from mmgen_course.evaluate import (
    auc,
    classifier_features,
    coarse_pixels,
    deal,
    diversity,
    jackknife,
    mann_whitney,
    mean,
    memorisation,
    r_precision,
    share,
    wilson,
)
from mmgen_course.features.classifier import load_classifier

few = settings(max_examples=40)
SEEDS = st.integers(0, 999)
NUMBERS = st.lists(st.integers(0, 6), min_size=2, max_size=12).map(lambda numbers: torch.tensor(numbers).double())


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# ---- intervals


@given(st.integers(1, 300), st.data(), st.sampled_from([0.5, 0.9, 0.95, 0.999]))
@few
def test_the_interval_of_a_share_is_scipys(n, data, confidence):
    hits = data.draw(st.integers(0, n))
    theirs = scipy.stats.binomtest(hits, n).proportion_ci(confidence, method="wilson")
    assert wilson(hits, n, confidence) == pytest.approx((hits / n, theirs.low, theirs.high), abs=1e-9)


def test_a_share_of_answers_counts_them_and_its_interval_never_has_zero_width():
    assert share(torch.tensor([True, False, True, True])) == wilson(3, 4)
    for n in (1, 10, 1000):
        assert wilson(n, n).low < wilson(n, n).high == 1
        assert wilson(0, n).low == 0 < wilson(0, n).high


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=20))
@few
def test_the_interval_of_a_mean_is_scipys(numbers):
    values = torch.tensor(numbers, dtype=torch.float64)
    error = scipy.stats.sem(values)
    low, high = (
        scipy.stats.t.interval(0.95, len(values) - 1, values.mean(), error) if error > 0 else [values.mean()] * 2
    )
    assert mean(values) == pytest.approx((values.mean().item(), float(low), float(high)), abs=1e-7)


@given(SEEDS, st.integers(2, 9))
@few
def test_the_jackknife_of_a_mean_is_its_textbook_interval_and_of_a_square_loses_its_bias(seed, n):
    x = normal(n, seed=seed)
    without = [torch.cat([x[:g], x[g + 1 :]]).mean().item() for g in range(n)]
    assert jackknife(x.mean().item(), without) == pytest.approx(mean(x))
    squares = jackknife(x.mean().item() ** 2, [value**2 for value in without])
    assert squares.value == pytest.approx((x.mean() ** 2 - x.var() / n).item())


@given(st.integers(4, 60), st.data())
@few
def test_dealing_keeps_every_row_once_in_nearly_equal_groups(n, data):
    groups = data.draw(st.integers(2, n // 2))
    parts = deal(torch.arange(n)[:, None].double(), groups)
    assert torch.cat(parts).flatten().sort().values.tolist() == list(range(n))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    assert all(torch.equal(a, b) for a, b in zip(parts, deal(torch.arange(n)[:, None].double(), groups), strict=True))


def test_two_sets_are_dealt_differently():
    rows = torch.arange(40)[:, None].double()
    assert not torch.equal(torch.cat(deal(rows, 4, 0)), torch.cat(deal(rows, 4, 1)))


# ---- memorisation


@given(NUMBERS, NUMBERS)
@few
def test_the_rank_test_is_scipys_with_ties_too(a, b):
    ours = mann_whitney(a, b)
    theirs = scipy.stats.mannwhitneyu(b, a, alternative="greater", method="asymptotic", use_continuity=False)
    if len(torch.cat([a, b]).unique()) > 1:
        assert scipy.stats.norm.sf(ours) == pytest.approx(theirs.pvalue, abs=1e-9)
    else:
        assert ours == 0
    assert auc(a, b).value == pytest.approx(theirs.statistic / (len(a) * len(b)))


@given(NUMBERS, NUMBERS)
@few
def test_the_share_of_pairs_is_the_area_under_the_roc_curve(a, b):
    truth = [*[0] * len(a), *[1] * len(b)]
    area = sklearn.metrics.roc_auc_score(truth, torch.cat([a, b]).numpy())
    assert auc(a, b).value == pytest.approx(area)
    assert auc(b, a).value == pytest.approx(1 - area)


def test_the_interval_of_the_share_of_pairs_holds_the_truth():
    truth = scipy.stats.norm.cdf(0.5 / math.sqrt(2))
    found = [auc(normal(60, seed=seed), normal(80, seed=1000 + seed) + 0.5) for seed in range(200)]
    assert 180 <= sum(each.low <= truth <= each.high for each in found) <= 199


def test_honest_pictures_are_not_accused_more_often_than_the_test_allows():
    p = []
    for seed in range(200):
        train, held_out, fresh = normal(220, 3, seed=seed).split([140, 30, 50])
        p.append(memorisation(fresh, train, held_out).p)
    assert sum(each < 0.05 for each in p) <= 20
    assert scipy.stats.kstest(p, "uniform").pvalue > 0.001


@pytest.mark.parametrize("copied", [0.3, 1.0])
def test_a_thief_is_caught_and_its_copies_are_named(copied):
    train, held_out, fresh = normal(3, 200, 3, seed=1)
    take = torch.arange(200) < 200 * copied
    found = memorisation(torch.where(take[:, None], train.flip(0), fresh), train, held_out)
    assert found.p < 1e-4
    assert found.closer.low > 0.5
    assert (found.distances[take] == 0).all()
    assert found.nearest[take].tolist() == (199 - torch.arange(200))[take].tolist()


def test_pictures_far_from_everything_are_below_one_half():
    train, held_out, fresh = normal(3, 100, 3, seed=1)
    found = memorisation(10 * fresh, train, held_out)
    assert found.z < -3
    assert found.p > 0.99
    assert found.closer.high < 0.5


# ---- within captions


@given(SEEDS, st.lists(st.integers(0, 3), min_size=4, max_size=14))
@few
def test_diversity_is_a_loop_over_pairs_within_captions(seed, numbers):
    features, captions = normal(len(numbers), 3, seed=seed), [f"caption {number}" for number in numbers]
    spreads = []
    for caption in dict.fromkeys(captions):
        own = [f for f, text in zip(features, captions, strict=True) if text == caption]
        pairs = [math.dist(a, b) for i, a in enumerate(own) for b in own[i + 1 :]]
        spreads += [np.mean(pairs)] if pairs else []
    if len(spreads) < 2:
        with pytest.raises(ValueError, match="have two"):
            diversity(features, captions)
    else:
        assert diversity(features, captions) == pytest.approx(mean(torch.tensor(np.array(spreads))))


def test_one_picture_for_each_caption_has_no_diversity():
    features = normal(3, 4).repeat_interleave(5, dim=0)
    assert diversity(features, [n // 5 for n in range(15)]) == (0, 0, 0)


@st.composite
def searches(draw):
    n, m = draw(st.integers(2, 5)), draw(st.integers(2, 6))
    scores = torch.tensor(draw(st.lists(st.lists(st.integers(0, 3), min_size=m, max_size=m), min_size=n, max_size=n)))
    matches = torch.tensor(draw(st.lists(st.lists(st.booleans(), min_size=m, max_size=m), min_size=n, max_size=n)))
    matches[:, draw(st.integers(0, m - 1))] = True
    return scores.double(), matches


@given(searches())
@few
def test_r_precision_puts_wrong_candidates_first_where_scores_are_equal(search):
    scores, matches = search
    found = []
    for row, own in zip(scores.tolist(), matches.tolist(), strict=True):
        order = sorted(range(len(row)), key=lambda j: (-row[j], own[j]))
        found.append(sum(own[j] for j in order[: sum(own)]) / sum(own))
    assert r_precision(scores, matches) == pytest.approx(mean(torch.tensor(found, dtype=torch.float64)))


@given(SEEDS, st.integers(2, 8))
@few
def test_with_one_right_candidate_r_precision_is_recall_at_one(seed, n):
    scores = normal(n, n, seed=seed).round()
    assert r_precision(scores, torch.eye(n, dtype=torch.bool)).value == evaluate.recall_at_k(scores, 1)
    assert evaluate.recall_at_k is fusion.recall_at_k


# ---- what pictures are described by


def test_image_features_are_the_trunks_mean_over_places_in_any_batch():
    pictures = scenes.render([scenes.parse(f"a {colour} star").complete() for colour in scenes.COLOURS])
    maps = load_classifier().trunk.maps(pictures)
    torch.testing.assert_close(classifier_features(pictures), maps.mean((2, 3)))
    many = pictures.repeat(80, 1, 1, 1)
    torch.testing.assert_close(classifier_features(many)[:8], classifier_features(pictures), atol=1e-5, rtol=1e-4)
    assert not classifier_features(pictures).requires_grad


def test_coarse_pixels_are_means_of_blocks():
    x = 2 * torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0)) - 1
    expected = [
        x[0, c, 4 * i : 4 * i + 4, 4 * j : 4 * j + 4].mean() for c in range(3) for i in range(2) for j in range(2)
    ]
    torch.testing.assert_close(coarse_pixels(x, side=2)[0], torch.stack(expected))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: wilson(3, 2), "got 3, 2"),
        (lambda: wilson(0, 0), "got 0, 0"),
        (lambda: wilson(1, 2, 1.0), "and 1.0"),
        (lambda: share(torch.zeros(0, dtype=torch.bool)), "n > 0"),
        (lambda: mean(torch.tensor([1.0])), "got 1"),
        (lambda: mean(torch.tensor([1.0, float("inf")])), "finite"),
        (lambda: jackknife(1.0, [1.0]), "got 1"),
        (lambda: deal(torch.zeros(5, 1), 3), "got 3 groups for 5 rows"),
        (lambda: auc(torch.zeros(1), torch.zeros(3)), "got 1 and 3"),
        (lambda: diversity(torch.zeros(2, 1), ["a"]), "got 2 and 1"),
        (lambda: r_precision(torch.zeros(2, 2), torch.tensor([[True, True], [False, False]])), r"none have \[1\]"),
        (lambda: r_precision(torch.full((2, 2), torch.nan), torch.ones(2, 2, dtype=torch.bool)), "NaN"),
        (lambda: classifier_features(torch.full((1, 3, 32, 32), 1.5)), r"got 1.5 to 1.5"),
        (lambda: coarse_pixels(torch.zeros(0, 3, 8, 8)), "at least one"),
    ],
)
def test_what_cannot_be_measured_is_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call()


@given(st.lists(st.integers(0, 4), min_size=2, max_size=7), st.lists(st.integers(0, 4), min_size=2, max_size=7))
@settings(max_examples=50)
def test_the_interval_of_auc_is_delongs_with_ties_from_unbiased_variances(a, b):
    wins = [[1.0 if x < y else 0.5 if x == y else 0.0 for y in b] for x in a]
    of_a, of_b = [statistics.mean(row) for row in wins], [statistics.mean(column) for column in zip(*wins, strict=True)]
    half = 1.96 * (statistics.variance(of_a) / len(a) + statistics.variance(of_b) / len(b)) ** 0.5
    found = auc(torch.tensor(a, dtype=torch.float64), torch.tensor(b, dtype=torch.float64))
    assert found.value == pytest.approx(statistics.mean(of_a))
    assert found.low == pytest.approx(max(0, statistics.mean(of_a) - half), abs=1e-9)
    assert found.high == pytest.approx(min(1, statistics.mean(of_a) + half), abs=1e-9)


def test_the_interval_of_auc_is_as_wide_as_a_bootstrap_says():
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(60, generator=generator), torch.randn(90, generator=generator) + 0.6
    again = [
        auc(a[torch.randint(60, (60,), generator=generator)], b[torch.randint(90, (90,), generator=generator)]).value
        for _ in range(400)
    ]
    found = auc(a, b)
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * statistics.stdev(again), rel=0.15)
