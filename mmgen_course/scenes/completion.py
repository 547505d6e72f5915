"""Completes captions that leave things open, each time in another way.

A model that draws from full captions then draws from every caption, and as differently as the caption allows. Lesson
10_text_to_image uses it: p(picture | caption) is a mean over the ways to complete the caption.
"""

import re

import torch

from mmgen_course.scenes.parsing import parse
from mmgen_course.scenes.words import (
    EVERYTHING,
    MEANINGS,
    THING_BEFORE,
    THING_BEHIND,
    TRAINING_WORDS,
    caption,
    templates,
)
from mmgen_course.scenes.world import Scene

_SIZE, _STYLE, _COLOUR, _SHAPE = (
    f"(?:{'|'.join(word for word, (name, _) in MEANINGS.items() if name == kind)})"
    for kind in ("size", "style", "colour", "shape")
)
_THING = re.compile(
    "|".join(
        form.replace("a ", "an? ", 1).format(adjectives=between.join((_SIZE, _STYLE, _COLOUR)), noun=_SHAPE)
        for form, between in ((THING_BEFORE, " "), (THING_BEHIND, " and "))
    )
)


def complete(text: str, generator: torch.Generator | None = None) -> str:
    """Say also what a caption leaves open; one that says everything is returned as it is, in lower case.

    One that says everything in a form that `caption` never writes is said anew: no model has read it.

    Its own words for shapes, colours, sizes and styles are kept, and used for whatever else is so; where it has two
    words for one value, either may be used.

    Args:
        text: a caption that `parse` reads.
        generator: decides what is open, and how to say it; without it as `Constraints.complete` and `caption` do.

    Raises:
        UnknownWords, ValueError: as `parse` does.

    Source: more words for the generator than the user wrote, "caption upsampling": J. Betker et al., "Improving Image
    Generation with Better Captions", OpenAI 2023; there by a language model.

    Example:
        >>> complete("a crimson disc above a small box")
        'a large flat crimson disc above a small flat crimson box on a light background'
        >>> complete("A small flat red circle in the centre on a light background.")
        'a small flat red circle in the centre on a light background'
        >>> complete("In the center is a small flat red circle on a light background.")
        'a small flat red circle in the centre on a light background'
    """
    said = parse(text)
    words = re.findall(r"[^\W_]+", text.lower())
    if not said.unsaid and _is_written(" ".join(words), said.scene()):
        return " ".join(words)
    own: dict[str, tuple[str, ...]] = {}
    for word in words:
        if word in MEANINGS:
            value = MEANINGS[word][1]
            own[value] = (*own.get(value, ()), word)
    return caption(said.complete(generator), generator, words={**TRAINING_WORDS, **own})


def _is_written(text: str, scene: Scene) -> bool:
    """Whether a full caption is one that `caption` can write about a scene, in whatever words for its things."""
    return _THING.sub("{}", text) in {sentence.format("{}", "{}") for sentence in templates(scene, EVERYTHING)}
