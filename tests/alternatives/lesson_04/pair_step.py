"""Autograd on the loss of each pair."""

import math

import torch


def pair_step(w, v, b, c, x, x_max, rate):
    new = [p.double().requires_grad_() for p in (w, v, b, c)]
    loss = 0.0
    for n, count in enumerate(x.tolist()):
        e = new[0][n] @ new[1][n] + new[2][n] + new[3][n] - math.log(count)
        loss = loss + min(1.0, (count / x_max) ** 0.75) * e**2
    gradients = torch.autograd.grad(loss / 2, new)
    return tuple((p - rate * gradient).detach() for p, gradient in zip(new, gradients, strict=True))
