"""The exercises of lesson 08_vae: four terms that a VAE's loss is made of."""

import math

import torch
from torch import Tensor

from mmgen_course.exercises.exercise import Exercise, Misconception
from mmgen_course.generators import vae

LESSON = "08_vae"


def _encoded(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """mu and log sigma^2 of 6 pictures and 4 latent numbers."""
    draw = torch.randn(2, 6, 4, generator=generator)
    return draw[0], draw[1] / 2 - 1


def _two_gaussians(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return *_encoded(generator), *_encoded(generator)


def _kl_terms(mu: Tensor, logvar: Tensor, prior_mu: Tensor, prior_logvar: Tensor) -> Tensor:
    """The KL of each latent number of each picture."""
    moved = (mu - prior_mu).square() / prior_logvar.exp()
    return (prior_logvar - logvar + (logvar - prior_logvar).exp() + moved - 1) / 2


def _kl(*parameters: Tensor) -> Tensor:
    return _kl_terms(*parameters).sum(dim=1).mean()


KL_BETWEEN = Exercise(
    name="kl_between",
    lesson=LESSON,
    points=4,
    minutes=15,
    difficulty=3,
    asks="KL(N(mu, sigma^2) || N(prior_mu, prior_sigma^2)) in nats per image, from the means and the logs of the "
    "variances, all (n, d)",
    inputs=_two_gaussians,
    reference=_kl,
    misconceptions=(
        Misconception(
            "1/2 lost",
            lambda *parameters: 2 * _kl(*parameters),
            "This is twice the KL. The log of a Gaussian density has (x - mu)^2 / (2 sigma^2): where did the 2 go?",
        ),
        Misconception(
            "arguments swapped",
            lambda mu, logvar, prior_mu, prior_logvar: _kl(prior_mu, prior_logvar, mu, logvar),
            "You computed KL(p || q). The average runs over the first of the two, the encoder's.",
        ),
        Misconception(
            "log sigma for log sigma^2",
            lambda mu, logvar, prior_mu, prior_logvar: _kl(mu, 2 * logvar, prior_mu, 2 * prior_logvar),
            "You took the logs of the variances for log sigma: exp of them is sigma^2 already.",
        ),
        Misconception(
            "prior taken for N(0, I)",
            lambda mu, logvar, *prior: vae.gaussian_kl(mu, logvar),
            "This is the KL to N(0, I): prior_mu and prior_sigma are not in it.",
        ),
        Misconception(
            "mean over latent numbers",
            lambda *parameters: _kl_terms(*parameters).mean(),
            "You averaged over the latent numbers. A KL of independent numbers is the sum of theirs; the mean runs "
            "over images alone.",
        ),
        Misconception(
            "summed over images",
            lambda *parameters: _kl_terms(*parameters).sum(),
            "This grows with the number of images. Nats per image: sum over latent numbers, mean over images.",
        ),
        Misconception(
            "sign turned",
            lambda *parameters: -_kl(*parameters),
            "A KL divergence is never below zero, and yours never above. Only the ELBO subtracts it.",
        ),
    ),
)


def _encoded_and_noise(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    return *_encoded(generator), torch.randn(6, 4, generator=generator)


def _antithetic(mu: Tensor, logvar: Tensor, noise: Tensor) -> Tensor:
    step = (logvar / 2).exp() * noise
    return torch.stack([mu + step, mu - step])


ANTITHETIC = Exercise(
    name="antithetic_draws",
    lesson=LESSON,
    points=2,
    minutes=8,
    difficulty=1,
    asks="two draws from N(mu, sigma^2) as one tensor (2, n, d), the second with the opposite noise, from mu, log "
    "sigma^2 and standard normal noise, all (n, d)",
    inputs=_encoded_and_noise,
    reference=_antithetic,
    misconceptions=(
        Misconception(
            "variance for standard deviation",
            lambda mu, logvar, noise: _antithetic(mu, 2 * logvar, noise),
            "exp(log sigma^2) is the variance. Noise is multiplied by the standard deviation, its square root.",
        ),
        Misconception(
            "logarithm for standard deviation",
            lambda mu, logvar, noise: torch.stack([mu + logvar * noise, mu - logvar * noise]),
            "You multiplied the noise by log sigma^2, which may be negative. Undo the logarithm first.",
        ),
        Misconception(
            "noise not scaled",
            lambda mu, logvar, noise: _antithetic(mu, 0 * logvar, noise),
            "Your draws have variance 1 whatever the encoder says: log sigma^2 is not used.",
        ),
        Misconception(
            "square of the variance",
            lambda mu, logvar, noise: _antithetic(mu, 4 * logvar, noise),
            "exp(2 l) is sigma^4. Halve the logarithm, do not double it.",
        ),
        Misconception(
            "whole draw turned",
            lambda *encoded: torch.stack([_antithetic(*encoded)[0], -_antithetic(*encoded)[0]]),
            "Your second draw is minus the first, so its mean is -mu. Only the noise changes its sign.",
        ),
        Misconception(
            "shared noise",
            lambda *encoded: torch.stack([_antithetic(*encoded)[0]] * 2),
            "Both draws are the same: the second one takes the noise with the opposite sign.",
        ),
    ),
)


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


def _iwae(log_joint: Tensor, log_q: Tensor, axis: int = 0) -> Tensor:
    log_w = log_joint - log_q
    return (log_w.logsumexp(axis) - math.log(log_w.shape[axis])).mean()


IWAE = Exercise(
    name="iwae_bound",
    lesson=LESSON,
    points=3,
    minutes=10,
    difficulty=2,
    asks="the mean over n pictures of log (1/K sum_k w_k), w = p(x, z) / q(z|x), from log p(x, z) and log q(z|x), both "
    "(K, n); some w are below what a float can hold",
    inputs=_draws,
    reference=_iwae,
    misconceptions=(
        Misconception(
            "mean of the logarithms",
            lambda log_joint, log_q: (log_joint - log_q).mean(),
            "This is the ELBO with K draws. The bound is tighter because the mean stands inside of the logarithm.",
        ),
        Misconception(
            "1/K lost",
            lambda log_joint, log_q: _iwae(log_joint, log_q) + math.log(len(log_q)),
            "You summed the K weights; their mean is smaller by log K after the logarithm.",
        ),
        Misconception(
            "over the pictures",
            lambda log_joint, log_q: _iwae(log_joint, log_q, axis=1),
            "You took the mean of the weights over pictures. It runs over the K draws of one picture, the first axis.",
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
            lambda log_joint, log_q: (log_joint - log_q).exp().mean(0).log().mean(),
            "exp(-900) is 0 in a float, and log 0 is minus infinity. Stay with logarithms: torch.logsumexp.",
        ),
    ),
)

EXERCISES = (KL_BETWEEN, ANTITHETIC, ELBO, IWAE)
