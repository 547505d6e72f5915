"""True and false captions of a scene, in the same words but for those that make the difference.

What the grounding model of lesson 05_attention learns from: word by word, whether it is true.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import torch

from mmgen_course.scenes.parsing import parse
from mmgen_course.scenes.splits import is_held_out
from mmgen_course.scenes.words import EVERYTHING, TRAINING_WORDS, Lexicon, caption
from mmgen_course.scenes.world import ALONE, APPEARANCE, ATTRIBUTES, BACKGROUNDS, Scene, pick

OPPOSITE = {"left": "right", "above": "below", "over": "under", "top": "bottom"}
OPPOSITE |= {other: word for word, other in OPPOSITE.items()}

# What a false caption gets wrong, and how often: who is where, what shape a thing is, or how it looks otherwise. Not
# all at once, so that it stays clear which thing is meant.
MOVED, SHAPE = 0.15, 0.25
CHANGED = 0.4  # how likely each attribute is drawn anew


class LabelledCaption(NamedTuple):
    """A caption, and for each of its words whether it is true of the scene."""

    text: str
    true: list[bool]


def true_and_false_captions(
    scene: Scene, generator: torch.Generator, words: Lexicon = TRAINING_WORDS, anything: bool = False
) -> tuple[LabelledCaption, LabelledCaption]:
    """A true caption of a scene, and one in the same words but for those that make it false.

    New values are drawn evenly. Were they taken from the other object, to make it harder, then what the *other*
    object has would give the false caption away, and a model learns to look there.

    Args:
        scene: what is true.
        generator: draws what is false, and how it is said.
        words: the words to choose from.
        anything: with False no false caption tells of a held-out composition, so that being unseen is no sign of being
            false.

    Example:
        >>> scene, generator = parse("a large red star").complete(), torch.Generator().manual_seed(0)
        >>> true, false = true_and_false_captions(scene, generator, anything=True)
        >>> all(true.true), all(false.true)
        (True, False)
    """
    while True:
        kind, how_much, *draws = torch.rand(2 + len(EVERYTHING), generator=generator).tolist()
        naming = [name for name, x in zip(EVERYTHING, draws, strict=True) if x < how_much]
        paraphrase = int(torch.randint(2**31, (), generator=generator))  # and synonyms, the same for both
        shape, *rest = APPEARANCE
        if kind < MOVED:
            other = _moved(scene, generator)
        else:
            other = _changed(scene, [shape] if kind < MOVED + SHAPE else rest, generator)
        true, false = (
            caption(shown, torch.Generator().manual_seed(paraphrase), naming=naming, words=words)
            for shown in (scene, other)
        )
        if kind < MOVED and scene.relation:  # let the words change places, not the things
            false = " ".join(OPPOSITE.get(word, word) for word in true.split())
        if (anything or not is_held_out(other)) and not parse(false).hold_for(scene):
            labels = true_words(false.split(), true.split())
            return LabelledCaption(true, [True] * len(true.split())), LabelledCaption(false, labels)


def _moved(scene: Scene, generator: torch.Generator) -> Scene:
    places = [thing.position for thing in scene.objects][::-1] if scene.relation else [pick(ALONE, generator)]
    return _with(scene, [{"position": place} for place in places])


def _changed(scene: Scene, names: Sequence[str], generator: torch.Generator) -> Scene:
    """Each of these attributes of each object drawn anew by chance, and so the background."""

    def by_chance() -> bool:
        return torch.rand((), generator=generator).item() < CHANGED

    if by_chance():
        (other,) = {*BACKGROUNDS} - {scene.background}
        scene = replace(scene, background=other)
    new: list[dict[str, str]] = []
    for _ in scene.objects:
        new.append({})
        for name in names:
            if by_chance():
                new[-1][name] = pick(ATTRIBUTES[name], generator)
    return _with(scene, new)


def _with(scene: Scene, new: Sequence[dict[str, str]]) -> Scene:
    return replace(scene, objects=tuple(replace(thing, **it) for thing, it in zip(scene.objects, new, strict=True)))


def exchanged(scene: Scene, name: str) -> Scene:
    """The pair after its objects exchanged one attribute.

    Example:
        >>> pair = parse("a red star left of a blue cross").complete()
        >>> [thing.colour for thing in exchanged(pair, "colour").objects]
        ['blue', 'red']
    """
    return _with(scene, [{name: getattr(thing, name)} for thing in scene.objects[::-1]])


def true_words(false: Sequence[str], true: Sequence[str]) -> list[bool]:
    """Which words of a false caption are true: those that the true one has, at the same place if both are as long.

    An article is never false.

    Example:
        >>> true_words("an orange star".split(), "a red star".split())
        [True, False, True]
    """
    if len(false) == len(true):
        return [word == other or {word, other} == {"a", "an"} for word, other in zip(false, true, strict=True)]
    return [word in true for word in false]
