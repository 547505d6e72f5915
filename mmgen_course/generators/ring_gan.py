"""A small GAN on a ring of Gaussians in the plane, where lost modes can be counted.

Lesson 07_gan trains on it live; benchmarks/gan.py plays every game with several seeds and writes data/results/gan.csv.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from mmgen_course.generators import gan
from mmgen_course.train import Player, seeded

MODES, RADIUS, SIGMA, NOISE = 8, 2.0, 0.1, 2
LEAST = 0.02  # of all points near a mode, so that it counts as found
LAMBDA, GAMMA = 0.1, 1.0  # weights of the penalties of WGAN-GP and R1; the first as in the paper's own toy examples
RATE, BETAS, BATCH = 2e-3, (0.5, 0.99), 128
UPDATES = 4800  # of both networks together, in each run that is compared
TURNS = {"1 to 1": (1, 1), "5 to 1": (5, 1), "1 to 5": (1, 5)}  # of discriminator and generator
Points = Float[Tensor, "n 2"]


def centres(modes: int = MODES) -> Float[Tensor, "modes 2"]:
    """The middles of the Gaussians, evenly on a circle of radius 2.

    Example:
        >>> centres(4)[0].tolist()
        [2.0, 0.0]
    """
    angle = torch.arange(modes, dtype=torch.float64) * (2 * math.pi / modes)
    return RADIUS * torch.stack([angle.cos(), angle.sin()], dim=1)


def ring(n: int, generator: torch.Generator, modes: int = MODES) -> Points:
    """Draw n points from equal Gaussians on a ring, each with a standard deviation of 0.1 in both directions.

    Example:
        >>> ring(5, torch.Generator().manual_seed(0)).shape
        torch.Size([5, 2])
    """
    chosen = torch.randint(modes, (n,), generator=generator)
    return centres(modes)[chosen] + SIGMA * torch.randn(n, 2, generator=generator, dtype=torch.float64)


class Coverage(NamedTuple):
    """How many modes were found, and the share of points that are near one."""

    modes: int
    quality: float


def coverage(points: Points, modes: int = MODES, least: float = LEAST) -> Coverage:
    """Count the modes that a generator found, and the share of its points within 3 standard deviations of a middle.

    A mode counts if at least a share `least` of all points lies that near to it.

    Example:
        >>> coverage(centres(8)[:3])
        Coverage(modes=3, quality=1.0)
    """
    near = torch.cdist(points.double(), centres(modes)) < 3 * SIGMA  # (N, modes); at most one a row
    return Coverage(int((near.double().mean(dim=0) >= least).sum()), near.any(dim=1).double().mean().item())


def plane_net(inputs: int, outputs: int, width: int = 64, normalise: bool = False) -> nn.Sequential:
    """Two hidden layers in double precision, so that a training is the same on every processor to many digits.

    Args:
        inputs, outputs: how many numbers go in and come out.
        width: of the hidden layers.
        normalise: divide each matrix by its largest singular value (`gan.spectral_norm`).

    Example:
        >>> plane_net(2, 1)(torch.zeros(5, 2).double()).shape
        torch.Size([5, 1])
    """
    sizes = [inputs, width, width, outputs]
    layers: list[nn.Module] = []
    for a, b in pairwise(sizes):
        linear = nn.Linear(a, b, dtype=torch.float64)
        layers += [spectral_norm(linear) if normalise else linear, nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers[:-1])


GeneratorLoss = Callable[[Tensor], Tensor]
DiscriminatorLoss = Callable[[Tensor, Tensor], Tensor]
Penalty = Callable[[Callable[[Tensor], Tensor], Tensor, Tensor, torch.Generator], Tensor]


def _two_sided(critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, generator: torch.Generator) -> Tensor:
    return LAMBDA * gan.gradient_penalty(critic, gan.interpolates(real, fake, generator))


def _at_data(critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, generator: torch.Generator) -> Tensor:
    return GAMMA * gan.r1_penalty(critic, real)


@dataclass(frozen=True)
class Rules:
    """What the two players of a game minimise, and what keeps the discriminator smooth.

    Attributes:
        discriminator: the loss of logits for real and for generated points.
        generator: the loss of logits for generated points.
        penalty: added to the discriminator's loss.
        normalise: whether the discriminator's matrices are divided by their spectral norms.
    """

    discriminator: DiscriminatorLoss = gan.discriminator_loss
    generator: GeneratorLoss = gan.non_saturating_loss
    penalty: Penalty | None = None
    normalise: bool = False


GAMES = {
    "saturating": Rules(generator=gan.saturating_loss),
    "non-saturating": Rules(),
    "non-saturating + R1": Rules(penalty=_at_data),
    "non-saturating + SN": Rules(normalise=True),
    "hinge": Rules(gan.hinge_discriminator_loss, gan.hinge_generator_loss),
    "hinge + SN": Rules(gan.hinge_discriminator_loss, gan.hinge_generator_loss, normalise=True),
    "WGAN-GP": Rules(gan.wasserstein_discriminator_loss, gan.wasserstein_generator_loss, penalty=_two_sided),
}
"""The games that are compared; all else, such as networks, rates and batches, is the same."""


class RingGAN(NamedTuple):
    """A generator (N, 2) -> (N, 2), a discriminator (N, 2) -> (N,), and the players for `mmgen_course.train.fit`."""

    generator: nn.Module
    discriminator: Callable[[Tensor], Tensor]
    players: list[Player]


def ring_gan(rules: Rules, seed: int, turns: tuple[int, int] = (1, 1)) -> RingGAN:
    """Set up one game on the ring: two fresh networks, Adam for both, and everything random from the seed.

    Args:
        rules: what they play.
        seed: of weights, noise and data.
        turns: how many steps discriminator and generator take in each step of the training.

    Example:
        >>> from mmgen_course.train import fit
        >>> game = ring_gan(GAMES["WGAN-GP"], seed=0)
        >>> [sorted(losses) for losses in fit(game.players, steps=1)]
        [['discriminator', 'generator']]
    """
    random = torch.Generator().manual_seed(seed)
    generator_net = seeded(lambda: plane_net(NOISE, 2), seed)
    discriminator = seeded(lambda: plane_net(2, 1, normalise=rules.normalise), seed + 1_000)

    def logit(x: Tensor) -> Tensor:
        return rearrange(discriminator(x), "n 1 -> n")

    def discriminator_loss() -> Tensor:
        real, fake = ring(BATCH, random), generator_net(noise(BATCH, random)).detach()
        loss = rules.discriminator(logit(real), logit(fake))
        return loss if rules.penalty is None else loss + rules.penalty(logit, real, fake, random)

    def generator_loss() -> Tensor:
        return rules.generator(logit(generator_net(noise(BATCH, random))))

    adam = [torch.optim.Adam(net.parameters(), lr=RATE, betas=BETAS) for net in (discriminator, generator_net)]
    both = [
        Player("discriminator", discriminator, discriminator_loss, adam[0], times=turns[0]),
        Player("generator", generator_net, generator_loss, adam[1], times=turns[1]),
    ]
    return RingGAN(generator_net, logit, both)


@torch.no_grad()
def draw(generator: nn.Module, n: int = 2000, seed: int = 0) -> Points:
    """n points that a generator makes, from the same noise at every call.

    Example:
        >>> draw(plane_net(2, 2), n=5).shape
        torch.Size([5, 2])
    """
    return generator(noise(n, torch.Generator().manual_seed(seed)))


def noise(n: int, generator: torch.Generator) -> Points:
    """n vectors of standard normal noise.

    Example:
        >>> noise(5, torch.Generator().manual_seed(0)).dtype
        torch.float64
    """
    return torch.randn(n, NOISE, generator=generator, dtype=torch.float64)
