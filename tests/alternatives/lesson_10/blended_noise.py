"""Number by number."""

import math

import torch


def blended_noise(noises, weights, truncation):
    length = math.hypot(*weights.tolist())
    blended = torch.zeros(noises.shape[1:], dtype=torch.double)
    for noise, weight in zip(noises.tolist(), weights.tolist(), strict=True):
        for row, vector in enumerate(noise):
            for column, number in enumerate(vector):
                blended[row, column] += truncation * weight / length * number
    return blended
