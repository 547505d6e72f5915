"""A generator that draws what a caption says: trained on scenes of one object, judged on compositions it never saw.

Lesson 07_gan derives the game; the discriminator sees real pictures with true captions, with false ones, and generated
pictures.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor

from mmgen_course.data import shipped
from mmgen_course.data.captioned_scenes import SingleObjectScenes
from mmgen_course.data.weights import load_weights, save_weights
from mmgen_course.features.classifier import accuracy, load_classifier
from mmgen_course.generators import gan
from mmgen_course.generators.gan_nets import SceneDiscriminator
from mmgen_course.generators.vae_nets import SceneDecoder
from mmgen_course.layers import in_batches
from mmgen_course.recipes.recipe import TEST_SEED, Measured, Recipe
from mmgen_course.recipes.scene_vae import LATENTS, WHITENED_BY
from mmgen_course.scenes import Scene, caption
from mmgen_course.scenes.world import ALONE, APPEARANCE, BACKGROUNDS, pick
from mmgen_course.train import Player, Run, ema, fit, seeded, shard, warmup_cosine

VALUES: dict[str, Sequence[str]] = {**APPEARANCE, "position": ALONE, "background": BACKGROUNDS}
BATCH, RATE, DECAY, HARD = 64, 1e-3, 0.998, 48
MEASURED_ON = 2000  # pictures of each split


def one_attribute_off(scene: Scene, among: frozenset[Scene], generator: torch.Generator) -> Scene:
    """A scene of one object that differs in one attribute, one that training shows: its caption is false of this one.

    The caption of a scene outside of `among` would teach the discriminator that held-out compositions are always lies.

    Example:
        >>> scenes = SingleObjectScenes(torch.Generator()).scenes["train"][:500]
        >>> other = one_attribute_off(scenes[0], frozenset(scenes), torch.Generator().manual_seed(0))
        >>> other in scenes, other == scenes[0]
        (True, False)
    """
    (thing,) = scene.objects
    while True:
        name = pick(list(VALUES), generator)
        if name == "background":
            (other,) = {*BACKGROUNDS} - {scene.background}
            changed = replace(scene, background=other)
        else:
            changed = replace(scene, objects=(replace(thing, **{name: pick(VALUES[name], generator)}),))
        if changed != scene and changed in among:
            return changed


class GANBatches:
    """What both players draw: pictures, captions, false captions and noise, all from one generator of random numbers.

    Example:
        >>> game = GANBatches(torch.Generator().manual_seed(0))
        >>> [tuple(drawn.shape) for drawn in game.draw(4)]
        [(4, 3, 32, 32), (4, 50), (4, 50), (4, 12)]
    """

    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator
        self.pairs = SingleObjectScenes(generator)
        self.seen = frozenset(self.pairs.scenes["train"])

    def draw(self, n: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """n pictures, their conditions, the conditions of false captions, and noise.

        Three of four false captions differ from the true one in one attribute; the others are those of the neighbour.
        """
        batch = self.pairs.draw(n)
        close = [one_attribute_off(scene, self.seen, self.generator) for scene in batch.scenes[: n * HARD // BATCH]]
        said = [caption(scene, self.generator) for scene in close]
        false = torch.cat([self.pairs.condition_of(said), batch.condition.roll(1, 0)[len(said) :]])
        return batch.images, batch.condition, false, torch.randn(n, LATENTS, generator=self.generator)


def players(run: Run) -> tuple[list[Player], SceneDecoder]:
    """Both players of scenes, and the generator's average, which is what ships.

    Example:
        >>> [play.name for play in players(Run())[0]]
        ['discriminator', 'generator']
    """
    game = GANBatches(run.generator)
    generator_net = seeded(lambda: SceneDecoder(LATENTS), run.seed)
    discriminator = seeded(SceneDiscriminator, run.seed + 1)
    captions = SingleObjectScenes(torch.Generator().manual_seed(run.seed)).draw(WHITENED_BY).condition
    for net in (generator_net, discriminator):
        net.whiten.measure(captions)
        net.to(run.device)
    average = ema(generator_net, DECAY)

    def drawn() -> list[Tensor]:
        return [shard(part).to(run.device) for part in game.draw(BATCH)]

    def discriminator_loss() -> Tensor:
        images, condition, false, z = drawn()
        features, made = discriminator.features(torch.cat([images, generator_net(z, condition)])).chunk(2)
        return gan.matching_discriminator_loss(
            discriminator.logit(features, condition),
            discriminator.logit(features, false),
            discriminator.logit(made, condition),
        )

    def generator_loss() -> Tensor:
        _, condition, _, z = drawn()
        return gan.hinge_generator_loss(discriminator(generator_net(z, condition), condition))

    adam = [torch.optim.Adam(net.parameters(), lr=RATE, betas=(0.0, 0.99)) for net in (discriminator, generator_net)]
    return [
        Player("discriminator", discriminator, discriminator_loss, adam[0], warmup_cosine),
        Player("generator", generator_net, generator_loss, adam[1], warmup_cosine, average=average),
    ], cast(SceneDecoder, average.module)


@torch.no_grad()
def measure(generator_net: SceneDecoder, n: int = MEASURED_ON) -> Measured:
    """Of n pictures drawn from captions of each split: the share in which the recogniser reads an attribute as named.

    "scene" is the share of pictures that are right in everything, strokes and background included.

    Example:
        >>> sorted(measure(SceneDecoder(LATENTS), n=3))[:2]
        ['held-out background', 'held-out colour']
    """
    pairs, discriminator = SingleObjectScenes(torch.Generator().manual_seed(TEST_SEED)), load_classifier()
    measured: Measured = {}
    for name, split in (("train", "train"), ("held-out", "held_out_compositions")):
        batch = pairs.draw(n, split)
        z = torch.randn(n, generator_net.latents, generator=pairs.generator)
        read = discriminator.read(in_batches(generator_net, z, batch.condition))
        measured |= {f"{name} {what}": share for what, share in accuracy(batch.scenes, read).items()}
    return measured


def train(run: Run) -> Generator[Mapping[str, float], None, Measured]:
    """Train both networks from random weights, write the averaged generator, and return what `measure` says."""
    players, average = players(run)
    look = SingleObjectScenes(torch.Generator().manual_seed(TEST_SEED)).draw(32, "held_out_compositions").condition
    noise = torch.randn(32, average.latents, generator=torch.Generator().manual_seed(TEST_SEED))
    yield from fit(players, run.steps, run, lambda: average(noise.to(run.device), look.to(run.device)))
    average.cpu().eval()
    save_weights(average, run.path)
    return measure(average)


def load_scene_gan() -> SceneDecoder:
    """The generator that ships with the course, in evaluation mode; how good it is stands in the data card.

    Raises:
        DataError: the file of its weights is missing or was changed.

    Example:
        >>> c = SingleObjectScenes(torch.Generator()).condition_of(["a large red circle in the centre"])
        >>> load_scene_gan()(torch.zeros(1, 12), c).shape
        torch.Size([1, 3, 32, 32])
    """
    generator_net = SceneDecoder(LATENTS)
    load_weights(generator_net, shipped("weights/scene-gan.safetensors"))
    return generator_net.eval()


SCENE_GAN = Recipe(
    "scene-gan",
    "weights/scene-gan.safetensors",
    "draws a scene of one object from its caption, 32x32; a conditional GAN with a projection discriminator",
    steps=2600,
    bf16=True,
    train=train,
    needs=("words/scenes.50d.txt", "weights/recogniser.safetensors"),
)
