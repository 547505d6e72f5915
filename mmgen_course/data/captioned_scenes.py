"""Scenes of one and of two objects go in; what a text-to-image model learns from comes out: pictures, and words.

The captions name everything; `mmgen_course.scenes.complete` brings other captions to this form. Lesson
10_text_to_image trains on it.
"""

from collections.abc import Collection
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mmgen_course.features.encoders import word_features
from mmgen_course.features.glove import load_scene_vectors
from mmgen_course.features.vectors import WordVectors
from mmgen_course.scenes import TRAINING_WORDS, Scene, caption, render, splits
from mmgen_course.scenes.words import EVERYTHING, Lexicon

PLAIN = 0.25  # of the captions in the plainest words: word order is learned from these first, the rest follow


class Batch(NamedTuple):
    """N scenes with their pictures in [-1, 1], their captions, and a vector for each of at most T words of these."""

    images: Float[Tensor, "n 3 32 32"]
    words: Float[Tensor, "n t d"]
    mask: Bool[Tensor, "n t"]
    captions: list[str]
    scenes: list[Scene]


class CaptionedScenes:
    """Draws scenes, half of them of one object, each time with other strays, other paraphrases and synonyms.

    Args:
        generator: whatever is random comes from it.
        vectors: of words; default: those of lesson 04.

    Example:
        >>> batch = CaptionedScenes(torch.Generator().manual_seed(0)).draw(4)
        >>> batch.images.shape, batch.words.shape[2], [len(scene.objects) for scene in batch.scenes]
        (torch.Size([4, 3, 32, 32]), 50, [1, 1, 2, 2])
    """

    def __init__(self, generator: torch.Generator, vectors: WordVectors | None = None) -> None:
        self.generator = generator
        self.vectors = vectors or load_scene_vectors()
        self.scenes = {
            (name, objects): [scene for scene in scenes if len(scene.objects) == objects]
            for name, scenes in splits().items()
            for objects in (1, 2)
        }

    def draw(
        self,
        n: int,
        split: str = "train",
        pairs: float = 0.5,
        *,
        naming: Collection[str] = EVERYTHING,
        words: Lexicon = TRAINING_WORDS,
    ) -> Batch:
        """Draw n scenes of a split, with repetition, and a picture and a caption of each.

        Args:
            n: how many.
            split: a name in `mmgen_course.scenes.splits()`.
            pairs: the share of scenes of two objects; they come last.
            naming, words: of the captions; see `mmgen_course.scenes.caption`.
        """
        two = round(n * pairs)
        chosen = [*self._some(n - two, split, 1), *self._some(two, split, 2)]
        plain = (torch.rand(n, generator=self.generator) < PLAIN).tolist()
        said = [
            caption(scene, None if simple and words is TRAINING_WORDS else self.generator, naming=naming, words=words)
            for scene, simple in zip(chosen, plain, strict=True)
        ]
        return Batch(render(chosen, generator=self.generator), *word_features(said, self.vectors), said, chosen)

    def _some(self, n: int, split: str, objects: int) -> list[Scene]:
        scenes = self.scenes[split, objects]
        return [scenes[i] for i in torch.randint(len(scenes), (n,), generator=self.generator).tolist()]
