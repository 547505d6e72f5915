"""Torch.distributions."""

from torch.distributions import Bernoulli, Normal, kl_divergence


def mended_loss(x, logits, mu, log_sigma):
    error = Bernoulli(logits=logits.double()).log_prob(x.double()).neg()
    price = kl_divergence(Normal(mu.double(), log_sigma.double().exp()), Normal(0.0, 1.0))
    return (error.sum() + price.sum()).item() / len(x)
