"""Reads captions: a sentence goes in, what it says about a scene comes out, or an error that names the words.

This is what makes "does the picture show what the sentence says" a question with an answer; see lesson 00.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from itertools import permutations
from typing import TypeVar

import torch

from mmgen_course.scenes.words import FILLERS, KNOWN_WORDS, PHRASES, Symbol
from mmgen_course.scenes.world import (
    ALONE,
    ATTRIBUTES,
    BACKGROUNDS,
    COLOURS,
    PLACES,
    SHAPES,
    SIZES,
    STYLES,
    Scene,
    SceneObject,
)

T = TypeVar("T")


class UnknownWords(ValueError):
    """A caption holds words that the world of scenes has no meaning for; `words` lists them."""

    def __init__(self, words: list[str]) -> None:
        self.words = words
        near = {word: get_close_matches(word, KNOWN_WORDS - FILLERS, n=2) for word in words}
        hints = [f"{word!r}" + (f" (near: {', '.join(hits)})" if hits else "") for word, hits in near.items()]
        super().__init__(
            f"unknown words: {', '.join(hints)}; the world has shapes such as 'circle' and 'star', colours such as "
            "'red' and 'cyan', sizes, styles and places"
        )


@dataclass(frozen=True)
class ObjectConstraints:
    """What a caption says of one object; None where it says nothing."""

    shape: str | None = None
    colour: str | None = None
    size: str | None = None
    style: str | None = None
    position: str | None = None

    def hold_for(self, thing: SceneObject) -> bool:
        """Whether the object is as the caption says."""
        return all(getattr(self, name) in (None, getattr(thing, name)) for name in ATTRIBUTES)


@dataclass(frozen=True)
class Constraints:
    """What a caption says of a scene: one or two objects in the order of mention, and the background or None.

    Example:
        >>> said = parse("a crimson disc above a square")
        >>> said.objects[0].colour, said.objects[1].colour, said.objects[1].position
        ('red', None, 'bottom')
        >>> said.hold_for(said.complete())
        True
    """

    objects: tuple[ObjectConstraints, ...]
    background: str | None = None

    def hold_for(self, scene: Scene) -> bool:
        """Whether everything that the caption says is true of the scene (which may hold more than it says)."""
        return self.background in (None, scene.background) and any(
            all(said.hold_for(thing) for said, thing in zip(self.objects, things, strict=True))
            for things in permutations(scene.objects, len(self.objects))
        )

    @property
    def unsaid(self) -> list[str]:
        """What a full caption would say besides, e.g. ["colour of object 2", "background"]."""
        gaps = [
            f"{field.name} of object {number}"
            for number, said in enumerate(self.objects, 1)
            for field in fields(said)
            if getattr(said, field.name) is None
        ]
        return gaps + ["background"] * (self.background is None)

    def scene(self) -> Scene:
        """The one scene that a full caption describes.

        Raises:
            ValueError: the caption leaves something open; the message lists what.
        """
        if self.unsaid:
            raise ValueError(f"the caption fits more than one scene; it does not say: {', '.join(self.unsaid)}")
        return self.complete()

    def complete(self, generator: torch.Generator | None = None) -> Scene:
        """One of the scenes that the caption fits.

        Args:
            generator: decides what the caption leaves open; without it that is large, flat, red, in the centre
                or side by side, on a light background.
        """

        def pick(options: Sequence[T]) -> T:
            return options[0 if generator is None else int(torch.randint(len(options), (), generator=generator))]

        def fill(said: ObjectConstraints, place: str) -> SceneObject:
            return SceneObject(
                shape=said.shape or pick(SHAPES),
                colour=said.colour or pick(COLOURS),
                size=said.size or pick(SIZES[::-1]),
                style=said.style or pick(STYLES),
                position=place,
            )

        places = pick(_possible_places(self.objects))
        things = tuple(fill(said, place) for said, place in zip(self.objects, places, strict=True))
        return Scene(things, self.background or pick(BACKGROUNDS))


def parse(text: str) -> Constraints:
    """What a caption says about its scene.

    The words may come in any order that English allows; case and punctuation do not matter, and what is not said
    stays open.

    Raises:
        UnknownWords: a `ValueError` that names every unknown word and the nearest known ones.
        ValueError: the words are known but describe no scene: no object, three of them, two colours for one object.

    Example:
        >>> parse("A tiny, striped star!").objects[0]
        ObjectConstraints(shape='star', colour=None, size='small', style='striped', position=None)
        >>> parse("a purpel star")
        Traceback (most recent call last):
        ...
        mmgen_course.scenes.parsing.UnknownWords: unknown words: 'purpel' (near: purple); the world has ...
    """
    things: list[ObjectConstraints] = []
    coming = ObjectConstraints()  # said before its noun
    background: str | None = None
    relations: list[tuple[str, int, bool]] = []  # relation, objects named before it, relates to "it"
    behind = False
    for kind, value in _symbols(text):
        if kind == "article":
            behind = False
        elif kind == "behind":
            behind = True
        elif kind == "shape":
            things.append(_say(coming, kind, value))
            coming = ObjectConstraints()
        elif kind == "background":
            background = str(value)
        elif kind == "relation":
            relations.append((str(value), len(things), False))
        elif kind == "pronoun":
            if not relations:
                raise ValueError("'it' stands for nothing here; say for example 'a square with a star above it'")
            relations[-1] = (*relations[-1][:2], True)
        elif things and (behind or kind == "position"):
            things[-1] = _say(things[-1], kind, value)
        else:
            coming = _say(coming, kind, value)
    if coming != ObjectConstraints() and things:  # adjectives after the last noun: "a circle, red"
        said = {name: value for name, value in vars(coming).items() if value}
        for name, value in said.items():
            things[-1] = _say(things[-1], name, value)
    if not 1 <= len(things) <= 2:
        raise ValueError(f"a caption names one or two objects; this one names {len(things)}: {text!r}")
    for relation, before, pronoun in relations:
        things = _relate(things, relation, before, pronoun)
    _possible_places(tuple(things))
    return Constraints(tuple(things), background)


def _symbols(text: str) -> list[Symbol]:
    """The meaning-bearing phrases of a text, longest first where two begin at the same word."""
    words = re.findall(r"\w+", text.lower())
    unknown = [word for word in dict.fromkeys(words) if word not in KNOWN_WORDS]
    if unknown:
        raise UnknownWords(unknown)
    symbols, here = [], 0
    while here < len(words):
        pair, single = tuple(words[here : here + 2]), (words[here],)
        found = pair if pair in PHRASES else single
        if found in PHRASES:
            symbols.append(PHRASES[found])
        elif words[here] not in FILLERS:
            raise ValueError(f"{words[here]!r} says nothing alone; say for example 'on a {words[here]} background'")
        here += len(found) if found in PHRASES else 1
    return symbols


def _say(said: ObjectConstraints, name: str, value: str | None) -> ObjectConstraints:
    """Add one attribute to what is said of an object; saying another value of it is an error."""
    if getattr(said, name) not in (None, value):
        raise ValueError(f"one object cannot have two values of {name}: {getattr(said, name)!r} and {value!r}")
    return replace(said, **{name: value})


def _relate(things: list[ObjectConstraints], relation: str, before: int, pronoun: bool) -> list[ObjectConstraints]:
    """Turn a relation into the positions of both objects."""
    if len(things) != 2 or (before == 2 and not pronoun):
        raise ValueError(f"{relation!r} needs an object before and after it, as in 'a star {relation} a square'")
    # "A above B"; but "above A is B" and "A with B above it" put the second object there
    first_leads = before == 1 and not pronoun
    places = PLACES[relation] if first_leads else PLACES[relation][::-1]
    return [_say(thing, "position", place) for thing, place in zip(things, places, strict=True)]


def _possible_places(things: tuple[ObjectConstraints, ...]) -> tuple[tuple[str, ...], ...]:
    """Every way to place the objects that agrees with what is said of their positions."""
    ways = tuple((place,) for place in ALONE) if len(things) == 1 else tuple(PLACES.values())
    said = [thing.position for thing in things]
    fits = tuple(way for way in ways if all(s in (None, w) for s, w in zip(said, way, strict=True)))
    if not fits:
        stand = (
            f"one object stands at: {', '.join(ALONE)}" if len(things) == 1 else "two stand left and right, or above"
        )
        raise ValueError(f"no scene has objects at {', '.join(map(str, said))}; {stand}")
    return fits
