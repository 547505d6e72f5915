"""The exercises of lesson 08_vae about bounds on log p(x): the ELBO in nats per image, and those of many draws."""

import math

import torch
from torch import Tensor

from mmgen_course.exercises.exercise import Exercise, Misconception

LESSON = "08_vae"


def _pixels_and_terms(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """log p of each of 12 pixels, and the KL of each of 4 latent numbers, of 6 pictures."""
    return -torch.rand(6, 12, generator=generator), torch.rand(6, 4, generator=generator)


ELBO = Exercise(
    name="elbo_per_image",
    lesson=LESSON,
    points=3,
    minutes=10,
    difficulty=2,
    asks="the ELBO in nats per image, from the log-likelihood of each pixel (n, pixels) and the KL of each latent "
    "number (n, d)",
    inputs=_pixels_and_terms,
    reference=lambda pixels, terms: (pixels.sum(1) - terms.sum(1)).mean(),
    misconceptions=(
        Misconception(
            "reconstruction averaged over pixels",
            lambda pixels, terms: pixels.mean() - terms.sum(1).mean(),
            "You averaged over pixels and summed over latent numbers: the KL now weighs as many times too much as "
            "there are pixels, and the latents collapse. Sum both over everything that belongs to one picture.",
        ),
        Misconception(
            "KL averaged over latent numbers",
            lambda pixels, terms: pixels.sum(1).mean() - terms.mean(),
            "You averaged the KL over the latent numbers while the pixels are summed: a beta below 1 that "
            "nobody chose.",
        ),
        Misconception(
            "both terms averaged",
            lambda pixels, terms: pixels.mean() - terms.mean(),
            "Both terms are means: nats per pixel less nats per latent number, two different units. Per image, each is "
            "a sum.",
        ),
        Misconception(
            "KL added",
            lambda pixels, terms: (pixels.sum(1) + terms.sum(1)).mean(),
            "The KL is a price: ELBO = reconstruction - KL. Added, a useless encoder would be rewarded.",
        ),
        Misconception(
            "the loss, not the bound",
            lambda pixels, terms: (terms.sum(1) - pixels.sum(1)).mean(),
            "This is minus the ELBO, the loss. The bound itself was asked for; it lies below log p(x).",
        ),
        Misconception(
            "summed over images",
            lambda pixels, terms: (pixels.sum(1) - terms.sum(1)).sum(),
            "Per image: the last step is a mean over the n images.",
        ),
    ),
)


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


IWAE = Exercise(
    name="iwae_bound",
    lesson=LESSON,
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

EXERCISES = (ELBO, IWAE)
