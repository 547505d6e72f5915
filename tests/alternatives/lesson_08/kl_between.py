"""Torch.distributions, number by number."""

import math

from torch.distributions import Normal, kl_divergence


def kl_between(mu, logvar, prior_mu, prior_logvar):
    total = 0.0
    for parameters in zip(*(p.flatten().tolist() for p in (mu, logvar, prior_mu, prior_logvar)), strict=True):
        m, log, prior_m, prior_log = parameters
        total += kl_divergence(Normal(m, math.exp(log / 2)), Normal(prior_m, math.exp(prior_log / 2))).item()
    return total / len(mu)
