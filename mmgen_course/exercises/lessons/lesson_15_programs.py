"""The exercises of lesson 15_formulas_that_look_right on halls 4 and 5: a program to mend, and sizes to solve for."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from mmgen_course.exercises.exercise import Exercise, Misconception
from mmgen_course.scenes.world import pick

LESSON = "15_formulas_that_look_right"


def _between(low: int, high: int, generator: torch.Generator) -> int:
    """A whole number from low to high, both included."""
    return int(torch.randint(low, high + 1, (), generator=generator))


# ---- hall 5: sizes

Layer = tuple[int, int, int]  # kernel, stride, padding
STARTS: tuple[Layer, ...] = ((2, 1, 0), (3, 1, 0), (4, 1, 0), (5, 1, 0))
GROWTH: tuple[Layer, ...] = ((4, 2, 1), (6, 2, 2), (5, 3, 1), (6, 4, 1))


def _grown(n: int, layers: list[Layer], paddings: int = 2, one: int = 1) -> int:
    """The size of the picture: right with two paddings and n - 1 steps."""
    for kernel, stride, padding in layers:
        n = (n - one) * stride - paddings * padding + kernel
    return n


def _undone(size: int, layers: list[Layer], paddings: int = 2, one: int = 1, smallest: float = 1.0) -> int | None:
    """The size of the noise, or None: the inverse of `_grown`."""
    for kernel, stride, padding in reversed(layers):
        steps, rest = divmod(size + paddings * padding - kernel, stride)
        size = steps + one
        if rest or size < smallest:
            return None
    return size


def _rounded(size: int, layers: list[Layer], smallest: float = 1.0) -> int | None:
    for kernel, stride, padding in reversed(layers):
        size = (size + 2 * padding - kernel) // stride + 1
    return size if size >= smallest else None


def _picture_sizes(generator: torch.Generator) -> tuple[list[int], list[Layer]]:
    """Sizes that noise of 1 to 8 makes, one more pixel than such a size, what noise of 0 makes, and what mistakes make.

    Without the last each wrong formula would answer None to everything, and look like the others.
    """
    layers = [pick(STARTS, generator), *(pick(GROWTH, generator) for _ in range(_between(1, 2, generator)))]
    first, second, third = (1 + torch.randperm(8, generator=generator)[:3]).tolist()
    sizes = {_grown(n, layers) for n in (0, first, second, third)} | {_grown(first, layers) + 1}
    sizes |= {_grown(second, layers, paddings) for paddings in (1, -2)}
    sizes |= {_grown(second, layers, one=0), _grown(second, layers[::-1])}
    listed = sorted(sizes)
    return [listed[place] for place in torch.randperm(len(listed), generator=generator).tolist()], layers


def _each(rule: Callable[[int, list[Layer]], int | None]) -> Callable[..., list[int | None]]:
    """The rule for each size of a list."""
    return lambda sizes, layers: [rule(size, layers) for size in sizes]


SIZES = Exercise(
    name="noise_sizes",
    lesson=LESSON,
    points=3,
    minutes=12,
    difficulty=2,
    asks="for each size of a picture the size of the noise from which the layers make it, transposed convolutions of "
    "(kernel, stride, padding), the first one first; None where no noise of size 1 or more does",
    inputs=_picture_sizes,
    reference=_each(_undone),
    misconceptions=(
        Misconception(
            "sizes that cannot be, rounded",
            _each(_rounded),
            "`//` rounded where the division has a remainder: the noise that you name makes a smaller picture. Feed "
            "it forward again.",
        ),
        Misconception(
            "never None",
            _each(lambda size, layers: _rounded(size, layers, smallest=-math.inf)),
            "You name a noise for every size, also one of size 0 or below, and where the division has a remainder. "
            "Feed each answer forward again: does the size come back?",
        ),
        Misconception(
            "noise of no size",
            _each(lambda size, layers: _undone(size, layers, smallest=-math.inf)),
            "You answered with a noise of size 0 or below. The formula can be solved there, but there is nothing to "
            "convolve.",
        ),
        Misconception(
            "first layer undone first",
            _each(lambda size, layers: _undone(size, layers[::-1])),
            "You undid the first layer first. Who takes off shoes and socks begins with what was put on last.",
        ),
        Misconception(
            "forward",
            _each(_grown),
            "You went forward, from the size of a noise to that of its picture. Here the picture is given.",
        ),
        Misconception(
            "padding counted once",
            _each(lambda size, layers: _undone(size, layers, paddings=1)),
            "Padding counts on both sides of a picture.",
        ),
        Misconception(
            "padding with the wrong sign",
            _each(lambda size, layers: _undone(size, layers, paddings=-2)),
            "A transposed convolution cuts its padding off. To go back, on which side of the equation does it end?",
        ),
        Misconception(
            "one lost",
            _each(lambda size, layers: _undone(size, layers, one=0)),
            "n columns are n - 1 steps of the stride apart. You have the steps; how many columns are these?",
        ),
    ),
)

# ---- hall 4: the VAE


def _batch(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Pixels 0 or 1, the decoder's logits, mu and log sigma."""
    n, pixels, d = _between(4, 6, generator), _between(7, 12, generator), _between(2, 4, generator)
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


LOSS = Exercise(
    name="mended_loss",
    lesson=LESSON,
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

EXERCISES = (SIZES, LOSS)
