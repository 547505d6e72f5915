"""Losses, penalties and the ring of lesson 07_gan, against formulas written differently, torch, and scipy."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import jensenshannon
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from mmgen_course.generators import gan
from mmgen_course.generators.ring_gan import (
    GAMES,
    SIGMA,
    TURNS,
    centres,
    coverage,
    draw,
    noise,
    plane_net,
    ring,
    ring_gan,
)
from mmgen_course.train import fit, seeded

unhurried = settings(max_examples=50)
logits = st.integers(1, 8).flatmap(lambda n: arrays("float64", n, elements=st.floats(-30, 30))).map(torch.from_numpy)


# ---- losses


@unhurried
@given(logits, logits)
def test_the_value_is_minus_the_cross_entropy_of_real_and_generated(real, fake):
    entropy = F.binary_cross_entropy_with_logits(real, torch.ones_like(real))
    entropy = entropy + F.binary_cross_entropy_with_logits(fake, torch.zeros_like(fake))
    torch.testing.assert_close(gan.value(real, fake), -entropy)
    torch.testing.assert_close(gan.discriminator_loss(real, fake), entropy)


@unhurried
@given(logits)
def test_the_saturating_loss_is_the_generators_share_of_the_value(fake):
    nothing = torch.full((1,), math.inf, dtype=torch.float64)  # log D = 0 for the real samples
    torch.testing.assert_close(gan.saturating_loss(fake), gan.value(nothing, fake))


@unhurried
@given(logits)
def test_the_slopes_of_the_two_losses_of_the_generator_sum_to_minus_one(fake):
    # log(1 - s(s)) - log s(s) = -s
    torch.testing.assert_close(gan.saturating_loss(fake) + gan.non_saturating_loss(fake), -fake.mean())


@pytest.mark.parametrize("d", [0.001, 0.3, 0.999])
def test_the_saturating_loss_is_flat_near_zero_and_the_other_near_one(d):
    s = torch.tensor([d], dtype=torch.float64).logit().requires_grad_()
    (saturating,) = torch.autograd.grad(gan.saturating_loss(s), s)
    (other,) = torch.autograd.grad(gan.non_saturating_loss(s), s)
    assert saturating.item() == pytest.approx(-d)
    assert other.item() == pytest.approx(-(1 - d))


def test_losses_stay_finite_where_the_discriminator_is_sure():
    sure = torch.tensor([1e4], dtype=torch.float32, requires_grad=True)
    for loss in (gan.value(-sure, sure), gan.saturating_loss(sure), gan.non_saturating_loss(-sure)):
        assert loss.isfinite()
        assert torch.autograd.grad(loss, sure, retain_graph=True)[0].isfinite().all()


@unhurried
@given(logits, logits)
def test_the_hinge_is_that_of_a_classifier_with_labels_one_and_minus_one(real, fake):
    labelled = [(1, s, len(real)) for s in real.tolist()] + [(-1, s, len(fake)) for s in fake.tolist()]
    expected = sum(max(0, 1 - label * s) / n for label, s, n in labelled)
    assert gan.hinge_discriminator_loss(real, fake).item() == pytest.approx(expected, abs=1e-12)
    assert gan.hinge_generator_loss(fake).item() == pytest.approx(-fake.mean().item())


@unhurried
@given(logits, logits)
def test_the_wasserstein_losses_are_differences_of_means(real, fake):
    loop = sum(fake.tolist()) / len(fake) - sum(real.tolist()) / len(real)
    assert gan.wasserstein_discriminator_loss(real, fake).item() == pytest.approx(loop, abs=1e-9)
    assert gan.wasserstein_generator_loss(fake).item() == pytest.approx(-sum(fake.tolist()) / len(fake), abs=1e-9)


@unhurried
@given(logits, logits, logits)
def test_two_kinds_of_lies_share_the_weight_of_the_truth(real, mismatched, fake):
    loss = gan.matching_discriminator_loss(real, mismatched, fake)
    parts = (gan.hinge_discriminator_loss(real, mismatched) + gan.hinge_discriminator_loss(real, fake)) / 2
    torch.testing.assert_close(loss, parts)


def test_a_mismatched_caption_is_a_lie_and_pushes_the_logit_down():
    s = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    slope = torch.autograd.grad(gan.matching_discriminator_loss(s[:1], s[1:2], s[2:]), s)[0]
    assert slope.tolist() == [-1, 0.5, 0.5]


# ---- densities


@unhurried
@given(arrays("float64", (2, 5), elements=st.floats(0.01, 10)))
def test_the_optimal_discriminator_is_the_sigmoid_of_the_log_ratio_of_the_densities(densities):
    p, q = torch.from_numpy(densities)
    torch.testing.assert_close(gan.optimal_discriminator(p, q), (p.log() - q.log()).sigmoid())


@unhurried
# 0, or large enough for SciPy, which divides by a mean and gets infinity where that is next to 0
@given(arrays("float64", (2, 5), elements=st.just(0.0) | st.floats(1e-9, 10)).filter(lambda a: (a.sum(1) > 0.1).all()))
def test_the_js_divergence_is_scipys_squared(weights):
    p, q = (torch.from_numpy(row / row.sum()) for row in weights)
    js = gan.js_divergence(p, q)
    assert js.item() == pytest.approx(jensenshannon(p.numpy(), q.numpy()) ** 2, abs=1e-9)
    assert -1e-12 <= js <= math.log(2) + 1e-12


# ---- penalties


def linear(slope):
    return lambda x: (x * torch.as_tensor(slope, dtype=x.dtype)).sum(dim=1)


@unhurried
@given(arrays("float64", 3, elements=st.floats(-3, 3)))
def test_a_linear_critic_is_as_steep_as_its_weights_are_long(slope):
    x = torch.ones(4, 3, dtype=torch.float64)
    length = math.sqrt(sum(s * s for s in slope.tolist()))
    torch.testing.assert_close(gan.gradient_norms(linear(slope), x), torch.full((4,), length, dtype=torch.float64))
    assert gan.gradient_penalty(linear(slope), x).item() == pytest.approx((length - 1) ** 2, abs=1e-9)
    assert gan.r1_penalty(linear(slope), x).item() == pytest.approx(length**2 / 2, abs=1e-9)


def test_penalties_of_pictures_sum_over_all_pixels_and_are_means_over_pictures():
    x = torch.randn(5, 3, 4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    def critic(x):
        return x.square().sum((1, 2, 3)) / 2  # the gradient is x itself

    norms = torch.stack([picture.norm() for picture in x])
    torch.testing.assert_close(gan.gradient_norms(critic, x), norms)
    torch.testing.assert_close(gan.r1_penalty(critic, x), norms.square().sum() / 10)


def test_the_weights_of_the_discriminator_get_the_gradient_of_its_penalty():
    weight = torch.tensor([3.0, 0.0], dtype=torch.float64, requires_grad=True)
    x = torch.zeros(2, 2, dtype=torch.float64)
    (pull,) = torch.autograd.grad(gan.gradient_penalty(lambda x: x @ weight, x), weight)
    assert pull.tolist() == [4, 0]  # of (|w| - 1)^2: 2 (|w| - 1) w / |w|


def test_each_interpolate_lies_on_the_line_of_its_own_pair():
    generator = torch.Generator().manual_seed(0)
    real, fake = torch.randn(2, 200, 3, 2, 2, generator=generator, dtype=torch.float64)
    at = gan.interpolates(real, fake, generator)
    share = (at - fake) / (real - fake)
    first = share[:, :1, :1, :1]
    torch.testing.assert_close(share, first.expand_as(share))
    assert 0 < first.min() < 0.05 < 0.95 < first.max() < 1


# ---- spectral norm


@unhurried
@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 100))
def test_power_iteration_finds_the_largest_singular_value(rows, columns, seed):
    w = torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    torch.testing.assert_close(gan.spectral_norm(w, 3000), torch.linalg.svdvals(w)[0], rtol=1e-4, atol=1e-9)


def test_a_kernel_counts_as_the_matrix_that_torch_normalises():
    layer = seeded(lambda: nn.Conv2d(3, 8, 3, dtype=torch.float64), 0)
    weight = layer.weight.detach().clone()
    normalised = seeded(lambda: spectral_norm(layer, n_power_iterations=500), 0)
    torch.testing.assert_close(
        normalised.weight.detach(), weight / gan.spectral_norm(weight, 500), rtol=1e-4, atol=1e-6
    )


def test_the_gradient_of_the_spectral_norm_is_the_outer_product_of_its_singular_vectors():
    w = torch.randn(5, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(gan.spectral_norm(w, 500), w)
    u, _, v = torch.linalg.svd(w.detach())
    torch.testing.assert_close(slope, torch.outer(u[:, 0], v[0]), rtol=1e-4, atol=1e-6)


def test_no_step_of_power_iteration_is_refused():
    with pytest.raises(ValueError, match="at least one step"):
        gan.spectral_norm(torch.eye(2), 0)


# ---- the ring


def test_real_points_cover_all_modes_at_quality_one():
    points = ring(4000, torch.Generator().manual_seed(0))
    found = coverage(points)
    assert found.modes == 8
    assert found.quality == pytest.approx(1 - math.exp(-9 / 2), abs=0.01)  # within 3 sigma of a 2-D Gaussian
    nearest = torch.cdist(points, centres()).argmin(1)
    assert nearest.bincount().min() > 400


def test_neighbouring_modes_are_further_apart_than_their_discs_of_three_sigma():
    gaps = torch.pdist(centres())
    assert gaps.min() == pytest.approx(4 * math.sin(math.pi / 8))  # sides of an octagon of radius 2
    assert gaps.min() > 6 * SIGMA


def test_a_mode_counts_from_the_least_share_on():
    few, many = centres()[:1].repeat(19, 1), centres()[1:2].repeat(981, 1)
    assert coverage(torch.cat([few, many])).modes == 1
    assert coverage(torch.cat([few, few[:1], many[:-1]])).modes == 2


def test_points_beyond_three_sigma_have_no_quality():
    off = centres() + torch.tensor([[3.1 * SIGMA, 0]])
    assert coverage(off) == (0, 0.0)
    assert coverage(centres() + torch.tensor([[2.9 * SIGMA, 0]])) == (8, 1.0)


@pytest.mark.parametrize("game", GAMES)
def test_every_game_moves_both_players_and_repeats_itself(game):
    runs = []
    for _ in range(2):
        networks = ring_gan(GAMES[game], seed=3)
        before = draw(networks.generator, 50)
        losses = list(fit(networks.players, 3))
        assert all(math.isfinite(value) for step in losses for value in step.values())
        assert not torch.equal(before, draw(networks.generator, 50))
        runs.append((draw(networks.generator, 50), losses))
    torch.testing.assert_close(runs[0][0], runs[1][0], rtol=0, atol=0)
    assert runs[0][1] == runs[1][1]


def test_only_the_normalised_discriminator_has_a_slope_of_at_most_one():
    x = 3 * noise(200, torch.Generator().manual_seed(0))
    steepest = {}
    for name in ("non-saturating + SN", "non-saturating"):
        game = ring_gan(GAMES[name], seed=0)
        list(fit(game.players[:1], 400))  # the discriminator alone
        steepest[name] = gan.gradient_norms(game.discriminator, x).max().item()
    assert steepest["non-saturating + SN"] < 1.01 < 1.5 < steepest["non-saturating"]


def test_turns_are_steps_of_each_player():
    for name, expected in (("5 to 1", [5, 1]), ("1 to 5", [1, 5])):
        game = ring_gan(GAMES["hinge"], seed=0, turns=TURNS[name])
        assert [one.times for one in game.players] == expected


def test_a_game_in_turns_finds_the_ring_and_a_hasty_generator_does_not():
    fair, hasty = (ring_gan(GAMES["non-saturating"], seed=0, turns=TURNS[name]) for name in ("1 to 1", "1 to 5"))
    list(fit(fair.players, 600))
    list(fit(hasty.players, 200))
    assert coverage(draw(fair.generator)).modes >= 6
    assert coverage(draw(hasty.generator)).modes <= 2


def test_networks_of_the_plane_have_the_asked_shape_in_double_precision():
    net = plane_net(3, 2, width=5)
    assert [tuple(p.shape) for p in net.parameters()] == [(5, 3), (5,), (5, 5), (5,), (2, 5), (2,)]
    assert {p.dtype for p in net.parameters()} == {torch.float64}
