"""The judge of generated pictures: trained on nine tenths of the world of scenes, measured on the rest."""

from collections.abc import Generator

import torch

from mmgen_course.data.weights import save_weights
from mmgen_course.features.classifier import SceneClassifier, accuracy, random_scenes
from mmgen_course.recipes.recipe import TEST_SEED, Measured, Recipe, named
from mmgen_course.recipes.recogniser import train_classifier
from mmgen_course.scenes import render
from mmgen_course.train import Run, seeded

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
    """Train a recogniser from random weights, write it, and return what `measure` says.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     losses = train(Run(Path(folder, "classifier.safetensors"), steps=2))
        ...     next(losses)["loss"] > 0
        True
    """
    classifier = seeded(SceneClassifier, run.seed).to(run.device)
    yield from named(train_classifier(classifier, run.steps, run.generator, run=run))
    classifier.cpu().eval()
    save_weights(classifier, run.path)
    return measure(classifier)


RECOGNISER = Recipe(
    "recogniser",
    "weights/recogniser.safetensors",
    "the scene classifier: reads a scene from its picture, 32x32, generated ones too",
    steps=4500,
    train=train,
)
