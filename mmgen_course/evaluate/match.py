"""Caption match: the share of pictures that show what their captions say.

A classifier reads the pictures, and its own error is part of the interval. Derived in lesson 09_evaluation.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mmgen_course.evaluate.image_features import READ_SIDE, check_pictures, shipped_classifier
from mmgen_course.evaluate.intervals import Estimate, wilson
from mmgen_course.features.classifier import SceneClassifier
from mmgen_course.scenes import ATTRIBUTES, Scene, parse
from mmgen_course.scenes.constraints import Constraints, ObjectConstraints

# Scenes that the shipped classifier misread, of those that its card measured it on; a test compares the two.
CLASSIFIER_WRONG, CLASSIFIER_READ = 2, 20_000
CLASSIFIER_ERROR = wilson(CLASSIFIER_WRONG, CLASSIFIER_READ).high

QUESTIONS = ("everything", *ATTRIBUTES, "background")
_UNSAID = -1


class Match(NamedTuple):
    """How often pictures show what their captions say.

    Attributes:
        share: of pictures that show everything that was said, with its interval, the classifier's error included.
        attributes: for each attribute the same among the captions that speak of it; those that none speaks of
            are missing.
    """

    share: Estimate
    attributes: dict[str, Estimate]


class MatchCounts(NamedTuple):
    """What a stream of pictures is reduced to: pictures and how many of them are right, for each of the `QUESTIONS`."""

    total: Int[Tensor, " 7"]
    right: Int[Tensor, " 7"]


def caption_match(
    images: Float[Tensor, "n 3 32 32"],
    captions: Sequence[str],
    classifier: SceneClassifier | None = None,
    classifier_error: float = CLASSIFIER_ERROR,
    *,
    allow_light: bool = False,
) -> Match:
    """The share of pictures that show what their caption says, and the same for each attribute alone.

    Captions are read by `mmgen_course.scenes.parse`: synonyms count, and what is left unsaid is free. An attribute
    alone is right if the objects can be named so that each has the value that was said; who has which is left to
    "everything". A picture may show a second object that its caption does not mention.

    Args:
        images: N pictures in [-1, 1].
        captions: what each was asked to show.
        classifier: reads scenes off pictures; without it the one that ships with the course.
        classifier_error: the largest share of wrong answers to reckon with. The default is what the card of the
            shipped classifier allows on pictures as the course draws them; on others nobody has measured it.
        allow_light: whether all pixels may be 0 or more, as of a network that has hardly trained; without it such a
            batch is taken for pictures in [0, 1], and refused.

    Raises:
        UnknownWords: a `ValueError` that names the words of a caption that mean nothing.
        ValueError: a caption that cannot be read, other numbers of pictures and captions, none, another size, or
            pixels that are not in [-1, 1].

    Example:
        >>> from mmgen_course.scenes import render
        >>> pictures = render([parse(f"a large {colour} star").complete() for colour in ("red", "blue")])
        >>> match = caption_match(pictures, ["a crimson star", "a big red pentagram"])
        >>> match.share.value, {name: share.value for name, share in match.attributes.items()}
        (0.5, {'shape': 1.0, 'colour': 0.5, 'size': 1.0})
    """
    return match_compute(match_update(None, images, captions, classifier, allow_light=allow_light), classifier_error)


def match_update(
    counts: MatchCounts | None,
    images: Float[Tensor, "n 3 32 32"],
    captions: Sequence[str],
    classifier: SceneClassifier | None = None,
    *,
    allow_light: bool = False,
) -> MatchCounts:
    """Add a batch of pictures and captions to what was counted before (None: nothing); see `caption_match`.

    Example:
        >>> counts = match_update(None, -torch.ones(2, 3, 32, 32), ["a star", "a red star"])
        >>> dict(zip(QUESTIONS, counts.total.tolist(), strict=True))["colour"]
        1
    """
    check_pictures(images, READ_SIDE, allow_light)
    if len(images) != len(captions):
        raise ValueError(f"expected a caption for each picture; got {len(images)} and {len(captions)}")
    said = [parse(caption) for caption in captions]
    classifier = classifier or shipped_classifier()
    read = [scene for part in images.split(500) for scene in classifier.read(part)]
    table = torch.tensor([answers(one, scene) for one, scene in zip(said, read, strict=True)])  # (N, 7)
    total, right = (table != _UNSAID).sum(0), (table == 1).sum(0)
    return MatchCounts(total, right) if counts is None else MatchCounts(counts.total + total, counts.right + right)


def match_compute(counts: MatchCounts, classifier_error: float = CLASSIFIER_ERROR) -> Match:
    """Shares and intervals of what was counted; see `caption_match`.

    Raises:
        ValueError: a classifier's error outside 0 to 1.

    Example:
        >>> total, right = torch.tensor([10, 10, 0, 0, 0, 0, 0]), torch.tensor([9, 10, 0, 0, 0, 0, 0])
        >>> print(match_compute(MatchCounts(total, right), classifier_error=0.01).share)
        0.9 [0.586, 0.992]
    """
    if not 0 <= classifier_error <= 1:
        raise ValueError(f"expected the classifier's error as a share from 0 to 1; got {classifier_error}")
    pairs = zip(QUESTIONS, counts.total.tolist(), counts.right.tolist(), strict=True)
    shares = {name: widened(wilson(right, total), classifier_error) for name, total, right in pairs if total}
    return Match(shares.pop("everything"), shares)


def widened(measured: Estimate, classifier_error: float) -> Estimate:
    """The interval of the true share from that of the measured one: they differ by no more than the classifier's error.

    Example:
        >>> print(widened(Estimate(0.9, 0.8, 0.95), classifier_error=0.1))
        0.9 [0.7, 1]
    """
    return Estimate(
        measured.value, max(0.0, measured.low - classifier_error), min(1.0, measured.high + classifier_error)
    )


def answers(said: Constraints, scene: Scene) -> list[int]:
    """For each of the `QUESTIONS`, whether a scene is as was said: 1 yes, 0 no, -1 nothing was said.

    Example:
        >>> blue = parse("a large blue star").complete()
        >>> dict(zip(QUESTIONS, answers(parse("a red star"), blue), strict=True))
        {'everything': 0, 'shape': 1, 'colour': 0, 'size': -1, 'style': -1, 'position': -1, 'background': -1}
    """
    return [int(said.hold_for(scene)), *(_answer(part, scene) for part in _parts(said))]


def _parts(said: Constraints) -> list[Constraints]:
    """What was said, one attribute at a time."""
    parts = [
        Constraints(tuple(ObjectConstraints(**{name: getattr(thing, name)}) for thing in said.objects))
        for name in ATTRIBUTES
    ]
    nothing = tuple(ObjectConstraints() for _ in said.objects)
    return [*parts, replace(said, objects=nothing)]


def _answer(part: Constraints, scene: Scene) -> int:
    silent = part.background is None and all(thing == ObjectConstraints() for thing in part.objects)
    return _UNSAID if silent else int(part.hold_for(scene))
