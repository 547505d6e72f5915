import hashlib
import os
import subprocess
import sys
from itertools import product

import pytest

from mmgen_course.scenes import ATTRIBUTES, BACKGROUNDS, COLOURS, SHAPES, STYLES, Scene, SceneObject, splits
from mmgen_course.scenes.splits import HELD_OUT_COLOURS, HELD_OUT_PAIRS, HELD_OUT_STYLES, is_held_out
from mmgen_course.scenes.world import ALONE

NAMES = ("train", "held_out_compositions", "held_out_synonyms")


def compositions(scene):
    """The colour-shape, style-shape and shape-relation-shape combinations of a scene, told apart by their kind."""
    found = {("colour", thing.shape, thing.colour) for thing in scene.objects}
    found |= {("style", thing.shape, thing.style) for thing in scene.objects}
    if len(scene.objects) == 2:
        first, second = scene.objects
        relation = {"left": "left of", "top": "above"}[first.position]
        found.add(("pair", first.shape, relation, second.shape))
    return found


HELD_OUT = (
    {("colour", *parts) for parts in HELD_OUT_COLOURS}
    | {("style", *parts) for parts in HELD_OUT_STYLES}
    | {("pair", *parts) for parts in HELD_OUT_PAIRS}
)


def test_no_scene_is_twice_in_a_split_or_in_two_splits():
    lists = splits()
    assert tuple(lists) == NAMES
    assert len(set().union(*lists.values())) == sum(map(len, lists.values()))


@pytest.mark.parametrize("name", ["train", "held_out_synonyms"])
def test_scenes_of_seen_compositions_have_none_that_is_held_out(name):
    assert not any(compositions(scene) & HELD_OUT for scene in splits()[name])


def test_every_held_out_scene_has_a_held_out_composition_and_every_such_composition_is_asked_for():
    asked = [compositions(scene) & HELD_OUT for scene in splits()["held_out_compositions"]]
    assert all(asked)
    assert set().union(*asked) == HELD_OUT


def test_train_shows_every_composition_that_is_not_held_out():
    every = {("colour", *parts) for parts in product(SHAPES, COLOURS)}
    every |= {("style", *parts) for parts in product(SHAPES, STYLES)}
    every |= {("pair", *parts) for parts in product(SHAPES, ("left of", "above"), SHAPES)}
    assert set().union(*map(compositions, splits()["train"])) == every - HELD_OUT
    assert every > HELD_OUT


@pytest.mark.parametrize("objects", [1, 2], ids=["alone", "pairs"])
def test_train_shows_every_value_of_every_attribute(objects):
    scenes = [scene for scene in splits()["train"] if len(scene.objects) == objects]
    for name, values in ATTRIBUTES.items():
        expected = {1: set(ALONE), 2: {"left", "right", "top", "bottom"}}[objects] if name == "position" else {*values}
        assert {getattr(thing, name) for scene in scenes for thing in scene.objects} == expected
    assert {scene.background for scene in scenes} == {*BACKGROUNDS}
    assert {scene.relation for scene in scenes} == ({"left of", "above"} if objects == 2 else {None})


@pytest.mark.parametrize("parts", sorted(HELD_OUT), ids=" ".join)
def test_the_parts_of_a_held_out_composition_are_seen_in_train_in_their_places(parts):
    seen = set().union(*map(compositions, splits()["train"]))
    kind, shape, *rest = parts
    assert any(combination[:2] == (kind, shape) for combination in seen)
    if kind == "pair":
        assert any(combination[:3] == parts[:3] for combination in seen)
        assert any(combination[2:] == parts[2:] for combination in seen)
    else:
        assert any(combination[0] == kind and combination[2:] == tuple(rest) for combination in seen)


def test_every_scene_of_one_object_is_in_exactly_one_split():
    alone = [scene for scenes in splits().values() for scene in scenes if len(scene.objects) == 1]
    looks = product(SHAPES, COLOURS, ATTRIBUTES["size"], STYLES, ALONE, BACKGROUNDS)
    assert set(alone) == {Scene((SceneObject(*look),), ground) for *look, ground in looks}


def test_is_held_out_looks_at_both_objects_and_at_their_order():
    def pair(first, relation, second):
        flat = [SceneObject(shape, "red", "small", "flat", "centre") for shape in (first, second)]
        return Scene.pair(flat[0], relation, flat[1])

    assert is_held_out(pair("circle", "left of", "square"))
    assert is_held_out(pair("square", "right of", "circle"))  # the same scene, said the other way round
    assert not is_held_out(pair("square", "left of", "circle"))
    assert not is_held_out(pair("circle", "above", "square"))
    assert is_held_out(pair("star", "left of", "circle"))  # a red star
    assert is_held_out(pair("circle", "left of", "star"))


def test_changing_the_lists_that_one_call_gave_changes_no_later_call():
    before = len(splits()["train"])
    splits()["train"].clear()
    assert len(splits()["train"]) == before > 0


def test_another_process_cuts_the_same_splits_in_the_same_order():
    code = "import hashlib; from mmgen_course.scenes import splits as cut; {}"
    digest = "print(hashlib.sha256(repr(cut()).encode()).hexdigest())"
    # Python's own hashes, and with them the order of sets, differ from seed to seed
    environment = {**os.environ, "PYTHONHASHSEED": "1"}
    command = [sys.executable, "-c", code.format(digest)]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == hashlib.sha256(repr(splits()).encode()).hexdigest()
