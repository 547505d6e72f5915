"""The data sets that generators learn from: scenes drawn from a split, with a picture and a caption of each.

`CaptionedScenes` has scenes of one and of two objects (lesson 10_text_to_image), `SingleObjectScenes` those of one
(lessons 07_gan and 08_vae): there the mean of a caption's word vectors says it all, since whose colour a colour is
needs word order only where there are two.
"""

from collections.abc import Collection
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from mmgen_course.scenes import TRAINING_WORDS, Scene, caption, render, splits
from mmgen_course.scenes.words import EVERYTHING, Lexicon

PLAIN = 0.25  # of the captions in the plainest words: word order is learned from these first, the rest follow


class SceneBatch(NamedTuple):
    """N scenes, a picture of each in [-1, 1], and a caption."""

    images: Float[Tensor, "n 3 32 32"]
    captions: list[str]
    scenes: list[Scene]


class CaptionedScenes:
    """Draws scenes, half of them of one object, each time with other strays, other paraphrases and synonyms.

    The captions name everything; `mmgen_course.scenes.complete` brings other captions to this form.

    Args:
        generator: whatever is random comes from it.

    Example:
        >>> batch = CaptionedScenes(torch.Generator().manual_seed(0)).draw(4)
        >>> batch.images.shape, len(batch.captions), [len(scene.objects) for scene in batch.scenes]
        (torch.Size([4, 3, 32, 32]), 4, [1, 1, 2, 2])
    """

    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator
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
    ) -> SceneBatch:
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
        captions = [
            caption(scene, None if simple and words is TRAINING_WORDS else self.generator, naming=naming, words=words)
            for scene, simple in zip(chosen, plain, strict=True)
        ]
        return SceneBatch(render(chosen, generator=self.generator), captions, chosen)

    def _some(self, n: int, split: str, objects: int) -> list[Scene]:
        scenes = self.scenes[split, objects]
        return [scenes[i] for i in torch.randint(len(scenes), (n,), generator=self.generator).tolist()]


class SingleObjectScenes:
    """Draws scenes of one object, each time with other strays, other paraphrases and synonyms.

    Args:
        generator: whatever is random comes from it.

    Example:
        >>> batch = SingleObjectScenes(torch.Generator().manual_seed(0)).draw(4)
        >>> batch.images.shape, len(batch.captions), {len(scene.objects) for scene in batch.scenes}
        (torch.Size([4, 3, 32, 32]), 4, {1})
    """

    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator
        self.scenes = {
            name: [scene for scene in scenes if len(scene.objects) == 1] for name, scenes in splits().items()
        }

    def draw(self, n: int, split: str = "train", words: Lexicon = TRAINING_WORDS) -> SceneBatch:
        """Draw n scenes of a split, with repetition, and a picture and a caption that names everything of each.

        Args:
            n: how many.
            split: a name in `mmgen_course.scenes.splits()`.
            words: what the captions may call things.
        """
        scenes = self.scenes[split]
        chosen = [scenes[i] for i in torch.randint(len(scenes), (n,), generator=self.generator).tolist()]
        captions = [caption(scene, self.generator, words=words) for scene in chosen]
        return SceneBatch(render(chosen, generator=self.generator), captions, chosen)
