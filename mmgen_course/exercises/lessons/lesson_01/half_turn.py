"""A picture, its boxes and its caption after half a turn: an exercise of lesson 01_images."""

import re
from functools import partial, reduce

import torch
from torch import Tensor

from mmgen_course.exercises.exercise import Exercise, Misconception
from mmgen_course.exercises.lessons import whole_number

Turned = tuple[Tensor, Tensor, str]
OTHER = {"left": "right", "top": "bottom", "above": "below", "right": "left", "bottom": "top", "below": "above"}


def _labelled(generator: torch.Generator) -> Turned:
    """A picture, 1 to 3 boxes in it, and a caption with words that only look like those to exchange."""
    h, w, k = whole_number(5, 7, generator), whole_number(9, 12, generator), whole_number(1, 3, generator)
    corner = torch.stack([torch.randint(size - 3, (k,), generator=generator) for size in (w, h)], dim=1)
    boxes = torch.cat([corner, corner + torch.randint(1, 4, (k, 2), generator=generator)], dim=1)
    side, height, relation = (list(OTHER)[i + 3 * whole_number(0, 1, generator)] for i in range(3))
    caption = f"a bright star at the {height}-{side}, {relation} a desktop; a cross on the {OTHER[side]}."
    return torch.rand(3, h, w, generator=generator), boxes, caption


def _half_turn(
    image: Tensor, boxes: Tensor, text: str, word: str = r"\w+", kept: bool = False, shift: int = 0
) -> Turned:
    h, w = image.shape[1:]
    turned = torch.tensor([w, h, w, h]) - (boxes if kept else boxes.roll(2, dims=1)) - shift
    return image.flip(1, 2), turned, re.sub(word, lambda match: OTHER.get(match[0], match[0]), text)


def _mirrored(image: Tensor, boxes: Tensor, text: str) -> Turned:
    left, top, right, bottom = boxes.unbind(1)
    w = image.shape[2]
    turned = torch.stack([w - right, top, w - left, bottom], dim=1)
    return image.flip(2), turned, _half_turn(image, boxes, text, word=r"\b(?:left|right)\b")[2]


EXERCISE = Exercise(
    name="half_turn",
    lesson="01_images",
    number=4,
    points=3,
    minutes=12,
    difficulty=2,
    asks="picture (3, h, w), boxes (k, 4) of left, top, right and bottom edges, and caption, all after half a turn",
    inputs=_labelled,
    reference=_half_turn,
    misconceptions=(
        Misconception(
            "mirrored instead of turned",
            _mirrored,
            "That is a mirror image: left and right alone are exchanged, and letters would be in mirror writing.",
        ),
        Misconception(
            "words replaced in turn",
            lambda *given: (*_half_turn(*given)[:2], reduce(lambda t, pair: t.replace(*pair), OTHER.items(), given[2])),
            "You exchanged some words twice: left became right, then every right left. And 'bright' is no 'right'.",
        ),
        Misconception(
            "parts of words exchanged",
            partial(_half_turn, word="|".join(OTHER)),
            "'bright' became 'bleft', and 'desktop' 'deskbottom'. Only whole words say where things are.",
        ),
        Misconception(
            "words beside a mark missed",
            partial(_half_turn, word=r"\S+"),
            "You cut at spaces, so 'top-left,' is no word of your list: marks may stand beside a word, or within.",
        ),
        Misconception(
            "caption of a mirror image",
            partial(_half_turn, word=r"\b(?:left|right)\b"),
            "You exchanged left and right alone. After half a turn things stand upside down, too.",
        ),
        Misconception(
            "edges of a box not exchanged",
            partial(_half_turn, kept=True),
            "In your boxes left is larger than right. What was the left edge is now the other one.",
        ),
        Misconception(
            "boxes off by one",
            partial(_half_turn, shift=1),
            "Your boxes lie one pixel too far to the top left. Pixel j goes to W - 1 - j; boxes are given by edges.",
        ),
    ),
)
