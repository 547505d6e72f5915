"""Scenes of one object go in; what a conditional generator learns from comes out: pictures, captions, conditions.

The condition is the mean of the caption's word vectors (lesson 04). With one object nothing is lost by it: whose colour
a colour is needs word order only where there are two. Lessons 07_gan and 08_vae condition on it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from mmgen_course.features.encoders import word_features
from mmgen_course.features.glove import load_scene_vectors
from mmgen_course.fusion import masked_mean
from mmgen_course.scenes import TRAINING_WORDS, Scene, caption, render, splits
from mmgen_course.scenes.words import Lexicon


class Batch(NamedTuple):
    """N scenes with their pictures in [-1, 1], captions that name everything, and the conditions made of these."""

    images: Float[Tensor, "n 3 32 32"]
    condition: Float[Tensor, "n 50"]
    captions: list[str]
    scenes: list[Scene]


class SingleObjectScenes:
    """Draws scenes of one object, each time with other strays, other paraphrases and synonyms.

    Args:
        generator: whatever is random comes from it.

    Example:
        >>> batch = SingleObjectScenes(torch.Generator().manual_seed(0)).draw(4)
        >>> batch.images.shape, batch.condition.shape, {len(scene.objects) for scene in batch.scenes}
        (torch.Size([4, 3, 32, 32]), torch.Size([4, 50]), {1})
    """

    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator
        self.vectors = load_scene_vectors()
        self.scenes = {
            name: [scene for scene in scenes if len(scene.objects) == 1] for name, scenes in splits().items()
        }
        # a generator of their own: the same two numbers a component, whatever is drawn otherwise
        own = torch.Generator().manual_seed(0)
        means = self._means([caption(scene, own) for scene in self.scenes["train"]])
        self.mean, self.std = means.mean(dim=0), means.std(dim=0)

    def draw(self, n: int, split: str = "train", words: Lexicon = TRAINING_WORDS) -> Batch:
        """Draw n scenes of a split, with repetition, and a picture and a caption of each.

        Args:
            n: how many.
            split: a name in `mmgen_course.scenes.splits()`.
            words: what the captions may call things.
        """
        scenes = self.scenes[split]
        chosen = [scenes[i] for i in torch.randint(len(scenes), (n,), generator=self.generator).tolist()]
        said = [caption(scene, self.generator, words=words) for scene in chosen]
        return Batch(render(chosen, generator=self.generator), self.condition_of(said), said, chosen)

    def condition_of(self, captions: Sequence[str]) -> Float[Tensor, "n 50"]:
        """The conditions of N captions: each component has mean 0 and variance 1 over captions of training scenes.

        Raises:
            ValueError: a caption without words, or with words that have no vector; the message names them.
        """
        return (self._means(captions) - self.mean) / self.std

    def _means(self, captions: Sequence[str]) -> Float[Tensor, "n 50"]:
        return masked_mean(*word_features(captions, self.vectors))
