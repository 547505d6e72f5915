"""The contrastive loss, its gradient, its bound and the measures of retrieval agree with slower or other writings."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from mmgen_course.fusion.contrastive import (
    contrastive_gradient,
    contrastive_loss,
    cosine_similarity,
    info_nce,
    information_bound,
    modality_gap,
    ranks,
    recall_at_k,
    unit,
)

SIZES = st.integers(1, 7)
SEEDS = st.integers(0, 2**31)
TEMPERATURES = st.floats(0.02, 5)
few = settings(max_examples=50)


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.double)


# ---- directions


@given(SIZES, SIZES, st.integers(1, 9), SEEDS)
@few
def test_cosine_similarity_is_that_of_torch(n, m, d, seed):
    x, y = 9 * normal(n, d, seed=seed), 0.01 * normal(m, d, seed=seed + 1)
    torch.testing.assert_close(cosine_similarity(x, y), F.cosine_similarity(x[:, None], y[None], dim=2, eps=0))


@given(SIZES, st.floats(1e-3, 1e3), SEEDS)
@few
def test_length_does_not_count(n, factor, seed):
    x = normal(n, 5, seed=seed)
    torch.testing.assert_close(unit(factor * x), unit(x))
    torch.testing.assert_close(unit(x).norm(dim=1), torch.ones(n, dtype=torch.double))


@pytest.mark.parametrize("value", [0.0, math.nan, math.inf])
def test_a_vector_without_direction_is_refused(value):
    x = normal(4, 3)
    x[2] = value
    with pytest.raises(ValueError, match="1 of 4 are zero or not finite"):
        cosine_similarity(x, normal(4, 3))


# ---- loss and gradient


def loss_by_loops(s, tau):
    """Every question asked and answered by itself."""
    n, total = len(s), 0.0
    for i in range(n):
        total -= math.log(math.exp(s[i][i] / tau) / sum(math.exp(s[i][j] / tau) for j in range(n)))
        total -= math.log(math.exp(s[i][i] / tau) / sum(math.exp(s[j][i] / tau) for j in range(n)))
    return total / (2 * n)


@given(SIZES, TEMPERATURES, SEEDS)
@few
def test_contrastive_loss_is_the_mean_over_all_questions(n, tau, seed):
    s = cosine_similarity(normal(n, 3, seed=seed), normal(n, 3, seed=seed + 1))
    assert contrastive_loss(s, tau).item() == pytest.approx(loss_by_loops(s.tolist(), tau), abs=1e-9)


@given(SIZES, TEMPERATURES, SEEDS)
@few
def test_info_nce_is_the_cross_entropy_of_torch(n, tau, seed):
    s = normal(n, n, seed=seed)
    right = torch.arange(n)
    torch.testing.assert_close(info_nce(s, tau), F.cross_entropy(s / tau, right))
    torch.testing.assert_close(
        contrastive_loss(s, tau), (F.cross_entropy(s / tau, right) + F.cross_entropy(s.T / tau, right)) / 2
    )


@given(SIZES, TEMPERATURES, SEEDS)
@few
def test_the_loss_does_not_depend_on_the_order_of_the_pairs_or_of_the_modalities(n, tau, seed):
    s = normal(n, n, seed=seed)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(contrastive_loss(s[order][:, order], tau), contrastive_loss(s, tau))
    torch.testing.assert_close(contrastive_loss(s.T, tau), contrastive_loss(s, tau))


@given(SIZES, TEMPERATURES, SEEDS)
@few
def test_the_gradient_in_closed_form_is_that_of_autograd(n, tau, seed):
    s = normal(n, n, seed=seed).requires_grad_()
    contrastive_loss(s, tau).backward()
    torch.testing.assert_close(contrastive_gradient(s.detach(), tau), s.grad)


@given(SIZES, TEMPERATURES, SEEDS)
@few
def test_the_gradient_adds_up_to_nothing(n, tau, seed):
    # a constant added to all similarities changes nothing
    assert contrastive_gradient(normal(n, n, seed=seed), tau).sum().abs() < 1e-12 / tau


def test_the_gradient_reaches_temperature_and_features():
    def loss(x, y, tau):
        return contrastive_loss(cosine_similarity(x, y), tau)

    tensors = normal(4, 3), normal(4, 3, seed=1), torch.tensor(0.3, dtype=torch.double)
    assert torch.autograd.gradcheck(loss, [tensor.requires_grad_() for tensor in tensors])


def test_extreme_similarities_do_not_overflow():
    s = torch.tensor([[1.0, -1.0], [-1.0, 1.0]])
    assert info_nce(s, 1e-6) == 0
    assert info_nce(-s, 1e-6) == pytest.approx(2e6)
    assert contrastive_gradient(-s, 1e-3).isfinite().all()


@pytest.mark.parametrize("function", [info_nce, contrastive_loss, contrastive_gradient])
def test_what_makes_no_sense_is_refused(function):
    with pytest.raises(ValueError, match=r"\(N, N\); got \(2, 3\)"):
        function(torch.zeros(2, 3), 1.0)
    with pytest.raises(ValueError, match="above 0; got -1"):
        function(torch.zeros(2, 2), -1.0)
    with pytest.raises(ValueError, match="above 0"):
        function(torch.zeros(2, 2), 0.0)


# ---- the bound


@given(st.integers(2, 4), st.integers(1, 4), SEEDS)
@few
def test_no_score_tells_more_than_there_is_to_know(symbols, n, seed):
    # a joint table of a few symbols: information and expected loss are finite sums
    joint = normal(symbols, symbols, seed=seed).exp()
    joint /= joint.sum()
    p_x, p_y = joint.sum(1), joint.sum(0)
    known = (joint * (joint / (p_x[:, None] * p_y)).log()).sum().item()
    ideal = (joint / p_y).log()  # log p(x|y), up to what depends on x alone: the best there is
    best = information_bound(expected_loss(joint, ideal, n), n)
    other = information_bound(expected_loss(joint, 3 * normal(symbols, symbols, seed=seed + 1), n), n)
    assert other <= best + 1e-9
    assert best <= min(known, math.log(n)) + 1e-9


def expected_loss(joint, scores, n):
    """E[-log softmax] of one pair (x, y) among n - 1 negatives drawn from p(y): a sum over all cases."""
    total = 0.0
    p_y = joint.sum(0)
    negatives = torch.cartesian_prod(*[torch.arange(len(p_y))] * (n - 1)).reshape(-1, n - 1) if n > 1 else None
    for x in range(len(joint)):
        for y in range(len(p_y)):
            if n == 1:
                continue  # one candidate: no doubt, no loss
            chance = p_y[negatives].prod(1)  # of each case
            others = scores[x][negatives].logsumexp(1)
            loss = torch.logaddexp(scores[x, y].expand(len(others)), others) - scores[x, y]
            total += joint[x, y].item() * (chance @ loss).item()
    return total


def test_information_bound_refuses_what_is_no_loss():
    with pytest.raises(ValueError, match="N = 0"):
        information_bound(1.0, 0)
    with pytest.raises(ValueError, match="nan"):
        information_bound(math.nan, 2)


# ---- retrieval


def rank_by_sorting(row, right):
    """Sort the candidates, the wrong ones first among equals; one more than the wrong ones before the first right."""
    in_order = sorted(zip(row, right, strict=True), key=lambda candidate: (-candidate[0], candidate[1]))
    return 1 + [is_right for _, is_right in in_order].index(True)


@given(SIZES, SIZES, SEEDS)
@few
def test_ranks_are_those_of_a_sorted_list_with_ties_against_the_model(n, m, seed):
    generator = torch.Generator().manual_seed(seed)
    similarity = torch.randint(4, (n, m), generator=generator).float()  # many ties
    matches = torch.rand(n, m, generator=generator) < 0.4
    matches[:, seed % m] = True
    wanted = [rank_by_sorting(*rows) for rows in zip(similarity.tolist(), matches.tolist(), strict=True)]
    assert ranks(similarity, matches).tolist() == wanted
    for k in range(1, m + 1):
        assert recall_at_k(similarity, k, matches) == pytest.approx(sum(rank <= k for rank in wanted) / n)


def test_recall_at_k_is_that_of_topk_where_no_two_are_equal():
    similarity = normal(50, 50)
    for k in (1, 5, 50):
        found = (similarity.topk(k, dim=1).indices == torch.arange(50)[:, None]).any(1).double().mean().item()
        assert recall_at_k(similarity, k) == found


def test_a_model_that_says_nothing_finds_nothing():
    assert recall_at_k(torch.zeros(20, 20), 19) == 0
    assert recall_at_k(torch.zeros(20, 20), 20) == 1


def test_random_scores_find_k_of_m():
    assert recall_at_k(normal(4000, 4000).float(), 40) == pytest.approx(0.01, abs=5 * (0.01 / 4000) ** 0.5)


def test_retrieval_refuses_what_cannot_be_ranked():
    with pytest.raises(ValueError, match="1 similarities are NaN"):
        ranks(torch.tensor([[0.0, math.nan], [0.0, 1.0]]))
    with pytest.raises(ValueError, match="give `matches`: 2 queries have 3"):
        ranks(torch.zeros(2, 3))
    with pytest.raises(ValueError, match=r"1 have none: \[1\]"):
        ranks(torch.zeros(2, 3), torch.tensor([[True, False, False], [False] * 3]))
    for k in (0, 4):
        with pytest.raises(ValueError, match=f"from 1 to the 3 candidates; got {k}"):
            recall_at_k(torch.zeros(3, 3), k)


# ---- the gap


@given(SIZES, SIZES, SEEDS)
@few
def test_the_gap_is_the_distance_of_the_means(n, m, seed):
    x, y = normal(n, 4, seed=seed), normal(m, 4, seed=seed + 1)
    means = [
        [sum(v[c] / math.hypot(*v) for v in rows) / len(rows) for c in range(4)] for rows in (x.tolist(), y.tolist())
    ]
    assert modality_gap(x, y) == pytest.approx(math.dist(*means))
    assert modality_gap(x, x) < 1e-12
    assert 0 <= modality_gap(x, y) <= 2 + 1e-12
