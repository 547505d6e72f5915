"""Hard negatives: scenes that differ in one attribute, or by one that was exchanged between two objects.

Their captions are the hardest to tell apart; lessons 06_shared_space and 07_gan train on them.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch

from mmgen_course.scenes.false_captions import exchanged
from mmgen_course.scenes.splits import is_held_out
from mmgen_course.scenes.world import ALONE, APPEARANCE, BACKGROUNDS, Scene, pick

Change = Callable[[Scene, torch.Generator], Scene]
VALUES: dict[str, Sequence[str]] = {**APPEARANCE, "position": ALONE, "background": BACKGROUNDS}
"""What a scene of one object is made of."""


def change_one(scene: Scene, generator: torch.Generator) -> Scene:
    """Give one object another value of its shape, colour, size or style; all are equally likely.

    Example:
        >>> from mmgen_course.scenes import parse
        >>> scene = parse("a large red circle").complete()
        >>> other = change_one(scene, torch.Generator().manual_seed(0)).objects[0]
        >>> sum(getattr(other, name) != getattr(scene.objects[0], name) for name in APPEARANCE)
        1
    """
    k, name = pick(range(len(scene.objects)), generator), pick(list(APPEARANCE), generator)
    others = [value for value in APPEARANCE[name] if value != getattr(scene.objects[k], name)]
    changed = list(scene.objects)
    changed[k] = replace(changed[k], **{name: pick(others, generator)})
    return Scene(tuple(changed), scene.background)


def swap_one(scene: Scene, generator: torch.Generator) -> Scene:
    """Exchange one attribute of two objects, one in which they differ: the plain caption keeps all of its words.

    Raises:
        ValueError: there are no two objects, or they look the same.

    Example:
        >>> from mmgen_course.scenes import caption, parse
        >>> scene = parse("a large red circle above a large blue circle").complete()
        >>> caption(swap_one(scene, torch.Generator().manual_seed(0)), naming=("colour", "position"))
        'a blue circle above a red circle'
    """
    differ = [name for name in APPEARANCE if len({getattr(thing, name) for thing in scene.objects}) == 2]
    if not differ:
        raise ValueError(f"needs two objects that look different; got {scene.objects}")
    return exchanged(scene, pick(differ, generator))


def hard_negative_pairs(
    scenes: Sequence[Scene], kind: Change, n: int, generator: torch.Generator, held_out: bool
) -> list[tuple[Scene, Scene]]:
    """n different scenes of two objects, drawn at random, each with a hard negative on the same side of the split.

    Args:
        scenes: to draw from; those of one object are left out, and those without such a negative.
        kind: `change_one` or `swap_one`.
        n: how many.
        generator: draws scenes and negatives.
        held_out: whether the negatives hold a composition that training never shows.

    Raises:
        ValueError: fewer than n have such a negative.

    Example:
        >>> from mmgen_course.scenes import splits
        >>> scenes, generator = splits()["train"], torch.Generator().manual_seed(0)
        >>> pairs = hard_negative_pairs(scenes, swap_one, 3, generator, held_out=False)
        >>> [is_held_out(other) for _, other in pairs]
        [False, False, False]
    """
    found: list[tuple[Scene, Scene]] = []
    for i in torch.randperm(len(scenes), generator=generator).tolist():
        appearances = {tuple(getattr(thing, name) for name in APPEARANCE) for thing in scenes[i].objects}
        if len(appearances) < 2:
            continue
        tries = (kind(scenes[i], generator) for _ in range(20))
        fitting = next((other for other in tries if is_held_out(other) == held_out), None)
        if fitting is not None:
            found.append((scenes[i], fitting))
        if len(found) == n:
            return found
    raise ValueError(f"only {len(found)} of {len(scenes)} scenes have such a negative; {n} were asked for")


def one_attribute_off(scene: Scene, among: frozenset[Scene], generator: torch.Generator) -> Scene:
    """A scene of one object that differs in one attribute, one that training shows: its caption is false of this one.

    The caption of a scene outside of `among` would teach a discriminator that held-out compositions are always false.

    Example:
        >>> from mmgen_course.scenes import splits
        >>> scenes = [scene for scene in splits()["train"] if len(scene.objects) == 1][:500]
        >>> other = one_attribute_off(scenes[0], frozenset(scenes), torch.Generator().manual_seed(0))
        >>> other in scenes, other == scenes[0]
        (True, False)
    """
    (thing,) = scene.objects
    while True:
        name = pick(list(VALUES), generator)
        if name == "background":
            (other,) = {*BACKGROUNDS} - {scene.background}
            changed = replace(scene, background=other)
        else:
            changed = replace(scene, objects=(replace(thing, **{name: pick(VALUES[name], generator)}),))
        if changed != scene and changed in among:
            return changed
