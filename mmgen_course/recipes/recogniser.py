"""The classifier of scenes, trained on nine tenths of their world, and measured on the rest."""

from collections.abc import Generator, Iterator

import torch
from torch import Tensor

from mmgen_course.data.weights import save_weights
from mmgen_course.features.classifier import SceneClassifier, accuracy, loss, random_scenes
from mmgen_course.recipes.recipe import TEST_SEED, Measured, Recipe, named
from mmgen_course.scenes import encode, render
from mmgen_course.train import Run, minimise, seeded

MEASURED_ON = 20_000  # scenes, half of them pairs


def measure(classifier: SceneClassifier, n: int = MEASURED_ON) -> Measured:
    """The share of attributes read rightly, over n scenes that training never showed, drawn with random strays.

    Example:
        >>> measure(SceneClassifier(), n=2).keys() >= {"shape", "style", "scene"}
        True
    """
    generator = torch.Generator().manual_seed(TEST_SEED)
    scenes = random_scenes(n, generator, unseen=True)
    read = [scene for part in render(scenes, generator=generator).split(1000) for scene in classifier.read(part)]
    return accuracy(scenes, read)


def train(run: Run) -> Generator[dict[str, float], None, Measured]:
    """Train a classifier from random weights, write it, and return what `measure` says.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     losses = train(Run(Path(folder, "recogniser.safetensors"), steps=2))
        ...     next(losses)["loss"] > 0
        True
    """
    classifier = seeded(SceneClassifier, run.seed).to(run.device)
    yield from named(train_classifier(classifier, run.steps, run.generator, run=run))
    classifier.cpu().eval()
    save_weights(classifier, run.path)
    return measure(classifier)


def train_classifier(
    classifier: SceneClassifier,
    steps: int,
    generator: torch.Generator,
    batch: int = 64,
    rate: float = 3e-3,
    run: Run | None = None,
) -> Iterator[float]:
    """Train on freshly drawn pictures, and yield the loss after each step; see `mmgen_course.train.minimise`.

    Example:
        >>> losses = list(train_classifier(SceneClassifier(), 2, torch.Generator().manual_seed(0), batch=2))
    """

    def draw() -> tuple[Tensor, ...]:
        scenes = random_scenes(batch, generator)
        return render(scenes, generator=generator), *encode(scenes)

    def error(pictures: Tensor, codes: Tensor, backgrounds: Tensor) -> Tensor:
        return loss(classifier(pictures), codes, backgrounds)

    return minimise(classifier, error, steps, rate, run, draw)


RECOGNISER = Recipe(
    "recogniser",
    "weights/recogniser.safetensors",
    "the scene classifier: reads a scene from its picture, 32x32, generated ones too",
    steps=4500,
    train=train,
)
