"""Cuts the world in three: what models train on, and two ways to ask for what they never saw.

Every model of the course is trained and measured on them.
"""

from dataclasses import replace
from functools import cache
from itertools import product

import torch

from mmgen_course.scenes.world import ALONE, BACKGROUNDS, COLOURS, SHAPES, SIZES, STYLES, Scene, SceneObject

# Compositions that no training scene holds, though it holds each of their parts.
HELD_OUT_COLOURS = frozenset(
    {
        ("circle", "orange"),
        ("circle", "cyan"),
        ("square", "purple"),
        ("triangle", "pink"),
        ("diamond", "yellow"),
        ("star", "red"),
        ("cross", "green"),
        ("cross", "blue"),
    }
)
HELD_OUT_STYLES = frozenset({("star", "striped"), ("square", "dotted"), ("triangle", "outlined")})
# (shape, relation, shape): each shape is seen in either place, these two never together in this order
HELD_OUT_PAIRS = frozenset(
    (shape, relation, SHAPES[(i + step) % len(SHAPES)])
    for relation, step in (("left of", 1), ("above", 2))
    for i, shape in enumerate(SHAPES)
)

PAIRS_IN_TRAIN, PAIRS_HELD_OUT, RESERVED = 12_000, 2_000, 500


def is_held_out(scene: Scene) -> bool:
    """Whether a scene holds a composition that training never shows.

    Example:
        >>> is_held_out(Scene((SceneObject("star", "red", "small", "striped", "centre"),)))
        True
    """
    shapes = [thing.shape for thing in scene.objects]
    return (
        any((thing.shape, thing.colour) in HELD_OUT_COLOURS for thing in scene.objects)
        or any((thing.shape, thing.style) in HELD_OUT_STYLES for thing in scene.objects)
        or (scene.relation is not None and (shapes[0], scene.relation, shapes[1]) in HELD_OUT_PAIRS)
    )


@cache
def _splits() -> dict[str, tuple[Scene, ...]]:
    generator = torch.Generator().manual_seed(0)
    looks = [SceneObject(*look, "centre") for look in product(SHAPES, COLOURS, SIZES, STYLES)]
    places = [replace(look, position=place) for look in looks for place in ALONE]
    alone = [Scene((thing,), ground) for thing in places for ground in BACKGROUNDS]
    alone = [alone[i] for i in torch.randperm(len(alone), generator=generator).tolist()]

    # pairs are too many to list: draw different ones until there are enough of both kinds
    pairs: dict[bool, dict[Scene, None]] = {False: {}, True: {}}
    while len(pairs[False]) < PAIRS_IN_TRAIN + RESERVED or len(pairs[True]) < PAIRS_HELD_OUT:
        a, b, way, ground = torch.randint(2**31, (4,), generator=generator).tolist()
        relation = ("left of", "above")[way % 2]
        scene = Scene.pair(looks[a % len(looks)], relation, looks[b % len(looks)], BACKGROUNDS[ground % 2])
        pairs[is_held_out(scene)].setdefault(scene)

    seen = [scene for scene in alone if not is_held_out(scene)]
    seen_pairs = list(pairs[False])
    return {
        "train": (*seen[RESERVED:], *seen_pairs[RESERVED:][:PAIRS_IN_TRAIN]),
        "held_out_compositions": (*filter(is_held_out, alone), *list(pairs[True])[:PAIRS_HELD_OUT]),
        "held_out_synonyms": (*seen[:RESERVED], *seen_pairs[:RESERVED]),
    }


def splits() -> dict[str, list[Scene]]:
    """The scenes to train on and to test on; no scene is in two lists, and every call gives the same.

    - `train`: objects alone and pairs, without the held-out compositions. Caption them with `TRAINING_WORDS`.
    - `held_out_compositions`: scenes with a colour-shape, style-shape or shape-relation-shape combination that
      training never shows, though it shows each part. Does a model compose, or remember?
    - `held_out_synonyms`: further scenes of the seen compositions, to be captioned with `HELD_OUT_WORDS`. Does a
      model know what a word means that no caption taught it?

    Example:
        >>> {name: len(scenes) for name, scenes in splits().items()}
        {'train': 14280, 'held_out_compositions': 3060, 'held_out_synonyms': 1000}
    """
    return {name: list(scenes) for name, scenes in _splits().items()}
