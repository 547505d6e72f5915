"""Loops over queries and keys."""

import math

import torch


def window_weights(scores, lengths, window):
    weights = torch.zeros(scores.shape, dtype=torch.double)
    for n, length in enumerate(lengths.tolist()):
        for i in range(scores.shape[1]):
            seen = range(max(0, i - window + 1), min(i + 1, length))
            total = sum(math.exp(scores[n, i, j]) for j in seen)
            for j in seen:
                weights[n, i, j] = math.exp(scores[n, i, j]) / total
    return weights
