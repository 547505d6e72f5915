"""Divergences estimated from the logits of the best discriminator: an exercise of lesson 07_gan."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from mmgen_course.exercises.exercise import Exercise, Misconception
from mmgen_course.generators import gan


def _logits(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Of a good judge for 5 to 8 real samples and 3 or 4 more generated ones; of one sample in each it is very sure."""
    n = int(torch.randint(5, 9, (), generator=generator))
    real, fake = (2 * torch.randn(n + more, generator=generator) for more in (0, 3 + n % 2))
    real[0], fake[0] = real[0] + 60, fake[0] - 60
    return real + 1, fake - 1


def _divergences(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return real.mean(), -fake.mean(), (gan.value(real, fake) + math.log(4)) / 2


def _through_probabilities(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    of_real, of_fake = real.sigmoid(), fake.sigmoid()
    value = of_real.log().mean() + (1 - of_fake).log().mean()
    ratios = [(d / (1 - d)).log().mean() for d in (of_real, of_fake)]
    return ratios[0], -ratios[1], (value + math.log(4)) / 2


EXERCISE = Exercise(
    name="divergences_from_logits",
    lesson="07_gan",
    number=1,
    points=2,
    minutes=10,
    difficulty=1,
    asks="estimates of KL(p || q), KL(q || p) and JS(p || q) in nats, a tuple of three, from the logits of the best "
    "discriminator for real samples (n,) and generated ones (m,)",
    inputs=_logits,
    reference=_divergences,
    misconceptions=(
        Misconception(
            "sign of the second KL",
            lambda real, fake: (real.mean(), fake.mean(), _divergences(real, fake)[2]),
            "Your second number is below zero, and no KL is. The logit is log p - log q; KL(q || p) averages log q - "
            "log p.",
        ),
        Misconception(
            "KLs exchanged",
            lambda real, fake: (-fake.mean(), real.mean(), _divergences(real, fake)[2]),
            "You exchanged the two KLs. KL(p || q) averages over samples of its first argument; p makes the real ones.",
        ),
        Misconception(
            "log D for the log ratio",
            lambda real, fake: (
                F.logsigmoid(real).mean(),
                F.logsigmoid(-fake).mean(),
                _divergences(real, fake)[2],
            ),
            "You took the mean of log D, which is never above zero. D compares p with p + q; a KL compares p with q "
            "itself. Which output of the discriminator does that?",
        ),
        Misconception(
            "through probabilities",
            _through_probabilities,
            "Your judge is so sure that its D is 1 or 0 in a float, and the logarithm of 1 - D or D is infinite. The "
            "logit still knows how sure; do not leave it.",
        ),
        Misconception(
            "JS not halved",
            lambda real, fake: (real.mean(), -fake.mean(), gan.value(real, fake) + math.log(4)),
            "Your third number is twice the JS divergence: it may be as large as log 4, where JS ends at log 2.",
        ),
        Misconception(
            "-log 4 left in",
            lambda real, fake: (real.mean(), -fake.mean(), gan.value(real, fake) / 2),
            "Your JS is below zero. The value is -log 4, not 0, where p = q: what must be moved to the other side?",
        ),
        Misconception(
            "JS as the mean of both KLs",
            lambda real, fake: (real.mean(), -fake.mean(), (real.mean() - fake.mean()) / 2),
            "The mean of KL(p || q) and KL(q || p) is Jeffreys' divergence, without an upper end. JS compares each "
            "with the middle m = (p + q) / 2, so it is log 2 at most.",
        ),
    ),
)
