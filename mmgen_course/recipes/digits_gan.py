"""A DCGAN of the real digits, 8x8, drawn from noise and a label. Lesson 07_gan uses it."""

from collections.abc import Generator, Mapping
from typing import cast

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from mmgen_course.data.digit_tensors import labelled_digits
from mmgen_course.data.weights import save_weights
from mmgen_course.generators import gan
from mmgen_course.generators.gan_nets import DigitDiscriminator, DigitGenerator
from mmgen_course.recipes.recipe import TEST_SEED, Measured, Recipe
from mmgen_course.train import Player, Run, digest, ema, fit, seeded

BATCH, RATE, DECAY, GAMMA = 64, 5e-4, 0.998, 0.1
MEASURED_ON = 2000  # pictures


def players(run: Run) -> tuple[list[Player], DigitGenerator]:
    """Both players of the digits, and the generator's average, which is what ships.

    Example:
        >>> [player.name for player in players(Run())[0]]
        ['discriminator', 'generator']
    """
    images, labels, _, _ = labelled_digits()
    run.config["digits"] = digest(images, labels)  # a checkpoint goes on with the same pictures only
    generator_net = seeded(DigitGenerator, run.seed).to(run.device)
    discriminator = seeded(DigitDiscriminator, run.seed + 1).to(run.device)
    average = ema(generator_net, DECAY)

    def noise() -> Tensor:
        return torch.randn(BATCH, generator_net.noise, generator=run.generator)

    def real_digits() -> tuple[Tensor, ...]:
        chosen = torch.randint(len(images), (BATCH,), generator=run.generator)
        return images[chosen], labels[chosen], noise()

    def discriminator_loss(real: Tensor, label: Tensor, z: Tensor) -> Tensor:
        loss = gan.hinge_discriminator_loss(discriminator(real, label), discriminator(generator_net(z, label), label))
        return loss + GAMMA * gan.r1_penalty(lambda x: discriminator(x, label), real)

    def labels_alone() -> tuple[Tensor, ...]:
        return torch.randint(generator_net.labels, (BATCH,), generator=run.generator), noise()

    def generator_loss(label: Tensor, z: Tensor) -> Tensor:
        return gan.hinge_generator_loss(discriminator(generator_net(z, label), label))

    adam = [torch.optim.Adam(net.parameters(), lr=RATE, betas=(0.0, 0.99)) for net in (discriminator, generator_net)]
    return [
        Player("discriminator", discriminator, discriminator_loss, adam[0], batch=real_digits),
        Player("generator", generator_net, generator_loss, adam[1], average=average, batch=labels_alone),
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
    svm = SVC(gamma=0.02, C=10).fit(_rows(images).numpy(), labels.numpy())
    generator = torch.Generator().manual_seed(TEST_SEED)
    wanted = torch.arange(n) % generator_net.labels
    made = generator_net(torch.randn(n, generator_net.noise, generator=generator), wanted)
    measured: Measured = {}
    for name, x, y in (("generated", made, wanted), ("real", tests, truth)):
        measured[f"read as told: {name}"] = float((svm.predict(_rows(x).numpy()) == y.numpy()).mean())
        measured[f"nearest: {name}"] = (torch.cdist(_rows(x), _rows(images)).min(dim=1).values / 2).median().item()
    return measured


def _rows(images: Float[Tensor, "n 1 8 8"]) -> Float[Tensor, "n 64"]:
    return rearrange(images, "n 1 y x -> n (y x)")


def train(run: Run) -> Generator[Mapping[str, float], None, Measured]:
    """Train both networks from random weights, write the averaged generator, and return what `measure` says."""
    both, average = players(run)
    labels = torch.arange(40) % average.labels
    noise = torch.randn(40, average.noise, generator=torch.Generator().manual_seed(TEST_SEED))
    yield from fit(both, run.steps, run, lambda: average(noise.to(run.device), labels.to(run.device)))
    average.cpu().eval()
    save_weights(average, run.path)
    return measure(average)


DIGITS_GAN = Recipe(
    "digits-gan",
    "weights/digits-gan.safetensors",
    "draws a handwritten digit of 8x8 from its label; a DCGAN with a projection discriminator",
    steps=3000,
    train=train,
)
