"""A fine list of frequencies, tried out one by one."""

import cmath
import math

import torch


def true_frequencies(seen, s):
    """Of a fine list of frequencies keep those whose part of a turn is the seen one, or minus that."""
    tried = [i / 1000 / s for i in range(math.floor(500 * s) + 1)]
    targets = [cmath.exp(2j * math.pi * sign * seen) for sign in (1, -1)]
    kept = [f for f in tried if min(abs(cmath.exp(2j * math.pi * f * s) - target) for target in targets) < 1e-6]
    return torch.tensor(kept, dtype=torch.float64)
