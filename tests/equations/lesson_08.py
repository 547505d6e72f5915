"""Checks of the equations of lesson 08_vae."""

import math
from collections.abc import Callable
from functools import partial

import torch
from ledger import close, equation
from torch import Tensor
from torch.distributions import Bernoulli, MultivariateNormal, Normal, kl_divergence

from mmgen_course.generators import vae
from mmgen_course.generators.linear_gaussian import LinearGaussian
from mmgen_course.generators.linear_gaussian import Normal as Gaussian

real = partial(torch.tensor, dtype=torch.float64)
LOG_2PI = math.log(2 * math.pi)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def simplex(*shape: int, seed: int = 0) -> Tensor:
    """Positive numbers that sum to one over the last axis."""
    return normal(*shape, seed=seed).softmax(-1)


# A world that can be listed: z is one of 3, x one of 4. Everything about it is a sum.
PRIOR, LIKELIHOOD, ENCODER = simplex(3, seed=1), simplex(3, 4, seed=2), simplex(4, 3, seed=3)
EVIDENCE = [sum(float(PRIOR[z] * LIKELIHOOD[z, x]) for z in range(3)) for x in range(4)]
POSTERIOR = real([[float(PRIOR[z] * LIKELIHOOD[z, x]) / EVIDENCE[x] for z in range(3)] for x in range(4)])
GRID = torch.linspace(-12, 12, 9601, dtype=torch.float64)
STEP = float(GRID[1] - GRID[0])


def kl(q: Tensor, p: Tensor) -> Tensor:
    return (q * (q / p).log()).sum()


def integral(values: Tensor) -> Tensor:
    return values.sum(-1) * STEP


def density(z: Tensor, mean: float | Tensor, sigma: float | Tensor) -> Tensor:
    return torch.exp(-((z - mean) ** 2) / (2 * sigma**2)) / (sigma * math.sqrt(2 * math.pi))


@equation(
    "eq:latent-model",
    fingerprint="9bef8766",
    how="the sum over all x is 1, for a Bernoulli decoder; a linear decoder's p(x) in closed form",
    formula=lambda given_z, z, dz: (given_z * density(z, 0.0, 1.0) * dz).sum(-1),
    mutants={
        "prior lost": lambda given_z, z, dz: (given_z * dz).sum(-1),
        "mean of the logarithms": lambda given_z, z, dz: (given_z.log() * density(z, 0.0, 1.0) * dz).sum(-1).exp(),
        "likeliest z alone": lambda given_z, z, dz: given_z.amax(-1),
        "prior of variance 2": lambda given_z, z, dz: (given_z * density(z, 0.0, 2**0.5) * dz).sum(-1),
        "prior without its constant": lambda given_z, z, dz: (given_z * torch.exp(-(z**2) / 2) * dz).sum(-1),
    },
)
def latent_model(formula):
    p = (2 * GRID - 0.5).sigmoid()
    close(formula(p, GRID, STEP) + formula(1 - p, GRID, STEP), 1, 1e-7)
    for x in (-1.0, 0.3, 2.0):  # x = 1.5 z + 0.2 + 0.5 noise
        p_x = Normal(0.2, math.sqrt(1.5**2 + 0.5**2)).log_prob(real(x)).exp()
        close(formula(density(real(x), 1.5 * GRID + 0.2, 0.5), GRID, STEP), p_x, 1e-7)


def _jensen(joint, q, outside=torch.log, inside=torch.log):
    return outside((q * joint / q).sum()), (q * inside(joint / q)).sum()


@equation(
    "eq:jensen-bound",
    fingerprint="b44a5c3b",
    how="a world of 3 times 4 values, listed: the left side is log p(x), the right one never above it, and equal "
    "for the posterior",
    formula=_jensen,
    mutants={
        "ratio upside down": lambda joint, q: (_jensen(joint, q)[0], (q * (q / joint).log()).sum()),
        "expectation under the prior": lambda joint, q: (
            _jensen(joint, q)[0],
            (PRIOR * (joint / q).log()).sum(),
        ),
        "not divided by q": lambda joint, q: (_jensen(joint, q)[0], (q * joint.log()).sum()),
        "log inside on both sides": lambda joint, q: (_jensen(joint, q)[1],) * 2,
        "p(x|z) for p(x, z)": lambda joint, q: _jensen(joint / PRIOR, q),
    },
)
def jensen_bound(formula):
    for x in range(4):
        joint = PRIOR * LIKELIHOOD[:, x]
        for q in (ENCODER[x], POSTERIOR[x], simplex(3, seed=x)):
            evidence, bound = formula(joint, q)
            close(evidence, math.log(EVIDENCE[x]))
            assert bound <= evidence + 1e-9
        close(formula(joint, POSTERIOR[x])[1], math.log(EVIDENCE[x]), 1e-7)


def _elbo(given_z, q, prior, weigh=1.0, divide=1.0):
    """given_z (z, pixels): log p of each pixel."""
    return (q * given_z.sum(1)).sum() / divide - weigh * kl(q, prior)


@equation(
    "eq:elbo",
    fingerprint="02146fc3",
    how="the right side of (eq:jensen-bound) term by term, for a picture of 5 pixels and 3 latent values",
    formula=_elbo,
    mutants={
        "+ KL": lambda given_z, q, prior: _elbo(given_z, q, prior, weigh=-1),
        "reconstruction averaged over pixels while the KL is summed": lambda given_z, q, prior: _elbo(
            given_z, q, prior, divide=given_z.shape[1]
        ),
        "arguments of the KL swapped": lambda given_z, q, prior: (q * given_z.sum(1)).sum() - kl(prior, q),
        "half the KL": lambda given_z, q, prior: _elbo(given_z, q, prior, weigh=0.5),
        "entropy difference for the KL": lambda given_z, q, prior: (
            (q * given_z.sum(1)).sum() + (prior * prior.log()).sum() - (q * q.log()).sum()
        ),
        "log of the mean likelihood": lambda given_z, q, prior: (q * given_z.sum(1).exp()).sum().log() - kl(q, prior),
    },
)
def elbo_(formula):
    p = simplex(3, 5, seed=4)  # of each pixel to be as it is, given z
    for seed in range(3):
        q = simplex(3, seed=seed)
        by_hand = 0.0
        for z in range(3):
            joint = math.log(PRIOR[z]) + math.log(math.prod(p[z].tolist()))
            by_hand += float(q[z]) * (joint - math.log(q[z]))
        close(formula(p.log(), q, PRIOR), by_hand)


@equation(
    "eq:elbo-gap",
    fingerprint="0fcaa1f4",
    how="a listed world whose log p(x) is a sum, and the linear-Gaussian model; any q",
    formula=lambda bound, q, posterior, prior, divergence: bound + divergence(q, posterior),
    mutants={
        "KL from the posterior to q": lambda bound, q, posterior, prior, divergence: bound + divergence(posterior, q),
        "gap forgotten: always an equality (the article)": lambda bound, q, posterior, prior, divergence: bound,
        "KL to the prior once more": lambda bound, q, posterior, prior, divergence: bound + divergence(q, prior),
        "gap subtracted: an upper bound": lambda bound, q, posterior, prior, divergence: (
            bound - divergence(q, posterior)
        ),
        "both directions, halved": lambda bound, q, posterior, prior, divergence: (
            bound + (divergence(q, posterior) + divergence(posterior, q)) / 2
        ),
    },
)
def elbo_gap(formula):
    for x in range(4):
        q = ENCODER[x]
        bound = (q * LIKELIHOOD[:, x].log()).sum() - kl(q, PRIOR)
        close(formula(bound, q, POSTERIOR[x], PRIOR, kl), math.log(EVIDENCE[x]), 1e-7)
    model = LinearGaussian(normal(3, 2, seed=1), normal(3, seed=2), 0.5)
    x = normal(1, 3, seed=3)
    q = MultivariateNormal(normal(2, seed=4), real([[0.5, 0.1], [0.1, 0.3]]))
    bound = model.elbo(x, Gaussian(q.mean[None], q.covariance_matrix))[0]
    p = model.posterior(x)
    prior = MultivariateNormal(torch.zeros(2).double(), torch.eye(2).double())
    total = formula(bound, q, MultivariateNormal(p.mean[0], p.covariance), prior, kl_divergence)
    close(total, model.log_marginal(x)[0])


@equation(
    "eq:kl-entropies",
    fingerprint="22559348",
    how="torch's KL of categorical and of normal distributions, by quadrature",
    formula=lambda q, p, mean: (-mean(q, p.log())) - (-mean(q, q.log())),
    mutants={
        "entropy difference (the article)": lambda q, p, mean: -mean(p, p.log()) + mean(q, q.log()),
        "cross-entropy alone": lambda q, p, mean: -mean(q, p.log()),
        "sign": lambda q, p, mean: mean(q, p.log()) - mean(q, q.log()),
        "expectation under p": lambda q, p, mean: -mean(p, q.log()) + mean(p, p.log()),
        "entropies summed": lambda q, p, mean: -mean(q, p.log()) - mean(q, q.log()),
    },
)
def kl_entropies(formula):
    for x in range(4):
        expected = kl_divergence(*(torch.distributions.Categorical(p) for p in (ENCODER[x], POSTERIOR[x])))
        close(formula(ENCODER[x], POSTERIOR[x], lambda q, values: (q * values).sum()), expected)
    q, p = density(GRID, 0.7, 0.6), density(GRID, 0.0, 1.0)
    expected = kl_divergence(Normal(0.7, 0.6), Normal(0.0, 1.0))
    kept = (q > 1e-200) & (p > 1e-200)
    close(formula(q[kept], p[kept], lambda q, values: integral(q * values)), expected, 1e-6)


# ---- the linear-Gaussian model


def _evidence(x, W, b, sigma, covariance=lambda W, sigma: W @ W.T + sigma**2 * torch.eye(len(W))):
    return MultivariateNormal(b, covariance(W, sigma).double()).log_prob(x).exp()


@equation(
    "eq:linear-evidence",
    fingerprint="d0c3f913",
    how="quadrature over the one latent variable z, at several points; a second latent variable by splitting W in two",
    formula=_evidence,
    mutants={
        "sigma for sigma^2": lambda x, W, b, sigma: _evidence(
            x, W, b, sigma, lambda W, s: W @ W.T + s * torch.eye(len(W))
        ),
        "noise lost": lambda x, W, b, sigma: _evidence(x, W, b, sigma, lambda W, s: W @ W.T + 1e-3 * torch.eye(len(W))),
        "prior's spread lost": lambda x, W, b, sigma: _evidence(x, W, b, sigma, lambda W, s: s**2 * torch.eye(len(W))),
        "diagonal alone": lambda x, W, b, sigma: _evidence(
            x, W, b, sigma, lambda W, s: (W @ W.T).diagonal().diag() + s**2 * torch.eye(len(W))
        ),
        "b lost": lambda x, W, b, sigma: _evidence(x, W, 0 * b, sigma),
    },
)
def linear_evidence(formula):
    W, b, sigma = real([[1.2], [-0.5]]), real([0.3, -1.0]), 0.6
    for x in normal(3, 2, seed=5):
        given_z = density(x[0], 1.2 * GRID + 0.3, sigma) * density(x[1], -0.5 * GRID - 1.0, sigma)
        close(formula(x, W, b, sigma), integral(given_z * density(GRID, 0.0, 1.0)), 1e-7)
        halves = torch.cat([0.6 * W, 0.8 * W], dim=1)  # 0.6 z1 + 0.8 z2 is standard normal, too
        close(formula(x, halves, b, sigma), formula(x, W, b, sigma), 1e-7)


def _posterior(x, W, b, sigma):
    S = torch.linalg.inv(torch.eye(W.shape[1]).double() + W.T @ W / sigma**2)
    return S @ W.T @ (x - b) / sigma**2, S


@equation(
    "eq:linear-posterior",
    fingerprint="fe178d56",
    how="Bayes' rule: log p(z) + log p(x|z) has its maximum at m (autograd) and the curvature of S (hessian)",
    formula=_posterior,
    mutants={
        "prior lost": lambda x, W, b, sigma: (
            torch.linalg.solve(W.T @ W, W.T @ (x - b)),
            torch.linalg.inv(W.T @ W / sigma**2),
        ),
        "not inverted": lambda x, W, b, sigma: (
            _posterior(x, W, b, sigma)[0],
            torch.eye(W.shape[1]).double() + W.T @ W / sigma**2,
        ),
        "sigma for sigma^2": lambda x, W, b, sigma: _posterior(x, W, b, sigma**0.5),
        "mean not shrunk": lambda x, W, b, sigma: (W.T @ (x - b) / sigma**2, _posterior(x, W, b, sigma)[1]),
        "b lost": lambda x, W, b, sigma: (_posterior(x, W, 0 * b, sigma)[0], _posterior(x, W, b, sigma)[1]),
    },
)
def linear_posterior(formula):
    W, b, x, sigma = normal(3, 2, seed=1), normal(3, seed=2), normal(3, seed=3), 0.5

    def log_joint(z):
        prior = MultivariateNormal(torch.zeros(2).double(), torch.eye(2).double()).log_prob(z)
        return prior + Normal(W @ z + b, sigma).log_prob(x).sum()

    m, S = formula(x, W, b, sigma)
    z = m.clone().requires_grad_()
    close(torch.autograd.grad(log_joint(z), z)[0], torch.zeros(2), 1e-8)
    close(S @ -torch.autograd.functional.hessian(log_joint, m), torch.eye(2), 1e-8)


def _linear_elbo(x, W, b, sigma, mu, C, blur=0.5, sign=1.0, power=2):
    prior = MultivariateNormal(torch.zeros(len(mu)).double(), torch.eye(len(mu)).double())
    fit = MultivariateNormal(W @ mu + b, sigma**2 * torch.eye(len(b)).double()).log_prob(x)
    return fit - blur * (W @ C @ W.T).trace() / sigma**power - sign * kl_divergence(MultivariateNormal(mu, C), prior)


@equation(
    "eq:linear-elbo",
    fingerprint="4fb0c79b",
    how="quadrature of q (log p(x|z) + log p(z) - log q) for one latent variable; Monte Carlo with its error for two",
    formula=_linear_elbo,
    mutants={
        "trace lost: likelihood at the mean": lambda *now: _linear_elbo(*now, blur=0.0),
        "1/2 of the trace lost": lambda *now: _linear_elbo(*now, blur=1.0),
        "sigma for sigma^2": lambda *now: _linear_elbo(*now, power=1),
        "+ KL": lambda *now: _linear_elbo(*now, sign=-1.0),
        "trace added": lambda *now: _linear_elbo(*now, blur=-0.5),
    },
)
def linear_elbo(formula):
    W, b, x, sigma = normal(2, 1, seed=1), normal(2, seed=2), normal(2, seed=3), 0.7
    q = density(GRID, 0.4, 0.5)
    log_joint = (
        Normal(W * GRID + b[:, None], sigma).log_prob(x[:, None]).sum(0)
        + Normal(0.0, 1.0).log_prob(GRID)
        - Normal(0.4, 0.5).log_prob(GRID)
    )
    mu, C = real([0.4]), real([[0.25]])
    close(formula(x, W, b, sigma, mu, C), integral(q * log_joint), 1e-7)
    W, b, x, mu = normal(3, 2, seed=4), normal(3, seed=5), normal(3, seed=6), normal(2, seed=7)
    two = MultivariateNormal(mu, real([[0.4, 0.2], [0.2, 0.3]]))
    z = mu + normal(40_000, 2, seed=8) @ torch.linalg.cholesky(two.covariance_matrix).T
    weights = Normal(z @ W.T + b, sigma).log_prob(x).sum(1) + Normal(0.0, 1.0).log_prob(z).sum(1) - two.log_prob(z)
    exact = formula(x, W, b, sigma, mu, two.covariance_matrix)
    assert abs(weights.mean() - exact) < 5 * weights.std() / 200


# ---- the KL and the draw


def _kl(mu, log_sigma, half=0.5, log_of=2.0, spread=lambda s: s**2, minus=1.0):
    sigma = log_sigma.exp()
    return half * (mu**2 + spread(sigma) - log_of * log_sigma - minus).sum()


@equation(
    "eq:gaussian-kl",
    fingerprint="4a322b98",
    how="quadrature of q (log q - log p), summed over two dimensions; zero for q = p, and torch",
    formula=_kl,
    mutants={
        "1/2 lost": lambda mu, log_sigma: _kl(mu, log_sigma, half=1.0),
        "log sigma where log sigma^2 belongs": lambda mu, log_sigma: _kl(mu, log_sigma, log_of=1.0),
        "sigma for sigma^2": lambda mu, log_sigma: _kl(mu, log_sigma, spread=lambda s: s),
        "log sigma taken for log sigma^2 throughout": lambda mu, log_sigma: _kl(mu, log_sigma / 2),
        "sign: the negative KL": lambda mu, log_sigma: -_kl(mu, log_sigma),
        "-1 lost": lambda mu, log_sigma: _kl(mu, log_sigma, minus=0.0),
        "arguments swapped: KL(p || q)": lambda mu, log_sigma: (
            0.5 * ((mu**2 + 1) / (2 * log_sigma).exp() + 2 * log_sigma - 1).sum()
        ),
        "mean over the latent variables": lambda mu, log_sigma: _kl(mu, log_sigma) / len(mu),
    },
)
def gaussian_kl(formula):
    zero = torch.zeros(2).double()
    close(formula(zero, zero), 0)
    for mu, log_sigma in (([0.3, -1.0], [-0.7, 0.2]), ([0.0, 2.0], [0.5, -0.3])):
        total = 0.0
        for m, s in zip(mu, log_sigma, strict=True):
            q = density(GRID, m, math.exp(s))
            log_ratio = Normal(m, math.exp(s)).log_prob(GRID) - Normal(0.0, 1.0).log_prob(GRID)
            total += float(integral(q * log_ratio))
        mu, log_sigma = (real(values) for values in (mu, log_sigma))
        close(formula(mu, log_sigma), total, 1e-6)
        close(formula(mu, log_sigma), vae.gaussian_kl(mu[None], 2 * log_sigma[None]))


@equation(
    "eq:reparameterise",
    fingerprint="a1d7dcf3",
    how="Kolmogorov and Smirnov: the share of draws below a line against the normal distribution of variance e^l",
    formula=lambda mu, ell, eps: mu + torch.exp(ell / 2) * eps,
    mutants={
        "exp(log sigma^2) as the standard deviation": lambda mu, ell, eps: mu + torch.exp(ell) * eps,
        "sigma^2 times epsilon": lambda mu, ell, eps: mu + torch.exp(ell / 2) ** 2 * eps,
        "log variance for sigma": lambda mu, ell, eps: mu + ell * eps,
        "mu scaled, too": lambda mu, ell, eps: torch.exp(ell / 2) * (mu + eps),
        "no noise": lambda mu, ell, eps: mu + 0 * eps,
        "noise from [0, 1)": lambda mu, ell, eps: mu + torch.exp(ell / 2) * Normal(0.0, 1.0).cdf(eps),
    },
)
def reparameterise(formula):
    eps = normal(20_000, seed=1)
    rank = (torch.arange(20_000) + 0.5) / 20_000
    for mu, ell in ((0.5, -1.4), (-2.0, 0.9)):
        z = formula(real(mu), real(ell), eps).sort().values
        expected = Normal(mu, math.sqrt(math.exp(ell))).cdf(z)
        assert (expected - rank).abs().max() < 2 / 20_000**0.5


def _smooth(z):
    return torch.sin(2 * z) + 0.3 * z**3


def _derivative(z):
    return 2 * torch.cos(2 * z) + 0.9 * z**2


@equation(
    "eq:pathwise-gradient",
    fingerprint="4514ede1",
    how="central finite differences of E[f] by quadrature over z, which moves mu and sigma in the density alone",
    formula=lambda mu, sigma, eps, mean: (
        mean(_derivative(mu + sigma * eps)),
        mean(eps * _derivative(mu + sigma * eps)),
    ),
    mutants={
        "epsilon lost": lambda mu, sigma, eps, mean: (mean(_derivative(mu + sigma * eps)),) * 2,
        "f for f'": lambda mu, sigma, eps, mean: (
            mean(_smooth(mu + sigma * eps)),
            mean(eps * _smooth(mu + sigma * eps)),
        ),
        "sigma times too much": lambda mu, sigma, eps, mean: (
            mean(_derivative(mu + sigma * eps)),
            mean(sigma * eps * _derivative(mu + sigma * eps)),
        ),
        "f' at the mean": lambda mu, sigma, eps, mean: (
            _derivative(real(mu)),
            mean(eps * _derivative(real(mu))),
        ),
        "moved by sigma^2": lambda mu, sigma, eps, mean: (
            mean(_derivative(mu + sigma**2 * eps)),
            mean(eps * _derivative(mu + sigma**2 * eps)),
        ),
    },
)
def pathwise_gradient(formula):
    mu, sigma, h = 0.4, 0.6, 1e-4
    weights = density(GRID, 0.0, 1.0)
    by_mu, by_sigma = formula(mu, sigma, GRID, lambda values: integral(weights * values))

    def expected(mu, sigma):
        return integral(density(GRID, mu, sigma) * _smooth(GRID))

    close(by_mu, (expected(mu + h, sigma) - expected(mu - h, sigma)) / (2 * h), 1e-5)
    close(by_sigma, (expected(mu, sigma + h) - expected(mu, sigma - h)) / (2 * h), 1e-5)


@equation(
    "eq:score-gradient",
    fingerprint="06f3fcc5",
    how="exact: three values with softmax probabilities, the gradient of the listed sum by autograd, any b",
    formula=lambda theta, f, b: sum(
        theta.softmax(0)[z].detach() * (f[z] - b) * _grad(theta, lambda t, z=z: t.softmax(0)[z].log()) for z in range(3)
    ),
    mutants={
        "log lost": lambda theta, f, b: sum(
            theta.softmax(0)[z].detach() * (f[z] - b) * _grad(theta, lambda t, z=z: t.softmax(0)[z]) for z in range(3)
        ),
        "q lost: a plain sum over z": lambda theta, f, b: sum(
            (f[z] - b) * _grad(theta, lambda t, z=z: t.softmax(0)[z].log()) for z in range(3)
        ),
        "gradient of log f": lambda theta, f, b: sum(
            theta.softmax(0)[z].detach() * (f[z] - b).abs().log() * _grad(theta, lambda t, z=z: t.softmax(0)[z].log())
            for z in range(3)
        ),
        "sign": lambda theta, f, b: sum(
            theta.softmax(0)[z].detach() * (b - f[z]) * _grad(theta, lambda t, z=z: t.softmax(0)[z].log())
            for z in range(3)
        ),
        "baseline outside the expectation": lambda theta, f, b: (
            sum(
                theta.softmax(0)[z].detach() * f[z] * _grad(theta, lambda t, z=z: t.softmax(0)[z].log())
                for z in range(3)
            )
            - b
        ),
    },
)
def score_gradient(formula):
    theta, f = normal(3, seed=1).requires_grad_(), real([3.0, -1.0, 4.0])
    expected = _grad(theta, lambda t: (t.softmax(0) * f).sum())
    for b in (0.0, 2.5, -1.0):
        close(formula(theta, f, b), expected)


def _grad(theta: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
    return torch.autograd.grad(function(theta), theta)[0]


@equation(
    "eq:gradient-variances",
    fingerprint="4ac299fd",
    how="Gauss-Hermite quadrature in one and two dimensions, exact for polynomials; Monte Carlo in ten",
    formula=lambda d: (1.0, (d**2 + 8 * d + 21) / 4, (d + 8) / 2),
    mutants={
        "standard deviations": lambda d: (1.0, ((d**2 + 8 * d + 21) / 4) ** 0.5, ((d + 8) / 2) ** 0.5),
        "second moments, the mean not taken off": lambda d: (2.0, (d**2 + 8 * d + 25) / 4, (d + 10) / 2),
        "linear in d without a baseline": lambda d: (1.0, (8 * d + 21) / 4, (d + 8) / 2),
        "a baseline removes all of it": lambda d: (1.0, (d**2 + 8 * d + 21) / 4, 1.0),
        "pathwise grows, too": lambda d: (float(d), (d**2 + 8 * d + 21) / 4, (d + 8) / 2),
    },
)
def gradient_variances(formula):
    # f(z) = -|z - a|^2 / 2 with z = a + e_1 + eps: the gradient by the first mean is -1
    nodes, weights = (torch.from_numpy(values) for values in _hermite(8))
    for d in (1, 2):
        eps = torch.cartesian_prod(*[nodes] * d).reshape(-1, d)
        mass = torch.cartesian_prod(*[weights] * d).reshape(-1, d).prod(1)
        for (mean, variance), stated in zip(_moments(eps, mass), formula(d), strict=True):
            close(mean, -1, 1e-8)
            close(variance, stated, 1e-8)
    eps = normal(200_000, 10, seed=1)
    for (_, variance), stated in zip(_moments(eps, torch.full((200_000,), 5e-6).double()), formula(10), strict=True):
        assert abs(variance / stated - 1) < 0.05


def _hermite(n):
    import numpy as np

    nodes, weights = np.polynomial.hermite_e.hermegauss(n)
    return nodes, weights / weights.sum()


def _moments(eps, mass):
    """Mean and variance of the three estimators, for draws with these masses."""
    d = eps.shape[1]
    away = eps + torch.eye(d).double()[0]
    f = -away.square().sum(1) / 2
    for estimate in (-away[:, 0], f * eps[:, 0], (f + (d + 1) / 2) * eps[:, 0]):
        mean = (mass * estimate).sum()
        yield mean, (mass * (estimate - mean) ** 2).sum()


# ---- likelihoods


@equation(
    "eq:bernoulli-likelihood",
    fingerprint="41d198cc",
    how="torch; and the probabilities of all pictures of 4 pixels, 0 or 1, sum to one",
    formula=lambda x, pi: sum(a * math.log(p) + (1 - a) * math.log(1 - p) for a, p in zip(x, pi, strict=True)),
    mutants={
        "mean over pixels": lambda x, pi: (
            sum(a * math.log(p) + (1 - a) * math.log(1 - p) for a, p in zip(x, pi, strict=True)) / len(x)
        ),
        "white pixels forgotten": lambda x, pi: sum(a * math.log(p) for a, p in zip(x, pi, strict=True)),
        "sign": lambda x, pi: -sum(a * math.log(p) + (1 - a) * math.log(1 - p) for a, p in zip(x, pi, strict=True)),
        "x and pi exchanged": lambda x, pi: sum(
            p * math.log(max(a, 1e-9)) + (1 - p) * math.log(max(1 - a, 1e-9)) for a, p in zip(x, pi, strict=True)
        ),
        "log of the mixture": lambda x, pi: sum(
            math.log(a * p + (1 - a) * (1 - p)) if 0 < a < 1 else 0.0 for a, p in zip(x, pi, strict=True)
        ),
    },
)
def bernoulli_likelihood(formula):
    pi = [0.2, 0.9, 0.5, 0.7]
    pictures = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * 4).tolist()
    close(sum(math.exp(formula(x, pi)) for x in pictures), 1)
    for x in pictures:
        close(formula(x, pi), Bernoulli(real(pi)).log_prob(real(x)).sum(), 1e-6)


def _gaussian(x, mean, sigma, half=0.5, constant=LOG_2PI, log_of=2.0, power=2):
    return sum(
        -half * ((a - m) ** 2 / sigma**power + log_of * math.log(sigma) + constant)
        for a, m in zip(x, mean, strict=True)
    )


@equation(
    "eq:gaussian-likelihood",
    fingerprint="3138a3a4",
    how="its exponential integrates to one over two pixels; torch's normal distribution",
    formula=_gaussian,
    mutants={
        "normalising constant lost": lambda x, mean, sigma: _gaussian(x, mean, sigma, constant=0.0),
        "squared error alone": lambda x, mean, sigma: -sum((a - m) ** 2 for a, m in zip(x, mean, strict=True)),
        "log sigma for log sigma^2": lambda x, mean, sigma: _gaussian(x, mean, sigma, log_of=1.0),
        "sigma for sigma^2": lambda x, mean, sigma: _gaussian(x, mean, sigma, power=1),
        "1/2 lost": lambda x, mean, sigma: _gaussian(x, mean, sigma, half=1.0),
        "log sigma^2 once, not for every pixel": lambda x, mean, sigma: (
            _gaussian(x, mean, sigma) + (len(x) - 1) * math.log(sigma)
        ),
        "mean over pixels": lambda x, mean, sigma: _gaussian(x, mean, sigma) / len(x),
    },
)
def gaussian_likelihood(formula):
    mean, sigma = [0.2, -0.4], 0.3
    for x in ([0.0, 0.0], [0.7, -0.2]):
        expected = Normal(real(mean), sigma).log_prob(real(x)).sum()
        close(formula(x, mean, sigma), expected, 1e-6)
    steps = [-2 + 0.05 * i for i in range(81)]
    total = 0.0
    for a in steps:
        for b in steps:
            total += math.exp(formula([a, b], mean, sigma)) * 0.05**2
    close(total, 1, 1e-6)


@equation(
    "eq:best-sigma",
    fingerprint="efcc772b",
    how="no other sigma makes the pixels likelier under torch's normal distribution: derivative by autograd is zero",
    formula=lambda x, mean: sum((a - m) ** 2 for a, m in zip(x, mean, strict=True)) / len(x),
    mutants={
        "sum for mean": lambda x, mean: sum((a - m) ** 2 for a, m in zip(x, mean, strict=True)),
        "root of it, sigma for sigma^2": lambda x, mean: (
            (sum((a - m) ** 2 for a, m in zip(x, mean, strict=True)) / len(x)) ** 0.5
        ),
        "D - 1": lambda x, mean: sum((a - m) ** 2 for a, m in zip(x, mean, strict=True)) / (len(x) - 1),
        "half the squared error": lambda x, mean: (
            sum((a - m) ** 2 for a, m in zip(x, mean, strict=True)) / (2 * len(x))
        ),
        "mean absolute error, squared": lambda x, mean: (
            (sum(abs(a - m) for a, m in zip(x, mean, strict=True)) / len(x)) ** 2
        ),
    },
)
def best_sigma(formula):
    x, mean = normal(6, seed=1), normal(6, seed=2)
    variance = real(formula(x.tolist(), mean.tolist())).requires_grad_()
    Normal(mean, variance.sqrt()).log_prob(x).sum().backward()
    close(variance.grad, 0, 1e-8)


# ---- averages, beta, information


@equation(
    "eq:pixel-mean",
    fingerprint="31bf47dd",
    how="gradients: those of the mean's loss point exactly where those of a beta-VAE with this beta point (autograd)",
    formula=lambda pixels, rate: (pixels.mean() - rate, len(pixels), (pixels.sum() - len(pixels) * rate) / len(pixels)),
    mutants={
        "beta = 1/D": lambda pixels, rate: (
            pixels.mean() - rate,
            1 / len(pixels),
            (pixels.sum() - rate / len(pixels)) / len(pixels),
        ),
        "beta = 1: nothing changes": lambda pixels, rate: (
            pixels.mean() - rate,
            1,
            (pixels.sum() - rate) / len(pixels),
        ),
        "beta = root of D": lambda pixels, rate: (
            pixels.mean() - rate,
            len(pixels) ** 0.5,
            (pixels.sum() - len(pixels) ** 0.5 * rate) / len(pixels),
        ),
        "beta = D^2": lambda pixels, rate: (
            pixels.mean() - rate,
            len(pixels) ** 2,
            (pixels.sum() - len(pixels) ** 2 * rate) / len(pixels),
        ),
    },
)
def pixel_mean(formula):
    z = normal(3, seed=1).requires_grad_()
    pixels, rate = torch.nn.functional.logsigmoid(normal(5, 3, seed=2) @ z), z.square().sum() / 2
    left, beta, right = formula(pixels, rate)
    close(left, right)
    of_mean = torch.autograd.grad(left, z, retain_graph=True)[0]
    of_beta = torch.autograd.grad(pixels.sum() - beta * rate, z)[0]
    close(of_beta / of_beta.norm(), of_mean / of_mean.norm())


def _beta_loss(distortion, rate, beta):
    return distortion + beta * rate


@equation(
    "eq:beta-vae",
    fingerprint="b8546d09",
    how="its minimum over one mean of q, found on a grid, is where the distortion falls by beta nats per nat of rate",
    formula=_beta_loss,
    mutants={
        "beta on the distortion": lambda distortion, rate, beta: beta * distortion + rate,
        "rate subtracted": lambda distortion, rate, beta: distortion - beta * rate,
        "divided by beta": lambda distortion, rate, beta: distortion + rate / beta,
        "beta lost": lambda distortion, rate, beta: distortion + rate,
        "beta squared": lambda distortion, rate, beta: distortion + beta**2 * rate,
    },
)
def beta_vae(formula):
    mu = torch.linspace(
        0, 3, 30_001, dtype=torch.float64
    )  # x = 2, seen through z + noise of sigma 0.5; q = N(mu, 0.1^2)
    distortion = (2 - mu) ** 2 / (2 * 0.25) + 0.01 / (2 * 0.25)
    rate = (mu**2 + 0.01 - math.log(0.01) - 1) / 2
    for beta in (0.5, 1.0, 4.0):
        best = int(formula(distortion, rate, beta).argmin())
        assert 0 < best < len(mu) - 1
        slope = (distortion[best + 1] - distortion[best - 1]) / (rate[best + 1] - rate[best - 1])
        close(slope, -beta, 1e-3)


def _listed_rate(p_x, encoder, prior, marginal=None, between=None):
    aggregate = (p_x[:, None] * encoder).sum(0)
    information = sum(p_x[x] * kl(encoder[x], aggregate) for x in range(len(p_x)))
    return information + kl(aggregate, prior)


@equation(
    "eq:free-bits",
    fingerprint="893cb03c",
    how="gradients by autograd: zero exactly for latent variables whose mean is below the floor, 1/n for the others",
    formula=lambda terms, floor: terms.mean(0).clamp(min=floor).sum(),
    mutants={
        "maximum for each image": lambda terms, floor: terms.clamp(min=floor).mean(0).sum(),
        "minimum": lambda terms, floor: terms.mean(0).clamp(max=floor).sum(),
        "one floor for the sum": lambda terms, floor: terms.mean(0).sum().clamp(min=floor),
        "floor subtracted and cut at zero": lambda terms, floor: (terms.mean(0) - floor).clamp(min=0).sum(),
        "mean over the latent variables": lambda terms, floor: terms.mean(0).clamp(min=floor).mean(),
    },
)
def free_bits(formula):
    terms = real([[0.1, 2.0, 0.9], [0.3, 0.0, 0.8], [0.8, 4.0, 0.2]]).requires_grad_()
    value = formula(terms, 0.5)
    close(value, 0.5 + 2.0 + 1.9 / 3)  # means 0.4, 2 and 0.63
    (gradient,) = torch.autograd.grad(value, terms)
    close(gradient, real([0.0, 1.0, 1.0]).expand(3, 3) / 3)


@equation(
    "eq:active-units",
    fingerprint="b188c393",
    how="an encoder built by hand: an active number, a dead one with large noise, and one that is a constant",
    formula=lambda mu, logvar: mu.var(0, correction=0) > 0.01,
    mutants={
        "variance of z, noise and all": lambda mu, logvar: mu.var(0, correction=0) + logvar.exp().mean(0) > 0.01,
        "mean of the square": lambda mu, logvar: mu.square().mean(0) > 0.01,
        "the encoder's variance": lambda mu, logvar: logvar.exp().mean(0) > 0.01,
        "variance over the latent variables": lambda mu, logvar: (mu.var(1, correction=0) > 0.01)[: mu.shape[1]],
        "below it": lambda mu, logvar: mu.var(0, correction=0) < 0.01,
    },
)
def active_units(formula):
    mu = torch.stack([normal(500, seed=1), 0.01 * normal(500, seed=2), torch.full((500,), 3.0).double()], dim=1)
    logvar = real([-6.0, 0.0, 0.0]).expand(500, 3)
    assert formula(mu, logvar).tolist() == [True, False, False]


def _iwae(log_weights):
    return (torch.logsumexp(log_weights, 0) - math.log(len(log_weights))).mean()


@equation(
    "eq:iwae",
    fingerprint="687df358",
    how="exact: all 3^K draws in a listed world, K = 1 to 4, against loops; K = 1 is the ELBO; rises, stays below",
    formula=_iwae,
    mutants={
        "mean outside the logarithm": lambda log_weights: log_weights.mean(),
        "sum for mean": lambda log_weights: torch.logsumexp(log_weights, 0).mean(),
        "largest weight": lambda log_weights: log_weights.amax(0).mean(),
        "logarithm outside the expectation": lambda log_weights: log_weights.exp().mean().log(),
        "divided by K outside": lambda log_weights: (torch.logsumexp(log_weights, 0) / len(log_weights)).mean(),
    },
)
def iwae(formula):
    x, q = 2, real([0.5, 0.25, 0.25])
    log_w = [math.log(float(PRIOR[z] * LIKELIHOOD[z, x]) / float(q[z])) for z in range(3)]
    bounds = []
    for k in (1, 2, 3, 4):
        # each equally likely: four tickets, two of them for the first value
        draws = torch.cartesian_prod(*[torch.tensor([0, 0, 1, 2])] * k).reshape(-1, k)
        bounds.append(float(formula(real(log_w)[draws].T)))
        by_hand = sum(math.log(sum(math.exp(log_w[z]) for z in row) / k) for row in draws.tolist()) / len(draws)
        close(bounds[-1], by_hand)
    close(bounds[0], sum(float(q[z]) * log_w[z] for z in range(3)))
    assert bounds[0] < bounds[1] < bounds[2] < bounds[3] < math.log(EVIDENCE[x])


# ---- conditions and directions


@equation(
    "eq:conditional-elbo",
    fingerprint="8d1e3ed1",
    how="a listed world for each of two conditions: log p(x|c) for its posterior, else below",
    formula=lambda given, q, c: (q * given[c].log()).sum() - kl(q, PRIOR),
    mutants={
        "decoder does not see c": lambda given, q, c: (q * given.mean(0).log()).sum() - kl(q, PRIOR),
        "decoder sees another c": lambda given, q, c: (q * given[1 - c].log()).sum() - kl(q, PRIOR),
        "+ KL": lambda given, q, c: (q * given[c].log()).sum() + kl(q, PRIOR),
        "KL lost": lambda given, q, c: (q * given[c].log()).sum(),
        "arguments of the KL swapped": lambda given, q, c: (q * given[c].log()).sum() - kl(PRIOR, q),
    },
)
def conditional_elbo(formula):
    given = torch.stack([LIKELIHOOD[:, 0], LIKELIHOOD[:, 3]])  # p(x | z, c) of one x
    for c in range(2):
        joint = [float(PRIOR[z] * given[c, z]) for z in range(3)]
        posterior = torch.tensor([part / sum(joint) for part in joint]).double()
        close(formula(given, posterior, c), math.log(sum(joint)), 1e-7)
        assert formula(given, simplex(3, seed=c), c) < math.log(sum(joint))


@equation(
    "eq:attribute-vector",
    fingerprint="5b4accfd",
    how="latent points built as a sum of attributes: the vector is the attribute's own, whatever the shares of others",
    formula=lambda mu, has, z: z + mu[has].mean(0) - mu[~has].mean(0),
    mutants={
        "mean of all for the mean without": lambda mu, has, z: z + mu[has].mean(0) - mu.mean(0),
        "sums for means": lambda mu, has, z: z + mu[has].sum(0) - mu[~has].sum(0),
        "the wrong way": lambda mu, has, z: z - mu[has].mean(0) + mu[~has].mean(0),
        "to the mean itself: z forgotten": lambda mu, has, z: mu[has].mean(0),
        "halfway": lambda mu, has, z: z + (mu[has].mean(0) - mu[~has].mean(0)) / 2,
    },
)
def attribute_vector(formula):
    size, colour = real([0.0, 0, 0, 1, 1, 1, 1, 1, 1]), real([0.0, 1, 2] * 3)
    own, other = real([1.0, -2.0, 0.5]), real([0.3, 0.1, 2.0])
    mu = size[:, None] * own + colour[:, None] * other + 0.7
    close(formula(mu, size == 1, mu[2]), mu[2] + own)
