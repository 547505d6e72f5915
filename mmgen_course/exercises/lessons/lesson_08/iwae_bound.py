"""Importance-weighted bounds on log p(x): an exercise of lesson 08_vae."""

import math

import torch
from torch import Tensor

from mmgen_course.exercises.exercise import Exercise, Misconception


def _draws(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """log p(x, z) and log q(z|x) of 5 draws for each of 6 pictures."""
    return 3 * torch.randn(5, 6, generator=generator) - 900, torch.randn(5, 6, generator=generator) - 5


def _bounds(log_joint: Tensor, log_q: Tensor) -> Tensor:
    """Of the first k draws of each picture, for k from 1 to K: log of the mean weight, (K, n)."""
    log_w = log_joint - log_q
    return log_w.logcumsumexp(dim=0) - _counts(log_w).log()


def _counts(draws: Tensor) -> Tensor:
    """1 to K, (K, 1)."""
    return torch.arange(1, len(draws) + 1)[:, None]


def _iwae(log_joint: Tensor, log_q: Tensor) -> Tensor:
    return _bounds(log_joint, log_q).mean(dim=1)


EXERCISE = Exercise(
    name="iwae_bound",
    lesson="08_vae",
    number=4,
    points=3,
    minutes=10,
    difficulty=2,
    asks="the bounds L_1 to L_K, (K,): for each k the mean over n pictures of log (1/k sum w) over the first k draws, "
    "w = p(x, z) / q(z|x), from log p(x, z) and log q(z|x), both (K, n); some w are below what a float can hold",
    inputs=_draws,
    tolerance=1e-5,  # of numbers near 900
    reference=_iwae,
    misconceptions=(
        Misconception(
            "mean of the logarithms",
            lambda log_joint, log_q: ((log_joint - log_q).cumsum(0) / _counts(log_q)).mean(dim=1),
            "Each of your numbers is the ELBO, from ever more draws. The bound is tighter because the mean stands "
            "inside of the logarithm.",
        ),
        Misconception(
            "1/k lost",
            lambda log_joint, log_q: _iwae(log_joint, log_q) + _counts(log_q)[:, 0].log(),
            "You summed the weights; their mean is smaller by log k after the logarithm.",
        ),
        Misconception(
            "always divided by K",
            lambda log_joint, log_q: _iwae(log_joint, log_q) + (_counts(log_q)[:, 0] / len(log_q)).log(),
            "You divided by the number of all draws, also where fewer are in the sum. L_1 is the ELBO of the first "
            "draw: is yours?",
        ),
        Misconception(
            "logarithm of k outside of the mean",
            lambda log_joint, log_q: (log_joint - log_q).logcumsumexp(0).mean(1) / _counts(log_q)[:, 0],
            "You divided the logarithm by k. It is the weights that are averaged, and dividing these by k subtracts "
            "log k.",
        ),
        Misconception(
            "pictures in one mean of weights",
            lambda log_joint, log_q: _bounds(log_joint, log_q).logsumexp(dim=1) - math.log(log_q.shape[1]),
            "You took the mean of the weights over pictures, too. Each picture has a logarithm of its own; only then "
            "comes the mean over pictures.",
        ),
        Misconception(
            "ratio upside down",
            lambda log_joint, log_q: _iwae(log_q, log_joint),
            "Your w is q / p. Draws that q makes too often must weigh less: divide by q.",
        ),
        Misconception(
            "q left out",
            lambda log_joint, log_q: _iwae(log_joint, 0 * log_q),
            "You weighed by p(x, z) alone. The draws come from q, so each is divided by its density there.",
        ),
        Misconception(
            "exponential underflows",
            lambda log_joint, log_q: ((log_joint - log_q).exp().cumsum(0) / _counts(log_q)).log().mean(1),
            "exp(-900) is 0 in a float, and log 0 is minus infinity. Stay with logarithms: torch.logsumexp.",
        ),
    ),
)
