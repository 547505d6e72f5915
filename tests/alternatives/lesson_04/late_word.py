"""A search for the least squares."""

import math

import numpy as np
import scipy.optimize
import torch


def late_word(v, c, x, x_max):
    pairs = [(row, bias, count) for row, bias, count in zip(v.tolist(), c.tolist(), x.tolist(), strict=True) if count]

    def errors(theta):
        return [
            min(1.0, (count / x_max) ** 0.75) ** 0.5 * (np.dot(theta[:-1], row) + theta[-1] + bias - math.log(count))
            for row, bias, count in pairs
        ]

    found = scipy.optimize.least_squares(errors, np.zeros(v.shape[1] + 1), xtol=1e-12, ftol=1e-12, gtol=1e-12).x
    return torch.from_numpy(found[:-1]), float(found[-1])
