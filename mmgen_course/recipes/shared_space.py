"""Images and captions go into one space of 64 dimensions, where a picture lies near the sentence that is true of it.

Built in lesson 06_shared_space, on frozen features: the recogniser's regions (lesson 03) and the vectors of words
(lesson 04). `mmgen train shared-space` trains it, `load_shared_space` loads it.
"""

import math
from collections.abc import Generator, Sequence
from functools import partial

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from mmgen_course.data import shipped
from mmgen_course.data.weights import load_weights, save_weights
from mmgen_course.features.classifier import load_classifier
from mmgen_course.features.encoders import region_features, word_features
from mmgen_course.features.glove import load_scene_vectors
from mmgen_course.fusion import (
    contrastive_loss,
    cosine_similarity,
    modality_gap,
    recall_at_k,
)
from mmgen_course.fusion.text_encoder import TextEncoder
from mmgen_course.recipes.recipe import TEST_SEED, Measured, Recipe, named
from mmgen_course.scenes import HELD_OUT_WORDS, TRAINING_WORDS, Scene, caption, render, splits
from mmgen_course.scenes.hard_negatives import change_one, hard_negative_pairs, swap_one
from mmgen_course.scenes.words import Lexicon
from mmgen_course.train import Run, minimise, seeded, shard

BATCH = 192  # pairs: that many images, and a caption of each
HARD_POSITIVES = 48  # of these, scenes whose neighbour by `swap_one` is in the batch, too
PLAIN = 0.5  # of the captions in the plainest words: word order is learned from these first, the rest follow
SEARCHED, JUDGED = 1000, 1000  # scenes to search among, and pairs of neighbours of each kind, when it is measured


class ImageEncoder(nn.Module):
    """8x8 regions of an image -> one vector: nine windows, half as wide as the image, then all of them at once.

    Example:
        >>> ImageEncoder()(torch.zeros(2, 64, 48)).shape
        torch.Size([2, 64])
    """

    def __init__(self, regions: int = 48, width: int = 64, dim: int = 64) -> None:
        super().__init__()
        self.window = nn.Conv2d(regions, width, 4, stride=2)  # 8x8 -> 3x3
        self.out = nn.Linear(9 * width, dim)

    def forward(self, regions: Float[Tensor, "n 64 c"]) -> Float[Tensor, "n d"]:
        """A vector for each of N images, of any length."""
        windows = self.window(rearrange(regions, "n (h w) c -> n c h w", h=8)).relu()
        return self.out(rearrange(windows, "n c h w -> n (c h w)"))


class SharedSpace(nn.Module):
    """Two readers, one space, one learned temperature.

    Example:
        >>> space = SharedSpace()
        >>> round(space.temperature.item(), 2)
        0.07
    """

    def __init__(self, order: bool = True) -> None:
        super().__init__()
        self.image, self.text = ImageEncoder(), TextEncoder(order=order)
        self.log_scale = nn.Parameter(torch.tensor(-math.log(0.07)))  # as CLIP begins

    @property
    def temperature(self) -> Float[Tensor, ""]:
        """tau, above 0 whatever is learned."""
        return (-self.log_scale).exp()

    def loss(self, regions: Tensor, words: Tensor, mask: Tensor) -> Float[Tensor, ""]:
        """`contrastive_loss` of N images and their N captions."""
        similarity = cosine_similarity(self.image(regions), self.text(words, mask))
        return contrastive_loss(similarity, self.temperature)


class Featurised:
    """What the space is trained on: scenes, the regions of one picture each, and captions drawn anew at each call."""

    def __init__(self, scenes: Sequence[Scene], generator: torch.Generator) -> None:
        trunk, self.vectors = load_classifier().trunk, load_scene_vectors()
        parts = [scenes[i : i + 1000] for i in range(0, len(scenes), 1000)]
        self.scenes, self.generator = list(scenes), generator
        self.regions = torch.cat([region_features(render(part, generator=generator), trunk) for part in parts])

    def draw(self, chosen: Tensor, plain: float = 0.0, words: Lexicon = TRAINING_WORDS) -> tuple[Tensor, ...]:
        """Regions (N, 64, 48), words (N, T, 50) and mask (N, T) of N chosen scenes, by their number."""
        simple = (torch.rand(len(chosen), generator=self.generator) < plain).tolist()
        said = [
            caption(self.scenes[i], None if is_simple else self.generator, words=words)
            for i, is_simple in zip(chosen.tolist(), simple, strict=True)
        ]
        return self.regions[chosen], *word_features(said, self.vectors)


def train(
    run: Run, order: bool = True, hard_positives: int = HARD_POSITIVES
) -> Generator[dict[str, float], None, Measured]:
    """Train a space from random weights, write it, and return what `measure` says.

    Args:
        run: as for every recipe.
        order: whether the order of words is read; see `TextEncoder`.
        partners: how many scenes of a batch have their swapped neighbour in it, too.
    """
    generator = run.generator
    scenes = splits()["train"]
    pairs = hard_negative_pairs(scenes, swap_one, 8000, generator, held_out=False)
    seen = Featurised([*scenes, *(scene for pair in pairs for scene in pair)], generator)
    space = seeded(partial(SharedSpace, order), run.seed).to(run.device)

    def one_batch() -> Tensor:
        alone = torch.randint(len(scenes), (BATCH - 2 * hard_positives,), generator=generator)
        first = len(scenes) + 2 * torch.randint(len(pairs), (hard_positives,), generator=generator)
        batch = seen.draw(torch.cat([alone, first, first + 1]), PLAIN)
        return space.loss(*(shard(each).to(run.device) for each in batch))

    yield from named(minimise(space, one_batch, run.steps, run=run))
    save_weights(space.cpu().eval(), run.path)
    return measure(space)


@torch.no_grad()
def measure(space: SharedSpace) -> Measured:
    """How well partners find each other, on compositions and then words that training never showed.

    - recall at 1 and 5 among 1,000 scenes, from image to caption and back, and the modality gap of these;
    - the share of 1,000 pictures whose caption is nearer than a false one: that of a neighbour in which one attribute
      was changed, or one was swapped between the two objects.

    Example:
        >>> measure(load_shared_space())["compositions, image to caption, recall@5"] > 0.9
        True
    """
    generator = torch.Generator().manual_seed(TEST_SEED)
    measured: Measured = {}
    for name, words in (("compositions", TRAINING_WORDS), ("synonyms", HELD_OUT_WORDS)):
        scenes = splits()[f"held_out_{name}"]
        chosen = torch.randperm(len(scenes), generator=generator)[:SEARCHED]
        regions, *said = Featurised([scenes[i] for i in chosen], generator).draw(torch.arange(SEARCHED), words=words)
        u, v = space.image(regions), space.text(*said)
        similarity = cosine_similarity(u, v)
        for way, table in (("image to caption", similarity), ("caption to image", similarity.mT)):
            measured |= {f"{name}, {way}, recall@{k}": recall_at_k(table, k) for k in (1, 5)}
        measured[f"{name}, modality gap"] = modality_gap(u, v)
    for name, kind in (("changed", change_one), ("swapped", swap_one)):
        pairs = hard_negative_pairs(splits()["held_out_compositions"], kind, JUDGED, generator, held_out=True)
        both = Featurised([scene for pair in pairs for scene in pair], generator)
        regions, *said = both.draw(torch.arange(2 * JUDGED))
        nearer = cosine_similarity(space.image(regions[::2]), space.text(*said))
        true, false = nearer[:, ::2].diagonal(), nearer[:, 1::2].diagonal()
        measured[f"one attribute {name}, true caption nearer"] = (true > false).double().mean().item()
    return measured


def load_shared_space(recipe: Recipe | None = None) -> SharedSpace:
    """The space that ships with the course, in evaluation mode, or one of the two that were trained for comparison.

    Args:
        recipe: `SHARED_SPACE_BAG` or `SHARED_SPACE_EASY` for the others.

    Raises:
        DataError: the file of its weights is missing or was changed.

    Example:
        >>> load_shared_space().training
        False
    """
    space = SharedSpace(order=recipe is not SHARED_SPACE_BAG)
    load_weights(space, shipped((recipe or SHARED_SPACE).file))
    return space.eval()


NEEDS = ("weights/recogniser.safetensors", "words/scenes.50d.txt")
SHARED_SPACE = Recipe(
    "shared-space",
    "weights/shared-space.safetensors",
    "images and captions in one space of 64 dimensions",
    steps=2400,
    train=train,
    needs=NEEDS,
)
SHARED_SPACE_BAG = Recipe(
    "shared-space-bag",
    "weights/shared-space-bag.safetensors",
    "the same space with captions as bags of words, for comparison",
    steps=2400,
    train=partial(train, order=False),
    needs=NEEDS,
)
SHARED_SPACE_EASY = Recipe(
    "shared-space-easy",
    "weights/shared-space-easy.safetensors",
    "the same space trained without swapped neighbours in its batches, for comparison",
    steps=2400,
    train=partial(train, hard_positives=0),
    needs=NEEDS,
)
