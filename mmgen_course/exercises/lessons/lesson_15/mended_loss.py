"""The loss of a VAE, mended: an exercise of lesson 15_formulas_that_look_right."""

import torch
from torch import Tensor
from torch.nn import functional as F

from mmgen_course.exercises.exercise import Exercise, Misconception
from mmgen_course.exercises.lessons import whole_number


def _batch(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Pixels 0 or 1, the decoder's logits, mu and log sigma."""
    n, pixels, d = whole_number(4, 6, generator), whole_number(7, 12, generator), whole_number(2, 4, generator)
    x = torch.randint(2, (n, pixels), generator=generator).float()
    mu, log_sigma = torch.randn(2, n, d, generator=generator)
    return x, 2 * torch.randn(n, pixels, generator=generator), mu, log_sigma / 2 - 0.5


def _errors(x: Tensor, logits: Tensor) -> Tensor:
    """-log p of each pixel."""
    return F.binary_cross_entropy_with_logits(logits, x, reduction="none")


def _kls(mu: Tensor, log_sigma: Tensor) -> Tensor:
    return (mu.square() + (2 * log_sigma).exp() - 2 * log_sigma - 1) / 2


def _weighed(beta: float, x: Tensor, logits: Tensor, mu: Tensor, log_sigma: Tensor) -> Tensor:
    return (_errors(x, logits).sum(dim=1) + beta * _kls(mu, log_sigma).sum(dim=1)).mean()


def _mended(*batch: Tensor) -> Tensor:
    return _weighed(1.0, *batch)


EXERCISE = Exercise(
    name="mended_loss",
    lesson="15_formulas_that_look_right",
    number=4,
    points=4,
    minutes=15,
    difficulty=3,
    asks="the loss of a VAE in nats per image, minus the ELBO: from pixels that are 0 or 1 and their logits, both "
    "(n, pixels), and mu and log sigma of the clouds, both (n, d); the prior is N(0, I)",
    inputs=_batch,
    reference=_mended,
    misconceptions=(
        Misconception(
            "nothing mended",
            lambda x, logits, mu, log_sigma: (
                F.binary_cross_entropy_with_logits(logits, x) + (1 + log_sigma - mu**2 - log_sigma.exp()).mean()
            ),
            "This is the printed program's number. Choose one picture, one pixel and one latent number, and compare "
            "each of its two terms with a sum by hand.",
        ),
        Misconception(
            "both means left",
            lambda x, logits, mu, log_sigma: _errors(x, logits).mean() + _kls(mu, log_sigma).mean(),
            "Three are mended. Both terms are still means, over pixels and over latent numbers: they do not weigh as "
            "what belongs to one picture weighs.",
        ),
        Misconception(
            "pixels averaged",
            lambda x, logits, mu, log_sigma: _errors(x, logits).mean() + _kls(mu, log_sigma).sum(dim=1).mean(),
            "Four are mended. A cross-entropy takes the mean over pixels unless it is told not to, and weighed against "
            "a summed KL that is a beta as large as the number of pixels.",
        ),
        Misconception(
            "mean over latent numbers",
            lambda x, logits, mu, log_sigma: _errors(x, logits).sum(dim=1).mean() + _kls(mu, log_sigma).mean(),
            "Four are mended. The KL is still a mean over latent numbers, while the pixels are summed: beta = 1/d.",
        ),
        Misconception(
            "half lost",
            lambda *batch: _weighed(2.0, *batch),
            "Four are mended. Your KL is twice the right one; test it against an integral, as exhibit 13 does.",
        ),
        Misconception(
            "sign lost",
            lambda *batch: _weighed(-1.0, *batch),
            "Four are mended. Your KL is never above 0: this loss pays for clouds that are far from the prior.",
        ),
        Misconception(
            "log sigma for log sigma^2",
            lambda x, logits, mu, log_sigma: _mended(x, logits, mu, log_sigma / 2),
            "Four are mended. exp(log sigma) is sigma, and the KL wants sigma^2 and its logarithm.",
        ),
        Misconception(
            "half and square lost",
            lambda x, logits, mu, log_sigma: _weighed(2.0, x, logits, mu, log_sigma / 2),
            "Three are mended: both sums and the sign. For mu = 1 and sigma = 1 your KL is 1; and where sigma is not "
            "1, compare what you square with what you are given.",
        ),
        Misconception(
            "sigma^2 right, its logarithm wrong",
            lambda x, logits, mu, log_sigma: _mended(x, logits, mu, log_sigma) + log_sigma.sum(dim=1).mean() / 2,
            "Nearly: sigma^2 is right, but the term beside it is log sigma, not log sigma^2. The smallest KL of your "
            "formula is not at sigma = 1; where is it?",
        ),
        Misconception(
            "pixels summed over images",
            lambda x, logits, mu, log_sigma: _errors(x, logits).sum() + _kls(mu, log_sigma).sum(dim=1).mean(),
            "Four are mended, the first one too much: you summed the pixels of all images, and took the mean of the "
            "KL.",
        ),
        Misconception(
            "minus the loss",
            lambda *batch: -_mended(*batch),
            "All five are mended, but this is the ELBO. A loss is to be made small: minus the ELBO.",
        ),
        Misconception(
            "summed over images",
            lambda *batch: len(batch[0]) * _mended(*batch),
            "This grows with the batch. Sum over all that belongs to one image, and take the mean over images.",
        ),
    ),
)
