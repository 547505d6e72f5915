"""Two variational autoencoders of scenes of one object: for captions that name everything, and for brief ones.

Each learns in two acts. In the first the encoder is left out: the latent point comes from the prior, and so the
decoder must find everything in the caption. Then the encoder may tell it what no caption says: the strays. Used from
the start, it tells everything, and the decoder hardly learns to read. Lesson 08_vae uses both.
"""

from collections.abc import Callable, Generator, Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from mmgen_course.data.captioned_scenes import SceneBatch, SingleObjectScenes
from mmgen_course.data.weights import save_weights
from mmgen_course.features.classifier import accuracy, load_classifier
from mmgen_course.features.encoders import caption_conditions
from mmgen_course.generators.vae import elbo, gaussian_log_likelihood, reparameterise
from mmgen_course.generators.vae_nets import SCENE_LATENTS, SceneVAE
from mmgen_course.layers import in_batches
from mmgen_course.recipes.recipe import TEST_SEED, Measured, Recipe, named
from mmgen_course.scenes import caption
from mmgen_course.train import Run, minimise, seeded

BATCH, RATE = 64, 2e-3
CAPTION_FIRST, BRIEF_FIRST = 0.6, 0.4  # share of the steps without the encoder; brief captions leave it more to say
WHITENED_BY = 5000  # captions that the directions of the conditions are taken from
MEASURED_ON = 2000  # scenes of each split
BRIEF = ("shape", "colour", "position", "background")  # what a brief caption names

Conditions = Callable[[SceneBatch, torch.Generator], Float[Tensor, "n 50"]]  # of the captions of a batch


def negative_elbo(
    vae: SceneVAE, images: Float[Tensor, "n 3 32 32"], condition: Float[Tensor, "n c"], noise: Float[Tensor, "n d"]
) -> Float[Tensor, ""]:
    """Minus the bound on log p(x|c), mean over images, in nats per image.

    Example:
        >>> vae = SceneVAE(12)
        >>> negative_elbo(vae, torch.zeros(2, 3, 32, 32), torch.zeros(2, 50), torch.zeros(2, 12)).shape
        torch.Size([])
    """
    q = vae.encode(images, condition)
    drawn = vae.decode(reparameterise(*q, noise), condition)
    return -elbo(gaussian_log_likelihood(images, drawn, vae.sigma), *q).elbo


def draw_all(vae: SceneVAE, z: Float[Tensor, "n d"], condition: Float[Tensor, "n c"]) -> Float[Tensor, "n 3 32 32"]:
    """Decode many points, 250 at a time, without gradients.

    Example:
        >>> draw_all(SceneVAE(12).eval(), torch.zeros(3, 12), torch.zeros(3, 50)).shape
        torch.Size([3, 3, 32, 32])
    """
    with torch.no_grad():
        return in_batches(vae.decode, z, condition)


def captions_met(vae: SceneVAE, batch: SceneBatch, noise: Float[Tensor, "n d"]) -> Measured:
    """Draw each caption once, from the prior, and let the classifier say which share of attributes is as named.

    Example:
        >>> batch = SingleObjectScenes(torch.Generator().manual_seed(0)).draw(2)
        >>> captions_met(SceneVAE(12).eval(), batch, torch.zeros(2, 12)).keys() >= {"shape", "scene"}
        True
    """
    return accuracy(batch.scenes, load_classifier().read(draw_all(vae, noise, caption_conditions(batch.captions))))


def learn(vae: SceneVAE, run: Run, conditions: Conditions, first: float) -> Iterator[dict[str, float]]:
    """Train in two acts, and yield the loss of each step.

    Args:
        vae: its conditions are whitened by a sample of captions first.
        run: its steps are those of both acts together.
        conditions: `full` or `brief`.
        first: share of the steps of the first act, in which z is drawn from the prior.
    """
    data, sample = (SingleObjectScenes(it) for it in (run.generator, torch.Generator().manual_seed(run.seed)))
    vae.decode.whiten.measure(conditions(sample.draw(WHITENED_BY), sample.generator))
    vae.to(run.device)

    def draw() -> tuple[Tensor, ...]:
        batch = data.draw(BATCH)
        condition = conditions(batch, run.generator)
        return batch.images, condition, torch.randn(BATCH, vae.latents, generator=run.generator)

    def loss(images: Tensor, condition: Tensor, noise: Tensor) -> Tensor:
        if run.step < first * run.steps:
            return -gaussian_log_likelihood(images, vae.decode(noise, condition), vae.sigma).mean()
        return negative_elbo(vae, images, condition, noise)

    yield from named(minimise(vae, loss, run.steps, RATE, run, draw))
    vae.cpu().eval()


def train(run: Run) -> Generator[dict[str, float], None, Measured]:
    """Train the VAE with full captions, write it, and return how often its drawings show what unseen captions say."""
    vae = seeded(lambda: SceneVAE(SCENE_LATENTS), run.seed)
    yield from learn(vae, run, full, CAPTION_FIRST)
    save_weights(vae, run.path)
    return measure(vae)


@torch.no_grad()
def measure(vae: SceneVAE, n: int = MEASURED_ON) -> Measured:
    """The share of drawings with each attribute as named, and with all; and the terms of the ELBO, for each split."""
    measured: Measured = {}
    for split in ("train", "held_out_compositions"):
        generator = torch.Generator().manual_seed(TEST_SEED)
        batch = SingleObjectScenes(generator).draw(n, split)
        met = captions_met(vae, batch, torch.randn(n, vae.latents, generator=generator))
        condition = caption_conditions(batch.captions)
        q = vae.encode(batch.images, condition)
        z = reparameterise(*q, torch.randn(n, vae.latents, generator=generator))
        drawn = draw_all(vae, z, condition)
        bound, _, kl = elbo(gaussian_log_likelihood(batch.images, drawn, vae.sigma), *q)
        measured |= {f"{split}: {what}": share for what, share in met.items()}
        measured |= {f"{split}: elbo": bound.item(), f"{split}: kl": kl.item()}
    return measured | {"sigma": vae.sigma.item()}


def full(batch: SceneBatch, _: torch.Generator) -> Float[Tensor, "n 50"]:
    """The conditions of the batch's own captions, which name everything."""
    return caption_conditions(batch.captions)


def brief(batch: SceneBatch, generator: torch.Generator) -> Float[Tensor, "n 50"]:
    """The conditions of captions that leave out size and style, one for each scene of a batch.

    Example:
        >>> data = SingleObjectScenes(torch.Generator().manual_seed(0))
        >>> brief(data.draw(2), data.generator).shape
        torch.Size([2, 50])
    """
    return caption_conditions([caption(scene, generator, naming=BRIEF) for scene in batch.scenes])


def train_brief(run: Run) -> Generator[dict[str, float], None, Measured]:
    """Train the VAE with brief captions, write it, and return what `measure_brief` says."""
    vae = seeded(lambda: SceneVAE(SCENE_LATENTS), run.seed)
    yield from learn(vae, run, brief, BRIEF_FIRST)
    save_weights(vae, run.path)
    return measure_brief(vae)


@torch.no_grad()
def measure_brief(vae: SceneVAE, n: int = MEASURED_ON) -> Measured:
    """The share of copies with each attribute as in the original, and with all; and the terms of the ELBO."""
    generator = torch.Generator().manual_seed(TEST_SEED)
    batch = SingleObjectScenes(generator).draw(n)
    condition = brief(batch, generator)
    q = vae.encode(batch.images, condition)
    met = accuracy(batch.scenes, load_classifier().read(draw_all(vae, q.mu, condition)))
    drawn = draw_all(vae, reparameterise(*q, torch.randn(n, vae.latents, generator=generator)), condition)
    bound, _, kl = elbo(gaussian_log_likelihood(batch.images, drawn, vae.sigma), *q)
    return {**met, "elbo": bound.item(), "kl": kl.item(), "sigma": vae.sigma.item()}


SCENE_VAE = Recipe(
    "scene-vae",
    "weights/scene-vae.safetensors",
    "a conditional VAE: draws a scene of one object, 32x32, from latent variables and the mean of a caption's "
    "word vectors; measured by the scene classifier, on captions of compositions it was trained on and of others",
    steps=6000,
    bf16=True,
    train=train,
    needs=("weights/recogniser.safetensors", "words/scenes.50d.txt"),
)
SCENE_VAE_BRIEF = Recipe(
    "scene-vae-brief",
    "weights/scene-vae-brief.safetensors",
    "the same with captions that leave out size and style, for arithmetic with these two; measured by the "
    "scene classifier, on copies of new pictures",
    steps=4500,
    bf16=True,
    train=train_brief,
    needs=("weights/recogniser.safetensors", "words/scenes.50d.txt"),
)
