"""The KL divergence between two diagonal Gaussians: an exercise of lesson 08_vae."""

import torch
from torch import Tensor

from mmgen_course.exercises.exercise import Exercise, Misconception
from mmgen_course.exercises.lessons.lesson_08 import encoded
from mmgen_course.generators import vae


def _two_gaussians(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return *encoded(generator), *encoded(generator)


def _kl_terms(mu: Tensor, logvar: Tensor, prior_mu: Tensor, prior_logvar: Tensor) -> Tensor:
    """The KL of each latent number of each picture."""
    moved = (mu - prior_mu).square() / prior_logvar.exp()
    return (prior_logvar - logvar + (logvar - prior_logvar).exp() + moved - 1) / 2


def _kl(*parameters: Tensor) -> Tensor:
    return _kl_terms(*parameters).sum(dim=1).mean()


EXERCISE = Exercise(
    name="kl_between",
    lesson="08_vae",
    number=1,
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
