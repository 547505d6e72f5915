"""Checks of the equations of lesson 15_formulas_that_look_right.

Wrong formulas of the museum that no earlier file holds are mutants here; tests/test_museum.py compares them.
"""

import math

import numpy as np
import scipy.signal
import torch
from ledger import close, equation, uniform
from torch import nn
from torch.distributions import Normal, kl_divergence
from torch.nn import functional as F


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _windows(x, w, meet):
    n, k = len(x) - len(w) + 1, len(w)
    return torch.stack([torch.stack([meet(w, x[i : i + k, j : j + k]) for j in range(n)]) for i in range(n)])


@equation(
    "eq:museum-window",
    fingerprint="194e27fe",
    how="scipy.signal.correlate2d",
    formula=lambda x, w: _windows(x, w, lambda w, part: (w * part).sum()),
    mutants={
        "product of matrices (the article)": lambda x, w: _windows(x, w, lambda w, part: (w @ part).sum()),
        "trace of the product": lambda x, w: _windows(x, w, lambda w, part: (w @ part).trace()),
        "kernel turned round": lambda x, w: _windows(x, w.flip(0, 1), lambda w, part: (w * part).sum()),
        "kernel transposed": lambda x, w: _windows(x, w.T, lambda w, part: (w * part).sum()),
        "mean for sum": lambda x, w: _windows(x, w, lambda w, part: (w * part).mean()),
    },
)
def window(formula):
    x, w = normal(6, 6), normal(3, 3, seed=1)
    close(formula(x, w), scipy.signal.correlate2d(x.numpy(), w.numpy(), mode="valid"))


def _mix(q, k, v, scale=0.5, dim=1):
    e = (q @ k.T / q.shape[1] ** scale).exp()
    return e / e.sum(dim, keepdim=True) @ v


@equation(
    "eq:museum-attention",
    fingerprint="f5bb6f4b",
    how="torch's fused attention, for more keys than queries and for fewer",
    formula=_mix,
    mutants={
        "summed over the queries (the article)": lambda q, k, v: _mix(q, k, v, dim=0),
        "scale lost": lambda q, k, v: _mix(q, k, v, scale=0),
        "divided by d": lambda q, k, v: _mix(q, k, v, scale=1),
        "no values": lambda q, k, v: _mix(q, k, torch.eye(len(k)).double()),
        "keys for values": lambda q, k, v: _mix(q, k, k),
    },
)
def attention(formula):
    for n, m in ((3, 5), (5, 3)):
        q, k, v = normal(n, 4, seed=1), normal(m, 4, seed=2), normal(m, 4, seed=3)
        close(formula(q, k, v), F.scaled_dot_product_attention(q[None], k[None], v[None])[0])


@equation(
    "eq:museum-dot",
    fingerprint="afef3192",
    how="exact: all vectors whose components are plus or minus sigma, equally likely",
    formula=lambda d, sigma_q, sigma_k: d**0.5 * sigma_q * sigma_k,
    mutants={
        "root of the variance with sigma for sigma^2": lambda d, sigma_q, sigma_k: (d * sigma_q * sigma_k) ** 0.5,
        "the variance": lambda d, sigma_q, sigma_k: d * sigma_q**2 * sigma_k**2,
        "d for its root": lambda d, sigma_q, sigma_k: d * sigma_q * sigma_k,
        "sigmas added": lambda d, sigma_q, sigma_k: d**0.5 * (sigma_q + sigma_k),
    },
)
def dot(formula):
    for d in (1, 2, 3):
        signs = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * d).double().reshape(-1, d)
        for sigma_q, sigma_k in ((3.0, 0.5), (2.0, 3.0)):
            close(formula(d, sigma_q, sigma_k), ((sigma_q * signs) @ (sigma_k * signs).T).std(correction=0))


@equation(
    "eq:museum-argmin",
    fingerprint="39d0c7ca",
    how="all games on a world of two points, listed: the best generator is the data, for three kinds of data",
    formula=lambda thetas, table: thetas[table.amax((1, 2)).argmin()],
    mutants={
        "the value for the argument (the article)": lambda thetas, table: table.amax((1, 2)).min(),
        "arg max": lambda thetas, table: thetas[table.amax((1, 2)).argmax()],
        "discriminator minimises": lambda thetas, table: thetas[table.amin((1, 2)).argmin()],
        "place in the list for what stands there": lambda thetas, table: table.amax((1, 2)).argmin(),
    },
)
def argmin(formula):
    levels, thetas = torch.linspace(0.01, 0.99, 99).double(), torch.linspace(0, 1, 21).double()
    for p in (0.7, 0.2, 0.4):
        first = p * levels.log() + thetas[:, None] * (1 - levels).log()
        second = (1 - p) * levels.log() + (1 - thetas[:, None]) * (1 - levels).log()
        table = first[:, :, None] + second[:, None]  # theta, D of the first, D of the second
        close(formula(thetas, table), p, tolerance=1e-6)


@equation(
    "eq:museum-slope",
    fingerprint="9f991378",
    how="central finite differences of torch's log-sigmoid",
    formula=lambda l: -1 / (1 + (-l).exp()),  # noqa: E741 - the lesson's letter
    mutants={
        "saturates near 1 (public material)": lambda l: -(1 - torch.sigmoid(l)),  # noqa: E741
        "by D, not by l": lambda l: -1 / (1 - torch.sigmoid(l)),  # noqa: E741
        "sign": lambda l: torch.sigmoid(l),  # noqa: E741
        "sigma's own slope": lambda l: -torch.sigmoid(l) * torch.sigmoid(-l),  # noqa: E741
    },
)
def slope(formula):
    at, h = torch.linspace(-6, 6, 25).double(), 1e-6
    close(formula(at), (F.logsigmoid(-(at + h)) - F.logsigmoid(-(at - h))) / (2 * h), 1e-8)


@equation(
    "eq:museum-practice",
    fingerprint="d841243e",
    how="torch's cross-entropy with generated samples labelled as real",
    formula=lambda D: -D.log().mean(),
    mutants={
        "the second term of V": lambda D: (1 - D).log().mean(),
        "sign": lambda D: D.log().mean(),
        "logarithm of the mean": lambda D: -D.mean().log(),
        "no logarithm": lambda D: -D.mean(),
        "sum for mean": lambda D: -D.log().sum(),
    },
)
def practice(formula):
    D = 0.05 + 0.9 * uniform(20)
    close(formula(D), F.binary_cross_entropy(D, torch.ones(20).double()))


GRID = torch.linspace(-12, 12, 24_001, dtype=torch.float64)
STEP = 24 / 24_000


def _integral(values):
    return values.sum() * STEP


@equation(
    "eq:museum-gap",
    fingerprint="e7669ff9",
    how="x = z + noise: log p(x) and the ELBO by quadrature over z; zero for the posterior alone",
    formula=lambda q, posterior, prior: kl_divergence(q, posterior),
    mutants={
        "no gap (the article)": lambda q, posterior, prior: 0 * kl_divergence(q, posterior),
        "from the posterior to q": lambda q, posterior, prior: kl_divergence(posterior, q),
        "to the prior": lambda q, posterior, prior: kl_divergence(q, prior),
        "sign: an upper bound": lambda q, posterior, prior: -kl_divergence(q, posterior),
        "half of it": lambda q, posterior, prior: kl_divergence(q, posterior) / 2,
    },
)
def gap(formula):
    prior = Normal(torch.tensor(0.0).double(), 1.0)
    for x, mean, sd in ((2.0, 1.0, 0.2), (2.0, 0.3, 0.9), (-1.0, -0.5, 0.5**0.5)):
        joint = Normal(GRID, 1.0).log_prob(torch.tensor(x)) + prior.log_prob(GRID)
        q = Normal(torch.tensor(mean, dtype=torch.float64), sd)
        bound = _integral(q.log_prob(GRID).exp() * (joint - q.log_prob(GRID)))
        found = formula(q, Normal(torch.tensor(x / 2).double(), 0.5**0.5), prior)
        close(found, _integral(joint.exp()).log() - bound, 1e-6)
        assert found > -1e-9


@equation(
    "eq:museum-divergence",
    fingerprint="04650995",
    how="torch's KL of categorical distributions; zero for q = p",
    formula=lambda q, p: (q * (q.log() - p.log())).sum(),
    mutants={
        "difference of entropies (the article)": lambda q, p: (q * q.log()).sum() - (p * p.log()).sum(),
        "expectation under p": lambda q, p: (p * (q.log() - p.log())).sum(),
        "sign": lambda q, p: (q * (p.log() - q.log())).sum(),
        "cross-entropy": lambda q, p: -(q * p.log()).sum(),
        "mean for expectation": lambda q, p: (q.log() - p.log()).mean(),
    },
)
def divergence(formula):
    for seed in range(3):
        q, p = normal(5, seed=seed).softmax(0), normal(5, seed=10 + seed).softmax(0)
        close(formula(q, p), kl_divergence(*(torch.distributions.Categorical(probs) for probs in (q, p))))
    close(formula(p, p), 0)


@equation(
    "eq:museum-kl",
    fingerprint="3a5a5f66",
    how="quadrature of q (log q - log p) for clouds given by their standard deviation",
    formula=lambda mu, sigma: (mu**2 + math.exp(2 * math.log(sigma)) - 2 * math.log(sigma) - 1) / 2,
    mutants={
        "log sigma for log sigma^2 throughout": lambda mu, sigma: (mu**2 + sigma - math.log(sigma) - 1) / 2,
        "log sigma in the logarithm alone": lambda mu, sigma: (mu**2 + sigma**2 - math.log(sigma) - 1) / 2,
        "1/2 lost": lambda mu, sigma: mu**2 + sigma**2 - 2 * math.log(sigma) - 1,
        "sign lost": lambda mu, sigma: (1 + 2 * math.log(sigma) - mu**2 - sigma**2) / 2,
        "mu for mu^2": lambda mu, sigma: (mu + sigma**2 - 2 * math.log(sigma) - 1) / 2,
    },
)
def one_kl(formula):
    for mu, sigma in ((0.3, math.exp(-0.7)), (-1.0, 1.5), (0.0, 1.0)):
        q, p = Normal(torch.tensor(mu, dtype=torch.float64), sigma), Normal(torch.tensor(0.0).double(), 1.0)
        expected = _integral(q.log_prob(GRID).exp() * (q.log_prob(GRID) - p.log_prob(GRID)))
        close(formula(mu, sigma), expected, 1e-7)


@equation(
    "eq:museum-loss",
    fingerprint="a79c2df8",
    how="joint densities of all pixels and all latent variables at once: torch's multivariate normal distributions",
    formula=lambda pixels, kl: -pixels.sum() + kl.sum(),
    mutants={
        "KL averaged over the latent variables": lambda pixels, kl: -pixels.sum() + kl.mean(),
        "pixels averaged": lambda pixels, kl: -pixels.mean() + kl.sum(),
        "both averaged": lambda pixels, kl: -pixels.mean() + kl.mean(),
        "sign of the KL lost": lambda pixels, kl: -pixels.sum() - kl.sum(),
        "sign of the likelihood lost": lambda pixels, kl: pixels.sum() + kl.sum(),
    },
)
def loss(formula):
    x, mean = normal(6, seed=1), normal(6, seed=2)
    mu, sd = normal(3, seed=3), normal(3, seed=4).exp()
    joint = torch.distributions.MultivariateNormal
    q, p = joint(mu, torch.diag(sd**2)), joint(torch.zeros(3).double(), torch.eye(3).double())
    whole = -joint(mean, 0.09 * torch.eye(6).double()).log_prob(x) + kl_divergence(q, p)
    parts = kl_divergence(Normal(mu, sd), Normal(torch.zeros(3).double(), torch.ones(3).double()))
    close(formula(Normal(mean, 0.3).log_prob(x), parts), whole, 1e-7)


@equation(
    "eq:museum-transposed",
    fingerprint="c95c8c2b",
    how="the sizes that torch.nn.ConvTranspose2d returns, height and width apart",
    formula=lambda n, k, s, p: (n - 1) * s - 2 * p + k,
    mutants={
        "n s": lambda n, k, s, p: n * s,
        "padding added": lambda n, k, s, p: (n - 1) * s + 2 * p + k,
        "padding on one side": lambda n, k, s, p: (n - 1) * s - p + k,
        "n for n - 1": lambda n, k, s, p: n * s - 2 * p + k,
        "that of a convolution": lambda n, k, s, p: (n + 2 * p - k) // s + 1,
    },
)
def transposed(formula):
    for (height, width), k, s, p in (((1, 4), 4, 1, 0), ((4, 7), 4, 2, 1), ((5, 3), 3, 3, 1), ((2, 2), 5, 2, 0)):
        with torch.no_grad():
            got = nn.ConvTranspose2d(1, 1, k, s, p)(torch.zeros(1, 1, height, width)).shape[2:]
        assert np.array_equal([formula(n, k, s, p) for n in (height, width)], got)
