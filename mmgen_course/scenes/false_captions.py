"""What can be said of a scene: a scene goes in; a true caption and a false one come out, word by word true or false.

What the grounding model of lesson 05_attention learns from.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import torch

from mmgen_course.features import classifier
from mmgen_course.scenes import ATTRIBUTES, BACKGROUNDS, TRAINING_WORDS, Scene, caption, parse
from mmgen_course.scenes.splits import is_held_out
from mmgen_course.scenes.words import EVERYTHING, Lexicon
from mmgen_course.scenes.world import ALONE, pick

APPEARANCE = tuple(classifier.APPEARANCE)
OPPOSITE = {"left": "right", "above": "below", "over": "under", "top": "bottom"}
OPPOSITE |= {other: word for word, other in OPPOSITE.items()}

# What a lie is about, and how often: who is where, what shape a thing is, or how it looks otherwise. Not all at once,
# so that it stays clear which thing is meant.
MOVED, SHAPE = 0.15, 0.25
CHANGED = 0.4  # how likely each attribute is drawn anew in the lie


class LabelledCaption(NamedTuple):
    """A caption, and for each of its words whether it is true of the scene."""

    text: str
    true: list[bool]


def true_and_false_captions(
    scene: Scene, generator: torch.Generator, words: Lexicon = TRAINING_WORDS, anything: bool = False
) -> tuple[LabelledCaption, LabelledCaption]:
    """A true caption of a scene, and one in the same words but for those that make it false.

    New values are drawn evenly. Were they taken from the other object, to make the lie harder, then what the *other*
    object has would give the lie away, and a model learns to look there.

    Args:
        scene: what is true.
        generator: draws the lie, and how it is said.
        words: the words to choose from.
        anything: with False no lie tells of a held-out composition, so that being unseen is no sign of being false.

    Example:
        >>> said, lie = true_and_false_captions(parse("a large red star").complete(), torch.Generator().manual_seed(0), anything=True)
        >>> all(said.true), all(lie.true)
        (True, False)
    """
    while True:
        kind, how_much, *draws = torch.rand(2 + len(EVERYTHING), generator=generator).tolist()
        naming = [name for name, x in zip(EVERYTHING, draws, strict=True) if x < how_much]
        wording = int(torch.randint(2**31, (), generator=generator))  # the same paraphrase and synonyms for both
        if kind < MOVED:
            told = _moved(scene, generator)
        else:
            told = _changed(scene, APPEARANCE[:1] if kind < MOVED + SHAPE else APPEARANCE[1:], generator)
        said, lie = (
            caption(one, torch.Generator().manual_seed(wording), naming=naming, words=words) for one in (scene, told)
        )
        if kind < MOVED and scene.relation:  # let the words change places, not the things
            lie = " ".join(OPPOSITE.get(word, word) for word in said.split())
        if (anything or not is_held_out(told)) and not parse(lie).hold_for(scene):
            return LabelledCaption(said, [True] * len(said.split())), LabelledCaption(
                lie, true_words(lie.split(), said.split())
            )


def _moved(scene: Scene, generator: torch.Generator) -> Scene:
    places = [thing.position for thing in scene.objects][::-1] if scene.relation else [pick(ALONE, generator)]
    return _with(scene, [{"position": place} for place in places])


def _changed(scene: Scene, names: Sequence[str], generator: torch.Generator) -> Scene:
    """Each of these attributes of each object drawn anew by chance, and so the background."""

    def coin() -> bool:
        return torch.rand((), generator=generator).item() < CHANGED

    scene = replace(scene, background=BACKGROUNDS[BACKGROUNDS.index(scene.background) ^ coin()])
    return _with(scene, [{n: pick(ATTRIBUTES[n], generator) for n in names if coin()} for _ in scene.objects])


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


def true_words(lie: Sequence[str], said: Sequence[str]) -> list[bool]:
    """Which words of a false caption are true: those that the true one has, at the same place if both are as long.

    An article is never false.

    Example:
        >>> true_words("an orange star".split(), "a red star".split())
        [True, False, True]
    """
    if len(lie) == len(said):
        return [word == other or {word, other} == {"a", "an"} for word, other in zip(lie, said, strict=True)]
    return [word in said for word in lie]
