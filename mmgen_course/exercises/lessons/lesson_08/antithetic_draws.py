"""Two reparameterised draws with opposite noise: an exercise of lesson 08_vae."""

import torch
from torch import Tensor

from mmgen_course.exercises.exercise import Exercise, Misconception
from mmgen_course.exercises.lessons.lesson_08 import encoded


def _encoded_and_noise(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    return *encoded(generator), torch.randn(6, 4, generator=generator)


def _antithetic(mu: Tensor, logvar: Tensor, noise: Tensor) -> Tensor:
    step = (logvar / 2).exp() * noise
    return torch.stack([mu + step, mu - step])


EXERCISE = Exercise(
    name="antithetic_draws",
    lesson="08_vae",
    number=2,
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
