"""A DCGAN of the real digits: noise and a label go in, a handwritten digit of 8x8 comes out. Lesson 07_gan uses it."""

from collections.abc import Generator, Mapping
from functools import cache
from typing import cast

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

from mmgen_course.data import digits, shipped
from mmgen_course.data.real import DIGITS, digit_images
from mmgen_course.data.weights import load_weights, save_weights
from mmgen_course.generators import gan
from mmgen_course.generators.gan_nets import DigitDiscriminator, DigitGenerator
from mmgen_course.recipes.recipe import TEST_SEED, Measured, Recipe
from mmgen_course.train import Player, Run, digest, ema, fit, seeded, shard

BATCH, RATE, DECAY, GAMMA = 64, 5e-4, 0.998, 0.1
MEASURED_ON = 2000  # pictures
Images = Float[Tensor, "n 1 8 8"]
Labels = Int[Tensor, " n"]


@cache
def labelled_digits() -> tuple[Images, Labels, Float[Tensor, "m 1 8 8"], Int[Tensor, " m"]]:
    """The real digits in [-1, 1] and their labels: those to train on, then those to test on.

    Example:
        >>> [len(part) for part in labelled_digits()]
        [1500, 1500, 297, 297]
    """
    train, test = digit_images()
    labels = torch.tensor([DIGITS.index(sample.caption.split()[-1]) for sample in digits()])
    return 2 * train - 1, labels[: len(train)], 2 * test - 1, labels[len(train) :]


def players(run: Run) -> tuple[list[Player], DigitGenerator]:
    """Both players of the digits, and the generator's average, which is what ships.

    Example:
        >>> [play.name for play in players(Run())[0]]
        ['discriminator', 'generator']
    """
    images, labels, _, _ = (part.to(run.device) for part in labelled_digits())
    run.config["digits"] = digest(images, labels)  # a checkpoint goes on with the same pictures only
    generator_net = seeded(DigitGenerator, run.seed).to(run.device)
    discriminator = seeded(DigitDiscriminator, run.seed + 1).to(run.device)
    average = ema(generator_net, DECAY)

    def noise() -> Tensor:
        return shard(torch.randn(BATCH, generator_net.noise, generator=run.generator)).to(run.device)

    def discriminator_loss() -> Tensor:
        chosen = shard(torch.randint(len(images), (BATCH,), generator=run.generator)).to(run.device)
        real, label = images[chosen], labels[chosen]
        loss = gan.hinge_discriminator_loss(
            discriminator(real, label), discriminator(generator_net(noise(), label), label)
        )
        return loss + GAMMA * gan.r1_penalty(lambda x: discriminator(x, label), real)

    def generator_loss() -> Tensor:
        label = shard(torch.randint(generator_net.labels, (BATCH,), generator=run.generator)).to(run.device)
        return gan.hinge_generator_loss(discriminator(generator_net(noise(), label), label))

    adam = [torch.optim.Adam(net.parameters(), lr=RATE, betas=(0.0, 0.99)) for net in (discriminator, generator_net)]
    return [
        Player("discriminator", discriminator, discriminator_loss, adam[0]),
        Player("generator", generator_net, generator_loss, adam[1], average=average),
    ], cast(DigitGenerator, average.module)


@torch.no_grad()
def measure(generator_net: DigitGenerator, n: int = MEASURED_ON) -> Measured:
    """How good n digits are, and whether they are copies; all by comparison with real digits.

    "read as told": the share in which a support vector machine, trained on the real ones, reads the label. "nearest":
    the median distance to the nearest digit of the training, in grey levels from 0 to 1; the test digits beside it.

    Example:
        >>> sorted(measure(DigitGenerator().eval(), n=20))
        ['nearest: generated', 'nearest: real', 'read as told: generated', 'read as told: real']
    """
    from sklearn.svm import SVC

    images, labels, tests, truth = labelled_digits()
    discriminator = SVC(gamma=0.02, C=10).fit(_rows(images).numpy(), labels.numpy())
    generator = torch.Generator().manual_seed(TEST_SEED)
    told = torch.arange(n) % generator_net.labels
    made = generator_net(torch.randn(n, generator_net.noise, generator=generator), told)
    measured: Measured = {}
    for name, x, y in (("generated", made, told), ("real", tests, truth)):
        measured[f"read as told: {name}"] = float((discriminator.predict(_rows(x).numpy()) == y.numpy()).mean())
        measured[f"nearest: {name}"] = (torch.cdist(_rows(x), _rows(images)).min(dim=1).values / 2).median().item()
    return measured


def _rows(images: Images) -> Float[Tensor, "n 64"]:
    return rearrange(images, "n 1 y x -> n (y x)")


def train(run: Run) -> Generator[Mapping[str, float], None, Measured]:
    """Train both networks from random weights, write the averaged generator, and return what `measure` says."""
    players, average = players(run)
    labels = torch.arange(40) % average.labels
    noise = torch.randn(40, average.noise, generator=torch.Generator().manual_seed(TEST_SEED))
    yield from fit(players, run.steps, run, lambda: average(noise.to(run.device), labels.to(run.device)))
    average.cpu().eval()
    save_weights(average, run.path)
    return measure(average)


def load_digits_gan() -> DigitGenerator:
    """The generator of digits that ships with the course, in evaluation mode.

    Raises:
        DataError: the file of its weights is missing or was changed.

    Example:
        >>> load_digits_gan()(torch.zeros(2, 16), torch.tensor([3, 8])).shape
        torch.Size([2, 1, 8, 8])
    """
    generator_net = DigitGenerator()
    load_weights(generator_net, shipped("weights/digits-gan.safetensors"))
    return generator_net.eval()


DIGITS_GAN = Recipe(
    "digits-gan",
    "weights/digits-gan.safetensors",
    "draws a handwritten digit of 8x8 from its label; a DCGAN with a projection discriminator",
    steps=3000,
    train=train,
)
