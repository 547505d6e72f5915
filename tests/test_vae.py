"""The terms of the VAE's loss against torch's distributions, quadrature and an exact model; nats per image."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

from mmgen_course.generators.linear_gaussian import LinearGaussian, normal_kl
from mmgen_course.generators.linear_gaussian import Normal as Gaussian
from mmgen_course.generators.vae import (
    active_units,
    between,
    elbo,
    free_bits,
    gaussian_kl,
    gaussian_kl_terms,
    gaussian_log_likelihood,
    iwae,
    log_normal,
    reparameterise,
)

unhurried = settings(max_examples=30)
sizes = st.tuples(st.integers(1, 5), st.integers(1, 4))
seeds = st.integers(0, 10**6)


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def spread(mu, logvar):
    return Normal(mu, (logvar / 2).exp())


# ---- the encoder's Gaussian


@unhurried
@given(sizes, seeds)
def test_the_kl_is_that_of_torch_summed_over_latent_numbers_mean_over_images(size, seed):
    mu, logvar = 2 * noise(*size, seed=seed), 2 * noise(*size, seed=seed + 1)
    each = kl_divergence(spread(mu, logvar), Normal(0.0, 1.0))
    torch.testing.assert_close(gaussian_kl_terms(mu, logvar), each)
    torch.testing.assert_close(gaussian_kl(mu, logvar), each.sum(1).mean())
    assert (gaussian_kl_terms(mu, logvar) >= 0).all()


def test_the_kl_of_a_nearly_standard_normal_keeps_its_digits():
    small = torch.full((1, 1), 1e-4)
    torch.testing.assert_close(gaussian_kl_terms(0 * small, small), small**2 / 4, rtol=1e-3, atol=0)


def test_log_sigma_in_place_of_log_variance_is_wrong_by_more_than_half():
    mu, log_sigma = torch.tensor([[0.3]]).double(), torch.tensor([[-0.7]]).double()
    assert round(gaussian_kl(mu, 2 * log_sigma).item(), 3) == 0.368
    assert round(gaussian_kl(mu, log_sigma).item(), 3) == 0.143


@unhurried
@given(sizes, seeds)
def test_a_draw_has_the_mean_and_the_variance_that_it_was_given(size, seed):
    mu, logvar = noise(*size, seed=seed), noise(*size, seed=seed + 1)
    eps = noise(20_000, *size, seed=seed + 2)
    z = reparameterise(mu, logvar, eps)
    assert ((z.mean(0) - mu).abs() < 6 * (logvar / 2).exp() / len(eps) ** 0.5).all()
    assert ((z.var(0) / logvar.exp() - 1).abs() < 6 * (2 / len(eps)) ** 0.5).all()
    torch.testing.assert_close(reparameterise(mu, logvar, torch.zeros_like(mu)), mu)


@unhurried
@given(sizes, seeds)
def test_the_log_density_is_that_of_torch(size, seed):
    z, mu, logvar = (noise(*size, seed=seed + i) for i in range(3))
    torch.testing.assert_close(log_normal(z, mu, logvar), spread(mu, logvar).log_prob(z).sum(-1))
    torch.testing.assert_close(log_normal(z), Normal(0.0, 1.0).log_prob(z).sum(-1))


@unhurried
@given(sizes, seeds, st.floats(0, 3))
def test_free_bits_are_free_below_the_floor_and_the_mean_over_images_comes_first(size, seed, floor):
    mu, logvar = noise(*size, seed=seed).requires_grad_(), noise(*size, seed=seed + 1)
    terms = gaussian_kl_terms(mu, logvar)
    loss = free_bits(terms, floor)
    means = terms.mean(0).tolist()
    assert loss.item() == pytest.approx(sum(max(floor, mean) for mean in means))
    loss.backward()
    free = torch.tensor([mean < floor for mean in means])
    assert (mu.grad[:, free] == 0).all()
    assert (mu.grad[:, ~free] != 0).all()


def test_a_latent_number_is_active_if_its_mean_moves_with_the_image():
    mu = noise(5000, 3) * torch.tensor([1.0, 0.2, 0.05]) + 7  # variances 1, 0.04 and 0.0025
    assert active_units(mu).tolist() == [True, True, False]
    assert active_units(mu, threshold=0.1).tolist() == [True, False, False]


# ---- the likelihood


@unhurried
@given(st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 4), st.integers(1, 4)), seeds)
def test_the_likelihood_is_torchs_summed_over_the_pixels_of_an_image(size, seed):
    mean, grey = noise(*size, seed=seed), noise(*size, seed=seed + 1)
    normal = Independent(Normal(mean, 0.3), 3)
    torch.testing.assert_close(gaussian_log_likelihood(grey, mean, 0.3), normal.log_prob(grey))


def test_a_gradient_reaches_a_sigma_that_is_learned():
    log_sigma = torch.zeros((), dtype=torch.float64, requires_grad=True)
    images, mean = noise(2, 1, 2, 2, seed=1), noise(2, 1, 2, 2, seed=2)
    gaussian_log_likelihood(images, mean, log_sigma.exp()).sum().backward()
    torch.testing.assert_close(log_sigma.grad, (images - mean).square().sum() - 8)


# ---- the exact model


def exact(k=2, d=3, seed=0, sigma=0.5):
    return LinearGaussian(noise(d, k, seed=seed), noise(d, seed=seed + 1), sigma)


def some_q(n, k, seed):
    root = noise(k, k, seed=seed)
    return Gaussian(noise(n, k, seed=seed + 1), root @ root.T + 0.1 * torch.eye(k))


@unhurried
@given(st.integers(1, 3), st.integers(1, 4), seeds, st.floats(0.2, 2))
def test_the_gap_of_the_bound_is_the_kl_from_q_to_the_posterior(k, d, seed, sigma):
    model = exact(k, d, seed, sigma)
    x = model.draw(4, torch.Generator().manual_seed(seed))[1]
    q, posterior = some_q(4, k, seed), model.posterior(x)
    gap = model.log_marginal(x) - model.elbo(x, q)
    torch.testing.assert_close(gap, normal_kl(q, posterior), rtol=1e-9, atol=1e-9)
    assert (gap >= -1e-9).all()
    torch.testing.assert_close(model.elbo(x, posterior), model.log_marginal(x), rtol=1e-9, atol=1e-9)


@unhurried
@given(st.integers(1, 3), st.integers(1, 4), seeds)
def test_joint_density_splits_both_ways(k, d, seed):
    # p(z) p(x|z) = p(x) p(z|x), at any z
    model = exact(k, d, seed)
    z, x = model.draw(4, torch.Generator().manual_seed(seed))
    mean, covariance = model.posterior(x)
    back = MultivariateNormal(mean, covariance).log_prob(z) + model.log_marginal(x)
    torch.testing.assert_close(log_normal(z) + model.log_likelihood(x, z), back, rtol=1e-9, atol=1e-9)


@unhurried
@given(st.integers(1, 3), seeds)
def test_the_kl_of_two_normals_is_torchs(k, seed):
    q, p = some_q(4, k, seed), some_q(4, k, seed + 7)
    torch.testing.assert_close(normal_kl(q, p), kl_divergence(MultivariateNormal(*q), MultivariateNormal(*p)))


@unhurried
@given(seeds, st.sampled_from([(0, 0.9), (0, 1.1), (1, 0.9), (1, 1.1)]))
def test_no_other_diagonal_q_has_a_higher_bound(seed, change):
    model = exact(2, 3, seed)
    x = model.draw(4, torch.Generator().manual_seed(seed))[1]
    best = model.best_diagonal(x)
    number, factor = change
    other = best.covariance.clone()
    other[number, number] *= factor
    assert (model.elbo(x, Gaussian(best.mean, other)) < model.elbo(x, best)).all()
    assert (model.elbo(x, Gaussian(best.mean + 0.01, best.covariance)) < model.elbo(x, best)).all()
    assert (best.covariance.diagonal() <= model.posterior(x).covariance.diagonal() + 1e-12).all()


def test_draws_of_the_model_have_its_mean_and_covariance():
    model = exact()
    z, x = model.draw(50_000, torch.Generator().manual_seed(0))
    torch.testing.assert_close(x.mean(0), model.bias, rtol=0, atol=0.05)
    torch.testing.assert_close(x.T.cov(), model.marginal().covariance_matrix, rtol=0.02, atol=0.03)
    torch.testing.assert_close(z.T.cov(), torch.eye(2).double(), rtol=0.05, atol=0.05)


# ---- the bounds


@unhurried
@given(sizes, seeds)
def test_the_elbo_is_the_mean_reconstruction_less_the_kl(size, seed):
    log_likelihood = 50 * noise(size[0], seed=seed)
    mu, logvar = noise(*size, seed=seed + 1), noise(*size, seed=seed + 2)
    terms = elbo(log_likelihood, mu, logvar)
    torch.testing.assert_close(terms.reconstruction, log_likelihood.mean())
    torch.testing.assert_close(terms.kl, kl_divergence(spread(mu, logvar), Normal(0.0, 1.0)).sum(1).mean())
    torch.testing.assert_close(terms.elbo, terms.reconstruction - terms.kl)


def weights_of(model, x, q, k, seed):
    """k log weights of each point, q a diagonal Gaussian."""
    logvar = q.covariance.diagonal().log().expand_as(q.mean)
    z = reparameterise(q.mean, logvar, noise(k, *q.mean.shape, seed=seed))
    return model.log_likelihood(x.expand(k, *x.shape), z) + log_normal(z) - log_normal(z, q.mean, logvar)


def test_the_elbo_from_draws_is_the_exact_one_on_average():
    model = exact()
    x = model.draw(5, torch.Generator().manual_seed(1))[1]
    q = model.best_diagonal(x)
    logvar = q.covariance.diagonal().log().expand_as(q.mean)
    z = reparameterise(q.mean, logvar, noise(20_000, 5, 2, seed=2))
    likelihoods = model.log_likelihood(x.expand(20_000, 5, 3), z)
    terms = elbo(likelihoods.mean(0), q.mean, logvar)
    error = (likelihoods.std(0) / 20_000**0.5).mean().item()
    assert abs(terms.elbo - model.elbo(x, q).mean()) < 5 * error


def test_the_importance_weighted_bound_rises_with_k_from_the_elbo_to_log_p():
    model = exact(sigma=0.6)
    x = model.draw(3, torch.Generator().manual_seed(1))[1]
    q = Gaussian(model.posterior(x).mean + 0.3, 0.5 * model.best_diagonal(x).covariance)
    exact_log_p = model.log_marginal(x).mean().item()
    bounds = [iwae(weights_of(model, x.repeat(4000, 1), repeated(q, 4000), k, seed=k)).item() for k in (1, 4, 16)]
    assert bounds[0] == pytest.approx(model.elbo(x, q).mean().item(), abs=0.02)
    assert bounds[0] + 0.05 < bounds[1] < bounds[2] < exact_log_p
    assert iwae(weights_of(model, x, q, 100_000, seed=5)).item() == pytest.approx(exact_log_p, abs=0.05)


def repeated(q, times):
    return Gaussian(q.mean.repeat(times, 1), q.covariance)


@unhurried
@given(st.integers(1, 6), st.integers(1, 4), seeds, st.sampled_from([1.0, 500.0]))
def test_the_weights_are_averaged_inside_the_logarithm_and_images_outside(k, n, seed, scale):
    log_weights = noise(k, n, seed=seed) - scale
    means = [sum(math.exp(w + scale) for w in column) / k for column in log_weights.T.tolist()]
    expected = sum(math.log(mean) - scale for mean in means) / n
    assert iwae(log_weights).item() == pytest.approx(expected)


def test_with_the_true_posterior_every_weight_is_p_of_x():
    model = LinearGaussian(torch.diag(torch.tensor([1.0, 2.0])).double(), torch.zeros(2).double(), 0.5)
    x = model.draw(3, torch.Generator().manual_seed(1))[1]
    weights = weights_of(model, x, model.posterior(x), 5, seed=1)
    torch.testing.assert_close(weights, model.log_marginal(x).expand(5, 3), rtol=1e-9, atol=1e-9)


# ---- between two points


@unhurried
@given(st.integers(2, 7), seeds)
def test_the_way_between_two_points_is_straight_and_even(steps, seed):
    a, b = noise(2, 3, seed=seed), noise(2, 3, seed=seed + 1)
    way = between(a, b, steps)
    torch.testing.assert_close(way, torch.stack([a + (b - a) * i / (steps - 1) for i in range(steps)]))
