"""Right answers to the exercises of lesson 15, written differently from the references."""

from itertools import product

import numpy as np
import torch
from torch.distributions import Bernoulli, Normal, kl_divergence
from torch.nn import functional as F


def played_out(table):
    rows = table.tolist()
    chosen = min(range(len(rows)), key=lambda g: max(rows[g]))
    return chosen, np.int64(rows[chosen].index(max(rows[chosen])))


def by_quadrature(mean_q, sd_q, mean_k, sd_k):
    """Two points a component, mean - sd and mean + sd: exact for a polynomial of the second degree in each."""
    total = 0.0
    for m_q, s_q, m_k, s_k in zip(*(part.tolist() for part in (mean_q, sd_q, mean_k, sd_k)), strict=True):
        total += np.var([(m_q + i * s_q) * (m_k + j * s_k) for i, j in product((-1, 1), repeat=2)])
    return total / len(mean_q)


def searched(sizes, layers):
    """The layers themselves, on longer and longer noise."""
    made, n = {}, 0
    while not made or max(made) < max(sizes):
        n += 1
        x = torch.zeros(1, 1, n)
        for kernel, stride, padding in layers:
            x = F.conv_transpose1d(x, torch.zeros(1, 1, kernel), stride=stride, padding=padding)
        made[x.shape[2]] = n
    return tuple(made.get(size) for size in sizes)


def by_distributions(x, logits, mu, log_sigma):
    error = Bernoulli(logits=logits.double()).log_prob(x.double()).neg()
    price = kl_divergence(Normal(mu.double(), log_sigma.double().exp()), Normal(0.0, 1.0))
    return (error.sum() + price.sum()).item() / len(x)


ALTERNATIVES = {
    "min_max_players": played_out,
    "score_variance": by_quadrature,
    "noise_sizes": searched,
    "mended_loss": by_distributions,
}
