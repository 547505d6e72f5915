"""The course's text-to-image model: a VAE whose decoder reads the words of a caption in their order.

It learns in two acts, as in lesson 08_vae: first the latent point comes from the prior, and the decoder must find
everything in the caption; then the encoder may tell it what no caption says. Two others are trained for comparison:
one reads a caption as a bag of words, one learns a vector of its own for each word instead of taking GloVe's. Lesson
10_text_to_image trains one in front of the learner.
"""

from collections.abc import Generator
from functools import partial

import torch
from torch import Tensor

from mmgen_course.data.captioned_scenes import CaptionedScenes
from mmgen_course.data.weights import save_weights
from mmgen_course.evaluate import caption_match
from mmgen_course.features.encoders import word_features
from mmgen_course.features.glove import load_scene_vectors
from mmgen_course.features.vectors import WordVectors
from mmgen_course.generators.caption_decoder import LATENTS, CaptionDecoder, CaptionVAE
from mmgen_course.generators.vae import elbo, gaussian_log_likelihood, reparameterise
from mmgen_course.layers import in_batches
from mmgen_course.recipes.recipe import TEST_SEED, Measured, Recipe
from mmgen_course.scenes import HELD_OUT_WORDS, TRAINING_WORDS, complete
from mmgen_course.train import Player, Run, fit, seeded, warmup_cosine

BATCH, RATE = 64, 2e-3
CAPTION_FIRST = 0.4  # share of the steps without the encoder
WHITENED_BY = 3000  # captions that the directions of the words are taken from
MEASURED_ON = 1000  # pictures of each kind
STYLE_OPEN = ("colour", "size", "position")  # what a caption names besides the shape, where the style is left open
NEEDS = ("weights/recogniser.safetensors", "words/scenes.50d.txt")


def one_hot() -> WordVectors:
    """Vectors that know nothing of meaning, one direction a word: what a model multiplies them by, it has to learn.

    Example:
        >>> one_hot()["red"].sum(), one_hot()["red"] @ one_hot()["scarlet"]
        (tensor(1.), tensor(0.))
    """
    words = list(load_scene_vectors().index)
    return WordVectors(words, torch.eye(len(words)))


def learn(vae: CaptionVAE, run: Run, vectors: WordVectors | None = None) -> Generator[dict[str, float], None, None]:
    """Train in two acts, and yield the loss of each step, in nats per image.

    Args:
        vae: its word vectors are whitened first, by those of a sample of captions.
        run: its steps are those of both acts together.
        vectors: of words; default: GloVe's.
    """
    vectors = vectors or load_scene_vectors()
    data = CaptionedScenes(run.generator)
    sample = CaptionedScenes(torch.Generator().manual_seed(run.seed)).draw(WHITENED_BY)
    words, mask = word_features(sample.captions, vectors)
    vae.decode.whiten.measure(words[mask], floor=0.01)
    vae.to(run.device)

    def batch() -> tuple[Tensor, ...]:
        drawn = data.draw(BATCH)
        noise = torch.randn(BATCH, vae.latents, generator=run.generator)
        return drawn.images, *word_features(drawn.captions, vectors), noise

    def loss(images: Tensor, words: Tensor, mask: Tensor, noise: Tensor) -> Tensor:
        encoded = vae.decode.encode_text(words, mask)
        if run.step < CAPTION_FIRST * run.steps:
            return -gaussian_log_likelihood(images, vae.decode.draw(noise, encoded)[0], vae.sigma).mean()
        q = vae.encode(images, encoded)
        drawn, _ = vae.decode.draw(reparameterise(*q, noise), encoded)
        return -elbo(gaussian_log_likelihood(images, drawn, vae.sigma), *q).elbo

    preview = CaptionedScenes(torch.Generator().manual_seed(TEST_SEED)).draw(32, "held_out_compositions")
    z = torch.randn(32, vae.latents, generator=torch.Generator().manual_seed(TEST_SEED))
    player = Player("loss", vae, loss, torch.optim.AdamW(vae.parameters(), lr=RATE), warmup_cosine, batch=batch)

    def samples() -> Tensor:
        vae.eval()
        inputs = z, *word_features(preview.captions, vectors)
        drawn = vae.decode(*(part.to(run.device) for part in inputs))
        vae.train()
        return drawn

    yield from fit([player], run.steps, run, samples)
    vae.cpu().eval()


@torch.no_grad()
def draw(decoder: CaptionDecoder, captions: list[str], generator: torch.Generator, vectors: WordVectors) -> Tensor:
    """One picture (N, 3, 32, 32) in [-1, 1] of each caption, from noise, 250 at a time."""
    words, mask = word_features(captions, vectors)
    z = torch.randn(len(captions), decoder.latents, generator=generator)
    return in_batches(decoder, z, words, mask).clamp(-1, 1)


def measure(decoder: CaptionDecoder, vectors: WordVectors | None = None, n: int = MEASURED_ON) -> Measured:
    """The share of pictures that show everything their caption names, one picture a caption.

    For scenes of one object and of two: captions of training compositions, of held-out ones, the same with the style
    left open and filled in by `complete`, and captions in words that training never used. For held-out compositions
    also the share of pictures that are right in each attribute.

    Example:
        >>> sorted(measure(CaptionDecoder(16).eval(), n=2))[:2]
        ['one object, held-out compositions', 'one object, held-out compositions with the style open']
    """
    generator = torch.Generator().manual_seed(TEST_SEED)
    vectors = vectors or load_scene_vectors()
    data = CaptionedScenes(generator)
    measured: Measured = {}
    for objects, pairs in (("one object", 0.0), ("two objects", 1.0)):
        for kind, split, naming, words in (
            ("training compositions", "train", None, TRAINING_WORDS),
            ("held-out compositions", "held_out_compositions", None, TRAINING_WORDS),
            ("held-out compositions with the style open", "held_out_compositions", STYLE_OPEN, TRAINING_WORDS),
            ("unseen words", "held_out_synonyms", None, HELD_OUT_WORDS),
        ):
            says = {"naming": naming} if naming else {}
            captions = data.draw(n, split, pairs, words=words, **says).captions
            full = [complete(caption, generator) for caption in captions]
            match = caption_match(draw(decoder, full, generator, vectors), captions, allow_light=True)
            measured[f"{objects}, {kind}"] = match.share.value
            if kind == "held-out compositions":
                measured |= {f"{objects}, {kind}, {name}": share.value for name, share in match.attributes.items()}
    return measured


def train(run: Run, order: bool = True, glove: bool = True) -> Generator[dict[str, float], None, Measured]:
    """Train a model from random weights, write its decoder, and return what `measure` says.

    Args:
        run: as for every recipe.
        order: whether the order of words is read.
        glove: whether words come as GloVe's vectors, or as one-hot vectors.
    """
    vectors = None if glove else one_hot()
    vae = seeded(partial(CaptionVAE, LATENTS, 50 if vectors is None else len(vectors), order), run.seed)
    yield from learn(vae, run, vectors)
    save_weights(vae.decode, run.path)
    return measure(vae.decode, vectors)


TEXT_TO_IMAGE = Recipe(
    "text-to-image",
    "weights/text-to-image.safetensors",
    "draws scenes of one or two objects from the words of a caption, 32x32; a conditional VAE whose decoder attends "
    "to them; measured by the scene classifier",
    steps=6000,
    train=train,
    needs=NEEDS,
    bf16=True,
)
TEXT_TO_IMAGE_BAG = Recipe(
    "text-to-image-bag",
    "weights/text-to-image-bag.safetensors",
    "the same, blind to the order of the words",
    steps=2500,
    train=partial(train, order=False),
    needs=NEEDS,
    bf16=True,
)
TEXT_TO_IMAGE_ONE_HOT = Recipe(
    "text-to-image-one-hot",
    "weights/text-to-image-one-hot.safetensors",
    "the same with a learned vector for each word in the place of GloVe's",
    steps=2500,
    train=partial(train, glove=False),
    needs=NEEDS,
    bf16=True,
)
