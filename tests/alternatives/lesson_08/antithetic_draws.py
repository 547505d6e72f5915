"""Number by number."""

import itertools
import math

import torch


def antithetic_draws(mu, logvar, noise):
    draws = torch.zeros(2, *mu.shape, dtype=torch.double)
    for place in itertools.product(range(len(mu)), range(mu.shape[1])):
        for half, sign in enumerate((1, -1)):
            draws[half][place] = (
                mu[place].item() + sign * math.sqrt(math.exp(logvar[place].item())) * noise[place].item()
            )
    return draws
