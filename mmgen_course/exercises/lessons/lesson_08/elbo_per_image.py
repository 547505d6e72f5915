"""The ELBO in nats per image: an exercise of lesson 08_vae."""

import torch
from torch import Tensor

from mmgen_course.exercises.exercise import Exercise, Misconception


def _pixels_and_terms(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """log p of each of 12 pixels, and the KL of each of 4 latent variables, of 6 pictures."""
    return -torch.rand(6, 12, generator=generator), torch.rand(6, 4, generator=generator)


EXERCISE = Exercise(
    name="elbo_per_image",
    lesson="08_vae",
    number=3,
    points=3,
    minutes=10,
    difficulty=2,
    asks="the ELBO in nats per image, from the log-likelihood of each pixel (n, pixels) and the KL of each latent "
    "variable (n, d)",
    inputs=_pixels_and_terms,
    reference=lambda pixels, terms: (pixels.sum(1) - terms.sum(1)).mean(),
    misconceptions=(
        Misconception(
            "reconstruction averaged over pixels",
            lambda pixels, terms: pixels.mean() - terms.sum(1).mean(),
            "You averaged over pixels and summed over latent variables: the KL now weighs as many times too much as "
            "there are pixels, and the latents collapse. Sum both over everything that belongs to one picture.",
        ),
        Misconception(
            "KL averaged over latent variables",
            lambda pixels, terms: pixels.sum(1).mean() - terms.mean(),
            "You averaged the KL over the latent variables while the pixels are summed: a beta below 1 that "
            "nobody chose.",
        ),
        Misconception(
            "both terms averaged",
            lambda pixels, terms: pixels.mean() - terms.mean(),
            "Both terms are means: nats per pixel less nats per latent variable, two different units. Per image, each "
            "is a sum.",
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
