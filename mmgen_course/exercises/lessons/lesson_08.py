"""The exercises of lesson 08_vae about the cloud: its price, and draws from it; others are in `lesson_08_bounds`."""

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
            "means not measured in the prior's sigma",
            lambda mu, logvar, prior_mu, prior_logvar: vae.gaussian_kl(mu - prior_mu, logvar - prior_logvar),
            "The variances are compared, but the distance of the means counts as if the prior's sigma were 1. Twice as "
            "wide a prior minds the same distance less.",
        ),
        Misconception(
            "logarithms turned",
            lambda mu, logvar, prior_mu, prior_logvar: (
                _kl(mu, logvar, prior_mu, prior_logvar) + (logvar - prior_logvar).sum(dim=1).mean()
            ),
            "The two logarithms have exchanged signs. Let q shrink to a point: its KL must grow without end, and yours "
            "falls.",
        ),
        Misconception(
            "prices to N(0, I) subtracted",
            lambda mu, logvar, *prior: vae.gaussian_kl(mu, logvar) - vae.gaussian_kl(*prior),
            "A difference of two KLs to N(0, I) is no KL; it may be negative. Write log q - log p, and average it.",
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
            "order of the draws",
            lambda *encoded: _antithetic(*encoded).flip(0),
            "Both draws are right, in the other order: the first is the one with the noise as it came.",
        ),
        Misconception(
            "shared noise",
            lambda *encoded: torch.stack([_antithetic(*encoded)[0]] * 2),
            "Both draws are the same: the second one takes the noise with the opposite sign.",
        ),
    ),
)


EXERCISES = (KL_BETWEEN, ANTITHETIC)
