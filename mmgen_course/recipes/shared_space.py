"""How the shared space of lesson 06_shared_space was trained, and what was measured.

Two others were trained for comparison: one reads captions as bags of words, one never meets hard negatives.
"""

from collections.abc import Generator, Sequence
from functools import partial

import torch
from torch import Tensor

from mmgen_course.data.weights import save_weights
from mmgen_course.features.classifier import load_classifier
from mmgen_course.features.encoders import region_features, word_features
from mmgen_course.features.glove import load_scene_vectors
from mmgen_course.fusion import cosine_similarity, modality_gap, recall_at_k
from mmgen_course.fusion.shared_space import SharedSpace
from mmgen_course.recipes.recipe import TEST_SEED, Measured, Recipe, named
from mmgen_course.scenes import HELD_OUT_WORDS, TRAINING_WORDS, Scene, caption, render, splits
from mmgen_course.scenes.hard_negatives import change_one, hard_negative_pairs, swap_one
from mmgen_course.scenes.words import Lexicon
from mmgen_course.train import Run, minimise, seeded

BATCH = 192  # pairs: that many images, and a caption of each
HARD_NEGATIVES = 48  # of these, scenes whose hard negative by `swap_one` is in the batch, too
PLAIN = 0.5  # of the captions in the plainest words: word order is learned from these first, the rest follow
SEARCHED, COMPARED = 1000, 1000  # scenes to search among, and pairs with hard negatives of each kind, when measured


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
        captions = [
            caption(self.scenes[i], None if is_simple else self.generator, words=words)
            for i, is_simple in zip(chosen.tolist(), simple, strict=True)
        ]
        return self.regions[chosen], *word_features(captions, self.vectors)


def train(
    run: Run, order: bool = True, hard_negatives: int = HARD_NEGATIVES
) -> Generator[dict[str, float], None, Measured]:
    """Train a space from random weights, write it, and return what `measure` says.

    Args:
        run: as for every recipe.
        order: whether the order of words is read; see `TextEncoder`.
        hard_negatives: how many scenes of a batch have their hard negative in it, too.
    """
    generator = run.generator
    scenes = splits()["train"]
    pairs = hard_negative_pairs(scenes, swap_one, 8000, generator, held_out=False)
    data = Featurised([*scenes, *(scene for pair in pairs for scene in pair)], generator)
    space = seeded(partial(SharedSpace, order), run.seed).to(run.device)

    def draw() -> tuple[Tensor, ...]:
        alone = torch.randint(len(scenes), (BATCH - 2 * hard_negatives,), generator=generator)
        first = len(scenes) + 2 * torch.randint(len(pairs), (hard_negatives,), generator=generator)
        return data.draw(torch.cat([alone, first, first + 1]), PLAIN)

    yield from named(minimise(space, space.loss, run.steps, run=run, batch=draw))
    save_weights(space.cpu().eval(), run.path)
    return measure(space)


@torch.no_grad()
def measure(space: SharedSpace) -> Measured:
    """How well images and captions find each other, on compositions and then words that training never showed.

    - recall at 1 and 5 among 1,000 scenes, from image to caption and back, and the modality gap of these;
    - the share of 1,000 pictures whose caption is nearer than a false one: that of a scene in which one attribute
      was changed, or one was swapped between the two objects.

    Example:
        >>> from mmgen_course.fusion.shared_space import load_shared_space
        >>> measure(load_shared_space())["compositions, image to caption, recall@5"] > 0.9
        True
    """
    generator = torch.Generator().manual_seed(TEST_SEED)
    measured: Measured = {}
    for name, words in (("compositions", TRAINING_WORDS), ("synonyms", HELD_OUT_WORDS)):
        scenes = splits()[f"held_out_{name}"]
        chosen = torch.randperm(len(scenes), generator=generator)[:SEARCHED]
        regions, *text = Featurised([scenes[i] for i in chosen], generator).draw(torch.arange(SEARCHED), words=words)
        u, v = space.image(regions), space.text(*text)
        similarity = cosine_similarity(u, v)
        for way, table in (("image to caption", similarity), ("caption to image", similarity.mT)):
            measured |= {f"{name}, {way}, recall@{k}": recall_at_k(table, k) for k in (1, 5)}
        measured[f"{name}, modality gap"] = modality_gap(u, v)
    for name, kind in (("changed", change_one), ("swapped", swap_one)):
        pairs = hard_negative_pairs(splits()["held_out_compositions"], kind, COMPARED, generator, held_out=True)
        both = Featurised([scene for pair in pairs for scene in pair], generator)
        regions, *text = both.draw(torch.arange(2 * COMPARED))
        nearer = cosine_similarity(space.image(regions[::2]), space.text(*text))
        true, false = nearer[:, ::2].diagonal(), nearer[:, 1::2].diagonal()
        measured[f"one attribute {name}, true caption nearer"] = (true > false).double().mean().item()
    return measured


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
    "the same space trained without hard negatives in its batches, for comparison",
    steps=2400,
    train=partial(train, hard_negatives=0),
    needs=NEEDS,
)
