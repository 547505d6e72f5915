"""What a caption says about a scene: some attributes of one or two objects, the rest left open.

Constraints come out of `parse`; they hold for a scene or not, or are completed to one. See lesson 00.
"""

from dataclasses import dataclass, fields, replace
from itertools import permutations

import torch

from mmgen_course.scenes.world import (
    ALONE,
    ATTRIBUTES,
    BACKGROUNDS,
    COLOURS,
    RELATION_POSITIONS,
    SHAPES,
    SIZES,
    STYLES,
    Scene,
    SceneObject,
    pick,
)


@dataclass(frozen=True)
class ObjectConstraints:
    """What a caption says of one object; None where it says nothing."""

    shape: str | None = None
    colour: str | None = None
    size: str | None = None
    style: str | None = None
    position: str | None = None

    def say(self, name: str, value: str) -> "ObjectConstraints":
        """Add what is said of one attribute.

        Raises:
            ValueError: another value of it has been said before.
        """
        if getattr(self, name) not in (None, value):
            raise ValueError(f"one object cannot have two values of {name}: {getattr(self, name)!r} and {value!r}")
        return replace(self, **{name: value})

    def hold_for(self, thing: SceneObject) -> bool:
        """Whether the object is as the caption says."""
        return all(getattr(self, name) in (None, getattr(thing, name)) for name in ATTRIBUTES)


@dataclass(frozen=True)
class Constraints:
    """What a caption says of a scene: one or two objects in the order of mention, and the background or None.

    Example:
        >>> from mmgen_course.scenes import parse
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
        return gaps + (["background"] if self.background is None else [])

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

        places = pick(possible_places(self.objects), generator)
        things = tuple(_fill(said, place, generator) for said, place in zip(self.objects, places, strict=True))
        return Scene(things, self.background or pick(BACKGROUNDS, generator))


def _fill(said: ObjectConstraints, place: str, generator: torch.Generator | None) -> SceneObject:
    return SceneObject(
        shape=said.shape or pick(SHAPES, generator),
        colour=said.colour or pick(COLOURS, generator),
        size=said.size or pick(SIZES[::-1], generator),
        style=said.style or pick(STYLES, generator),
        position=place,
    )


def possible_places(things: tuple[ObjectConstraints, ...]) -> tuple[tuple[str, ...], ...]:
    """Every way to place the objects that agrees with what is said of their positions."""
    ways = tuple((place,) for place in ALONE) if len(things) == 1 else tuple(RELATION_POSITIONS.values())
    said = [thing.position for thing in things]
    fits = tuple(way for way in ways if all(s in (None, w) for s, w in zip(said, way, strict=True)))
    if not fits:
        stand = (
            f"one object stands at: {', '.join(ALONE)}" if len(things) == 1 else "two stand left and right, or above"
        )
        raise ValueError(f"no scene has objects at {', '.join(map(str, said))}; {stand}")
    return fits
