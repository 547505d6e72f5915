"""Two-point quadrature, exact for polynomials of the second degree."""

from itertools import product

import numpy as np


def score_variance(mean_q, sd_q, mean_k, sd_k):
    """Two points a component, mean - sd and mean + sd: exact for a polynomial of the second degree in each."""
    total = 0.0
    for m_q, s_q, m_k, s_k in zip(*(part.tolist() for part in (mean_q, sd_q, mean_k, sd_k)), strict=True):
        total += np.var([(m_q + i * s_q) * (m_k + j * s_k) for i, j in product((-1, 1), repeat=2)])
    return total / len(mean_q)
