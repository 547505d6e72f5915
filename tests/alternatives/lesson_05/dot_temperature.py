"""Bisection on the softmax."""

import math

import torch


def dot_temperature(d, deviation_q, deviation_k, ratio):
    """Bisection: at which temperature do the weights of two keys have this ratio?"""
    apart = math.hypot(*[deviation_q * deviation_k] * d)  # the deviations of d independent terms, at right angles
    low, high = 0.0, 1e4
    for _ in range(80):
        middle = (low + high) / 2
        one, other = torch.tensor([apart / middle, 0.0]).double().softmax(0).tolist()
        low, high = (middle, high) if one > ratio * other else (low, middle)
    return low
