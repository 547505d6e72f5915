"""A generator that draws what a caption says: trained on scenes of one object, measured on compositions it never saw.

Lesson 07_gan derives the game; the discriminator sees real pictures with true captions, with false ones, and generated
pictures.
"""

from collections.abc import Generator, Mapping
from typing import cast

import torch
from torch import Tensor

from mmgen_course.data.captioned_scenes import SingleObjectScenes
from mmgen_course.data.weights import save_weights
from mmgen_course.features.classifier import accuracy, load_classifier
from mmgen_course.features.encoders import caption_conditions
from mmgen_course.generators import gan
from mmgen_course.generators.gan_nets import SceneDiscriminator
from mmgen_course.generators.vae_nets import SCENE_LATENTS, SceneDecoder
from mmgen_course.layers import in_batches
from mmgen_course.recipes.recipe import TEST_SEED, Measured, Recipe
from mmgen_course.recipes.scene_vae import WHITENED_BY
from mmgen_course.scenes import caption
from mmgen_course.scenes.hard_negatives import one_attribute_off
from mmgen_course.train import Player, Run, ema, fit, seeded, warmup_cosine

BATCH, RATE, DECAY, HARD = 64, 1e-3, 0.998, 48
MEASURED_ON = 2000  # pictures of each split


class GANBatches:
    """What both players draw: pictures, captions, false captions and noise, all from one generator of random numbers.

    Example:
        >>> batches = GANBatches(torch.Generator().manual_seed(0))
        >>> [tuple(part.shape) for part in batches.draw(4)]
        [(4, 3, 32, 32), (4, 50), (4, 50), (4, 12)]
    """

    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator
        self.data = SingleObjectScenes(generator)
        self.seen = frozenset(self.data.scenes["train"])

    def draw(self, n: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """n pictures, their conditions, the conditions of false captions, and noise.

        Three of four false captions differ from the true one in one attribute; the others are the next picture's.
        """
        batch = self.data.draw(n)
        close = [one_attribute_off(scene, self.seen, self.generator) for scene in batch.scenes[: n * HARD // BATCH]]
        hard = caption_conditions([caption(scene, self.generator) for scene in close])
        condition = caption_conditions(batch.captions)
        false = torch.cat([hard, condition.roll(1, 0)[len(hard) :]])
        return batch.images, condition, false, torch.randn(n, SCENE_LATENTS, generator=self.generator)


def players(run: Run) -> tuple[list[Player], SceneDecoder]:
    """Both players of scenes, and the generator's average, which is what ships.

    Example:
        >>> [player.name for player in players(Run())[0]]
        ['discriminator', 'generator']
    """
    batches = GANBatches(run.generator)
    generator_net = seeded(lambda: SceneDecoder(SCENE_LATENTS), run.seed)
    discriminator = seeded(SceneDiscriminator, run.seed + 1)
    sample = SingleObjectScenes(torch.Generator().manual_seed(run.seed)).draw(WHITENED_BY)
    for net in (generator_net, discriminator):
        net.whiten.measure(caption_conditions(sample.captions))
        net.to(run.device)
    average = ema(generator_net, DECAY)

    def draw() -> tuple[Tensor, ...]:
        return batches.draw(BATCH)

    def discriminator_loss(images: Tensor, condition: Tensor, false: Tensor, z: Tensor) -> Tensor:
        features, made = discriminator.features(torch.cat([images, generator_net(z, condition)])).chunk(2)
        return gan.matching_discriminator_loss(
            discriminator.logit(features, condition),
            discriminator.logit(features, false),
            discriminator.logit(made, condition),
        )

    def generator_loss(images: Tensor, condition: Tensor, false: Tensor, z: Tensor) -> Tensor:
        return gan.hinge_generator_loss(discriminator(generator_net(z, condition), condition))

    adam = [torch.optim.Adam(net.parameters(), lr=RATE, betas=(0.0, 0.99)) for net in (discriminator, generator_net)]
    return [
        Player("discriminator", discriminator, discriminator_loss, adam[0], warmup_cosine, batch=draw),
        Player("generator", generator_net, generator_loss, adam[1], warmup_cosine, average=average, batch=draw),
    ], cast(SceneDecoder, average.module)


@torch.no_grad()
def measure(generator_net: SceneDecoder, n: int = MEASURED_ON) -> Measured:
    """Of n pictures drawn from captions of each split: the share in which the classifier reads an attribute as named.

    "scene" is the share of pictures that are right in everything, strokes and background included.

    Example:
        >>> sorted(measure(SceneDecoder(SCENE_LATENTS), n=3))[:2]
        ['held-out background', 'held-out colour']
    """
    data, classifier = SingleObjectScenes(torch.Generator().manual_seed(TEST_SEED)), load_classifier()
    measured: Measured = {}
    for name, split in (("train", "train"), ("held-out", "held_out_compositions")):
        batch = data.draw(n, split)
        z = torch.randn(n, generator_net.latents, generator=data.generator)
        read = classifier.read(in_batches(generator_net, z, caption_conditions(batch.captions)))
        measured |= {f"{name} {what}": share for what, share in accuracy(batch.scenes, read).items()}
    return measured


def train(run: Run) -> Generator[Mapping[str, float], None, Measured]:
    """Train both networks from random weights, write the averaged generator, and return what `measure` says."""
    both, average = players(run)
    preview = SingleObjectScenes(torch.Generator().manual_seed(TEST_SEED)).draw(32, "held_out_compositions")
    condition = caption_conditions(preview.captions)
    noise = torch.randn(32, average.latents, generator=torch.Generator().manual_seed(TEST_SEED))
    yield from fit(both, run.steps, run, lambda: average(noise.to(run.device), condition.to(run.device)))
    average.cpu().eval()
    save_weights(average, run.path)
    return measure(average)


SCENE_GAN = Recipe(
    "scene-gan",
    "weights/scene-gan.safetensors",
    "draws a scene of one object from its caption, 32x32; a conditional GAN with a projection discriminator",
    steps=2600,
    bf16=True,
    train=train,
    needs=("words/scenes.50d.txt", "weights/recogniser.safetensors"),
)
