"""What exists in the world of scenes: one or two objects on a background, each with five attributes.

A `Scene` is checked when it is made; lesson 00 introduces it.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from typing import Literal, TypeVar, get_args

import torch

T = TypeVar("T")

SHAPES = ("circle", "square", "triangle", "diamond", "star", "cross")
COLOURS = ("red", "green", "blue", "yellow", "orange", "purple", "pink", "cyan")
SIZES = ("small", "large")
STYLES = ("flat", "outlined", "striped", "dotted")
BACKGROUNDS = ("light", "dark")

# Centres of the objects: x to the right and y downwards, the image spans [-1, 1] in both.
# An object alone stands at one of the first five; two objects share the picture in halves.
CENTRES = {
    "centre": (0.0, 0.0),
    "top left": (-0.47, -0.47),
    "top right": (0.47, -0.47),
    "bottom left": (-0.47, 0.47),
    "bottom right": (0.47, 0.47),
    "left": (-0.5, 0.0),
    "right": (0.5, 0.0),
    "top": (0.0, -0.5),
    "bottom": (0.0, 0.5),
}
POSITIONS = tuple(CENTRES)
ALONE = POSITIONS[:5]

Relation = Literal["left of", "right of", "above", "below"]
RELATIONS: tuple[Relation, ...] = get_args(Relation)
# "A left of B" puts A in the left half and B in the right half.
RELATION_POSITIONS: dict[str, tuple[str, str]] = {
    "left of": ("left", "right"),
    "right of": ("right", "left"),
    "above": ("top", "bottom"),
    "below": ("bottom", "top"),
}

ATTRIBUTES = {"shape": SHAPES, "colour": COLOURS, "size": SIZES, "style": STYLES, "position": POSITIONS}
# what an object looks like wherever it stands
APPEARANCE = {name: values for name, values in ATTRIBUTES.items() if name != "position"}


@dataclass(frozen=True, order=True)
class SceneObject:
    """One object: a value of each attribute in `ATTRIBUTES`.

    Raises:
        ValueError: a value that the attribute does not have; the message lists those that it has.

    Example:
        >>> SceneObject("circle", "red", "small", "flat", "centre").colour
        'red'
    """

    shape: str
    colour: str
    size: str
    style: str
    position: str

    def __post_init__(self) -> None:
        for (name, allowed), value in zip(ATTRIBUTES.items(), astuple(self), strict=True):
            if value not in allowed:
                raise ValueError(f"{name} {value!r} does not exist; there are: {', '.join(allowed)}")


@dataclass(frozen=True)
class Scene:
    """One object alone, or two objects that share the picture, on a light or dark background.

    The order of two objects carries no meaning, so the one further left or higher always comes first: a scene
    equals itself however it was written down.

    Raises:
        ValueError: no or more than two objects, places that would let two objects overlap, or an unknown background.

    Example:
        >>> scene = Scene((SceneObject("star", "blue", "large", "striped", "centre"),), "dark")
        >>> scene.relation is None
        True
    """

    objects: tuple[SceneObject, ...]
    background: str = "light"

    def __post_init__(self) -> None:
        if self.background not in BACKGROUNDS:
            raise ValueError(f"background {self.background!r} does not exist; there are: {', '.join(BACKGROUNDS)}")
        ordered = tuple(sorted(self.objects, key=lambda thing: CENTRES[thing.position]))
        object.__setattr__(self, "objects", ordered)
        places = tuple(thing.position for thing in ordered)
        alone = len(places) == 1 and places[0] in ALONE
        if not alone and places not in RELATION_POSITIONS.values():
            raise ValueError(
                f"objects at {places} make no scene: one object stands at one of {ALONE}, "
                "two stand left and right or top and bottom"
            )

    @classmethod
    def pair(cls, first: SceneObject, relation: str, second: SceneObject, background: str = "light") -> "Scene":
        """Two objects of which `first` stands in `relation` to `second`; the relation decides their positions.

        Example:
            >>> ball, box = (SceneObject(s, "red", "small", "flat", "centre") for s in ("circle", "square"))
            >>> Scene.pair(ball, "below", box) == Scene.pair(box, "above", ball)
            True
        """
        if relation not in RELATION_POSITIONS:
            raise ValueError(f"relation {relation!r} does not exist; there are: {', '.join(RELATION_POSITIONS)}")
        here, there = RELATION_POSITIONS[relation]
        return cls((replace(first, position=here), replace(second, position=there)), background)

    @property
    def relation(self) -> Relation | None:
        """How the first object stands to the second: "left of", "above", or None for an object alone."""
        if len(self.objects) == 1:
            return None
        return "left of" if self.objects[0].position == "left" else "above"


def pick(options: Sequence[T], generator: torch.Generator | None) -> T:
    """One of the options at random, or the first where there is no generator.

    Example:
        >>> pick(SIZES, None)
        'small'
    """
    return options[0 if generator is None else int(torch.randint(len(options), (), generator=generator))]
