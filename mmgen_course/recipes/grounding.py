"""How the grounding model of lesson 05_attention was trained, and what was measured.

Its labels say which words of a caption are true of a picture, never of which region.
"""

from collections.abc import Collection, Generator, Iterator, Sequence
from typing import NamedTuple

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor

from mmgen_course.data.weights import save_weights
from mmgen_course.features.classifier import load_classifier
from mmgen_course.features.encoders import region_features, word_features
from mmgen_course.features.glove import load_scene_vectors
from mmgen_course.fusion.grounding import Grounding, GroundingModel, word_loss
from mmgen_course.recipes.recipe import TEST_SEED, Measured, Recipe, named
from mmgen_course.scenes import BASE_WORDS, HELD_OUT_WORDS, TRAINING_WORDS, Scene, caption, render, splits
from mmgen_course.scenes.false_captions import exchanged, true_and_false_captions
from mmgen_course.scenes.words import EVERYTHING, Lexicon
from mmgen_course.scenes.world import APPEARANCE, pick
from mmgen_course.train import Run, minimise, seeded

ALONE_FIRST = 0.1  # the share of the steps in which all pictures show one object
ALONE_LATER = 0.25  # the share of pictures with one object afterwards
SIDE = 8  # regions in a row, and in a column


def train(run: Run) -> Generator[dict[str, float], None, Measured]:
    """Train a grounding model, write it, and return what `measure` says.

    At first all pictures show one object, so that words find their features; then three of four show a pair, so that
    words must find their objects. Trained on pairs from the start, it learns far more slowly.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     losses = train(Run(Path(folder, "grounding.safetensors"), steps=2))
        ...     next(losses)["loss"] > 0
        True
    """
    grounding = untrained(run.seed)
    grounding.model.to(run.device)
    yield from named(train_grounding(grounding, run.steps, run.generator, run=run))
    grounding.model.cpu().eval()
    save_weights(grounding.model, run.path)
    return measure(grounding)


def untrained(seed: int) -> GroundingModel:
    """A grounding model with random weights, which depend on the seed alone.

    Example:
        >>> untrained(seed=0).model.training
        True
    """
    vectors, trunk = load_scene_vectors(), load_classifier().trunk
    return GroundingModel(seeded(lambda: Grounding(vectors.matrix.shape[1], trunk.dim), seed), trunk, vectors)


def train_grounding(
    grounding: GroundingModel,
    steps: int,
    generator: torch.Generator,
    batch: int = 64,
    rate: float = 3e-3,
    run: Run | None = None,
) -> Iterator[float]:
    """Train on a true and a false caption for each picture, and yield the loss after each step.

    Example:
        >>> losses = list(train_grounding(untrained(0), 2, torch.Generator().manual_seed(0), batch=4))
    """
    run = run or Run()
    scenes = splits()["train"]
    alone, pairs = ([scene for scene in scenes if len(scene.objects) == n] for n in (1, 2))

    def draw() -> tuple[Tensor, ...]:
        n_alone = batch if run.step < ALONE_FIRST * steps else round(ALONE_LATER * batch)
        shown = [pick(alone if i < n_alone else pairs, generator) for i in range(batch)]
        captions = [one for scene in shown for one in true_and_false_captions(scene, generator)]
        words, mask = word_features([one.text for one in captions], grounding.vectors)
        true = torch.zeros(mask.shape, dtype=torch.bool)
        true[mask] = torch.tensor([word for one in captions for word in one.true])
        regions = region_features(render(shown, generator=generator), grounding.trunk).repeat_interleave(2, dim=0)
        return words, mask, regions, true

    def loss(words: Tensor, mask: Tensor, regions: Tensor, true: Tensor) -> Tensor:
        return word_loss(grounding.model(words, mask, regions).truth, mask, true)

    return minimise(grounding.model, loss, steps, rate, run, draw)


def measure(grounding: GroundingModel, n: int = 1000) -> Measured:
    """How many captions are classified rightly, and how many words look at their object, over n pairs of each kind.

    Example:
        >>> from mmgen_course.fusion.grounding import load_grounding
        >>> measure(load_grounding(), n=20)["colour words that point at their object"]
        1.0
    """
    unseen, composed = (
        [scene for scene in splits()[name] if scene.relation][:n]
        for name in ("held_out_synonyms", "held_out_compositions")
    )
    measured = {
        "captions classified rightly, new scenes": accuracy(grounding, unseen),
        "captions classified rightly, held-out compositions": accuracy(grounding, composed),
        "captions classified rightly, held-out synonyms": accuracy(grounding, unseen, HELD_OUT_WORDS),
    }
    for name in APPEARANCE:
        found = pointing(grounding, composed, name)
        measured[f"{name} words that point at their object"] = found.hit.double().mean().item()
        measured[f"{name} words' attention on their object's half"] = found.share.double().mean().item()
        measured[f"true caption preferred to exchanged {name}"] = truth_preferred(grounding, composed, name)
    for wording, naming in {"shortest caption": ("position",), "without who is where": ("size", "style")}.items():
        measured[f"the same for colour, {wording}"] = truth_preferred(grounding, composed, "colour", naming)
    return measured


def accuracy(grounding: GroundingModel, scenes: Sequence[Scene], words: Lexicon = TRAINING_WORDS) -> float:
    """The share of captions, a true and a false one for each scene, that are classified rightly; chance is 0.5.

    Example:
        >>> from mmgen_course.fusion.grounding import load_grounding
        >>> 0.5 < accuracy(load_grounding(), splits()["train"][-20:]) <= 1
        True
    """
    generator = torch.Generator().manual_seed(TEST_SEED)
    captions = [one for scene in scenes for one in true_and_false_captions(scene, generator, words, anything=True)]
    output = grounding(render(list(scenes)).repeat_interleave(2, dim=0), [one.text for one in captions])
    true = torch.tensor([all(one.true) for one in captions])
    return ((output.probability > 0.5) == true).double().mean().item()


def truth_preferred(
    grounding: GroundingModel, scenes: Sequence[Scene], name: str, naming: Collection[str] = EVERYTHING
) -> float:
    """The share of pairs whose true caption is found likelier than one that exchanges an attribute of the two.

    Chance is 0.5: all words can be found in the picture, and only whose they are is wrong. Pairs that agree in the
    attribute or in shape are left out. The captions are the plainest that name what `naming` says.

    Example:
        >>> from mmgen_course.fusion.grounding import load_grounding
        >>> 0 <= truth_preferred(load_grounding(), splits()["train"][-20:], "colour") <= 1
        True
    """

    def written(scene: Scene) -> str:
        return caption(scene, naming={*naming, name}, words=BASE_WORDS)

    pairs = [scene for scene in scenes if _differ(scene, name) and _differ(scene, "shape")]
    true = [written(scene) for scene in pairs]
    false = [written(exchanged(scene, name)) for scene in pairs]
    pictures = render(pairs)
    return (grounding(pictures, true).probability > grounding(pictures, false).probability).double().mean().item()


def _differ(scene: Scene, name: str) -> bool:
    """Whether a scene has two objects, and these differ in an attribute."""
    return len({getattr(thing, name) for thing in scene.objects}) == 2


class Pointing(NamedTuple):
    """Of n words that name what only one of two objects is: how much of their attention is in that object's half.

    `share` (n,) of the weights, `hit` (n,) whether the region with the largest weight is there. Chance is 0.5 for both.
    """

    share: Float[Tensor, " n"]
    hit: Bool[Tensor, " n"]


def pointing(grounding: GroundingModel, scenes: Sequence[Scene], name: str) -> Pointing:
    """Where the words for one attribute attend to, in plain captions of the pairs that differ in it.

    Example:
        >>> from mmgen_course.fusion.grounding import load_grounding
        >>> pointing(load_grounding(), splits()["train"][-20:], "colour").hit.all()
        tensor(True)
    """
    pairs = [scene for scene in scenes if _differ(scene, name)]
    texts = [caption(scene, words=BASE_WORDS) for scene in pairs]
    maps = rearrange(grounding(render(pairs), texts).weights, "n t (row column) -> n t row column", row=SIDE)
    share, hit = [], []
    for scene, text, of_words in zip(pairs, texts, maps, strict=True):
        for thing in scene.objects:
            weights = of_words[text.split().index(getattr(thing, name))]  # (row, column)
            weights = weights if thing.position in ("top", "bottom") else weights.T
            half = weights[: SIDE // 2] if thing.position in ("top", "left") else weights[SIDE // 2 :]
            share.append(half.sum())
            hit.append(half.max() == weights.max())
    return Pointing(torch.stack(share), torch.stack(hit))


GROUNDING = Recipe(
    "grounding",
    "weights/grounding.safetensors",
    "tells which words of a caption are true of a picture, and where each looks",
    steps=4000,
    train=train,
    needs=("weights/recogniser.safetensors", "words/scenes.50d.txt"),
)
