"""Right answers to the exercises of lesson 4, written differently from the references."""

import math

import numpy as np
import scipy.optimize
import torch


def slow_meetings(ids, n_words, window):
    counts = torch.zeros(n_words, n_words, dtype=torch.double)
    for sentence in ids.tolist():
        for t, word in enumerate(sentence):
            for u, other in enumerate(sentence):
                if t != u and abs(t - u) <= window and min(word, other) > 1:
                    counts[word, other] += 1 / abs(t - u)
    return counts


def ratio_by_counts(w, v, b, c, i, j):
    counts = np.exp((w @ v.T + b[:, None] + c[None]).double().numpy())
    shares = counts / counts.sum(axis=1, keepdims=True)
    return torch.from_numpy(shares[i] / shares[j])


def step_by_autograd(w, v, b, c, x, x_max, rate):
    new = [p.double().requires_grad_() for p in (w, v, b, c)]
    loss = 0.0
    for n, count in enumerate(x.tolist()):
        e = new[0][n] @ new[1][n] + new[2][n] + new[3][n] - math.log(count)
        loss = loss + min(1.0, (count / x_max) ** 0.75) * e**2
    gradients = torch.autograd.grad(loss / 2, new)
    return tuple((p - rate * gradient).detach() for p, gradient in zip(new, gradients, strict=True))


def late_word_by_search(v, c, x, x_max):
    pairs = [(row, bias, count) for row, bias, count in zip(v.tolist(), c.tolist(), x.tolist(), strict=True) if count]

    def errors(theta):
        return [
            min(1.0, (count / x_max) ** 0.75) ** 0.5 * (np.dot(theta[:-1], row) + theta[-1] + bias - math.log(count))
            for row, bias, count in pairs
        ]

    found = scipy.optimize.least_squares(errors, np.zeros(v.shape[1] + 1), xtol=1e-12, ftol=1e-12, gtol=1e-12).x
    return torch.from_numpy(found[:-1]), float(found[-1])


ALTERNATIVES = {
    "meetings": slow_meetings,
    "ratio_from_vectors": ratio_by_counts,
    "pair_step": step_by_autograd,
    "late_word": late_word_by_search,
}
