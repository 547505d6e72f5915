import math
from collections import Counter
from dataclasses import replace
from itertools import product

import pytest
import torch
from torch import nn

from mmgen_course.features.classifier import (
    LAYOUTS,
    Logits,
    SceneClassifier,
    accuracy,
    loss,
    most_probable,
    random_scenes,
)
from mmgen_course.recipes.recogniser import train_classifier
from mmgen_course.scenes import (
    ATTRIBUTES,
    BACKGROUNDS,
    COLOURS,
    POSITIONS,
    SHAPES,
    SIZES,
    STYLES,
    Scene,
    SceneObject,
    encode,
    render,
)
from mmgen_course.scenes.splits import is_held_out
from mmgen_course.scenes.world import ALONE, APPEARANCE


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def alone(shape="circle", colour="red", size="large", style="flat", position="centre", background="light"):
    return Scene((SceneObject(shape, colour, size, style, position),), background)


def every_look_everywhere():
    """Each look at each of the nine places, the second objects of pairs being others."""
    appearance = [SceneObject(*look, "centre") for look in product(SHAPES, COLOURS, SIZES, STYLES)]
    for i, (look, background) in enumerate(product(appearance, BACKGROUNDS)):
        yield from (Scene((replace(look, position=place),), background) for place in ALONE)
        yield from (
            Scene.pair(look, relation, appearance[i * 7 % len(appearance)], background)
            for relation in ("left of", "above")
        )


def perfect_logits(scenes, seed=0):
    """Noise in [0, 1), and 5 more wherever a scene says that this value is true; places without object stay noise."""
    generator = seeded(seed)
    n = len(scenes)
    layout, background = torch.rand(n, 7, generator=generator), torch.rand(n, 2, generator=generator)
    appearance = {name: torch.rand(n, 9, len(values), generator=generator) for name, values in APPEARANCE.items()}
    for i, scene in enumerate(scenes):
        # an extra 95: the log-probabilities of two looks must not outweigh the layout
        layout[i, LAYOUTS.index(tuple(thing.position for thing in scene.objects))] += 100
        background[i, BACKGROUNDS.index(scene.background)] += 5
        for thing in scene.objects:
            for name, values in APPEARANCE.items():
                appearance[name][i, POSITIONS.index(thing.position), values.index(getattr(thing, name))] += 5
    return Logits(layout, background, appearance)


def log_probability(logits, scene):
    """Of one scene, written out: the sum of the log-probabilities of all that it consists of."""
    places = tuple(thing.position for thing in scene.objects)
    total = logits.layout[0].log_softmax(0)[LAYOUTS.index(places)]
    total += logits.background[0].log_softmax(0)[BACKGROUNDS.index(scene.background)]
    for thing, (name, values) in product(scene.objects, APPEARANCE.items()):
        at_place = logits.appearance[name][0, POSITIONS.index(thing.position)].log_softmax(0)
        total += at_place[values.index(getattr(thing, name))]
    return total.item()


def test_the_most_probable_scene_inverts_encode_on_perfect_logits():
    scenes = list(every_look_everywhere())[::2]
    assert {place for scene in scenes for place in (thing.position for thing in scene.objects)} == set(POSITIONS)
    assert most_probable(perfect_logits(scenes)) == scenes


@pytest.mark.parametrize("seed", range(2))
def test_no_scene_is_more_probable_than_the_one_that_is_read(seed):
    generator = seeded(seed)
    appearance = {name: 2 * torch.randn(1, 9, len(values), generator=generator) for name, values in APPEARANCE.items()}
    logits = Logits(torch.randn(1, 7, generator=generator), torch.randn(1, 2, generator=generator), appearance)
    read = log_probability(logits, most_probable(logits)[0])
    alternatives = [*random_scenes(500, generator), *list(every_look_everywhere())[seed::29]]
    assert read >= max(log_probability(logits, scene) for scene in alternatives)


def test_an_uncertain_look_speaks_against_a_layout():
    # a pair is likelier than an object in the centre, but how its objects look is unknown: 2 * 4 factors below 1
    logits = perfect_logits([alone()])
    logits.layout[:] = torch.tensor([0.0, -9, -9, -9, -9, 0.1, -9])
    assert most_probable(logits) == [alone()]


def test_the_loss_is_the_cross_entropy_of_what_is_there_and_of_nothing_else():
    scenes = random_scenes(40, seeded())
    logits = perfect_logits(scenes)
    names = sum((Counter(layout=1, background=1) for _ in scenes), Counter())
    sums = Counter()
    for i, scene in enumerate(scenes):
        one = Logits(
            logits.layout[i : i + 1], logits.background[i : i + 1], {k: v[i : i + 1] for k, v in logits[2].items()}
        )
        places = tuple(thing.position for thing in scene.objects)
        sums["layout"] -= one.layout[0].log_softmax(0)[LAYOUTS.index(places)].item()
        sums["background"] -= one.background[0].log_softmax(0)[BACKGROUNDS.index(scene.background)].item()
        for thing, (name, values) in product(scene.objects, APPEARANCE.items()):
            names[name] += 1
            at_place = one.appearance[name][0, POSITIONS.index(thing.position)].log_softmax(0)
            sums[name] -= at_place[values.index(getattr(thing, name))].item()
    expected = sum(sums[name] / names[name] for name in sums)
    assert loss(logits, *encode(scenes)).item() == pytest.approx(expected, rel=1e-5)

    scene = Scene.pair(scenes[0].objects[0], "above", scenes[1].objects[0])
    logits = perfect_logits([scene])
    before = loss(logits, *encode([scene]))
    for values in logits.appearance.values():
        values[:, :7] = 1e3 * torch.randn(values[:, :7].shape, generator=seeded())  # all places but top and bottom
    assert loss(logits, *encode([scene])) == before


def test_the_loss_refuses_places_that_no_scene_has():
    codes, backgrounds = encode([Scene.pair(alone().objects[0], "above", alone().objects[0])])
    with pytest.raises(ValueError, match=r"positions \[8, 7\]"):
        loss(perfect_logits([alone()]), codes.flip(1), backgrounds)


def test_all_places_are_read_with_the_same_weights():
    torch.manual_seed(0)
    recogniser = SceneClassifier((4, 6), hidden=8).eval()
    for module in recogniser.modules():  # a picture without border, so that a step aside is nothing but that
        if isinstance(module, nn.Conv2d):
            module.padding_mode = "circular"
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1)  # new blocks would pass on their input
    images = torch.rand(2, 3, 32, 32, generator=seeded()) * 2 - 1
    places = {(0, 0): "centre", (-1, -1): "top left", (-1, 1): "top right", (1, -1): "bottom left"}
    places |= {(1, 1): "bottom right", (0, -1): "left", (0, 1): "right", (-1, 0): "top", (1, 0): "bottom"}
    assert set(places.values()) == set(POSITIONS)
    still = recogniser(images)
    for (down, right), place in places.items():
        moved = recogniser(images.roll((8 * down, 8 * right), dims=(2, 3)))
        for name in APPEARANCE:
            centre = still.appearance[name][:, POSITIONS.index("centre")]
            torch.testing.assert_close(moved.appearance[name][:, POSITIONS.index(place)], centre)
    assert not torch.allclose(still.appearance["shape"][:, 0], still.appearance["shape"][:, 1], atol=1e-3)


def test_a_layout_is_the_sum_of_the_scores_of_its_places_that_are_shared_too():
    torch.manual_seed(0)
    recogniser = SceneClassifier((4, 6), hidden=8)
    last = recogniser.window[-1]
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    last.bias.data[-1] = 1.5
    logits = recogniser(torch.zeros(1, 3, 32, 32))
    assert logits.layout.tolist() == [[1.5] * 5 + [3.0] * 2]
    # nothing in the weights tells one place from another
    assert [tuple(p.shape) for p in recogniser.window.parameters()] == [(8, 6, 4, 4), (8,), (23, 8, 1, 1), (23,)]


FIXED = [
    alone(),
    alone("star", "blue", "small", "striped", "top left", "dark"),
    alone("cross", "green", "small", "dotted", "bottom right"),
    alone("diamond", "yellow", "large", "outlined", "top right", "dark"),
    alone("triangle", "pink", "small", "outlined", "bottom left"),
    Scene.pair(alone("square", "cyan").objects[0], "left of", alone("circle", "purple", "small").objects[0]),
    Scene.pair(alone("star", "orange").objects[0], "above", alone("cross", "red", "small", "striped").objects[0]),
    Scene.pair(
        alone("circle", "red").objects[0], "below", alone("square", "red", "small", "dotted").objects[0], "dark"
    ),
]


def test_the_recogniser_can_learn_a_few_scenes_by_heart():
    torch.manual_seed(0)
    recogniser = SceneClassifier((8, 16), hidden=32)
    optimiser = torch.optim.AdamW(recogniser.parameters(), lr=3e-3)
    images, codes = render(FIXED), encode(FIXED)
    for _ in range(200):
        value = loss(recogniser(images), *codes)
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
    assert recogniser.read(images) == FIXED
    assert set(accuracy(FIXED, recogniser.read(images)).values()) == {1.0}
    assert recogniser.training


def test_reading_looks_at_each_picture_by_itself_and_changes_nothing():
    torch.manual_seed(0)
    recogniser = SceneClassifier((4, 6), hidden=8)
    images = render(random_scenes(12, seeded()))
    before = {name: value.clone() for name, value in recogniser.state_dict().items()}
    together = recogniser.read(images)
    assert [recogniser.read(image[None])[0] for image in images] == together
    torch.testing.assert_close(recogniser.state_dict(), before, rtol=0, atol=0)
    assert recogniser.training
    recogniser.eval().read(images)
    assert not recogniser.training


def test_accuracy_counts_objects_and_a_missed_one_has_nothing_right():
    thing = alone().objects[0]
    pair = Scene.pair(thing, "left of", replace(thing, colour="blue"))
    right = accuracy([pair, alone()], [alone(), alone(colour="blue", background="dark")])
    # of three objects: the first of the pair has only its place wrong, its second was not found, the last is blue
    assert right == pytest.approx(
        {
            "shape": 2 / 3,
            "colour": 1 / 3,
            "size": 2 / 3,
            "style": 2 / 3,
            "position": 1 / 3,
            "background": 0.5,
            "scene": 0,
        }
    )
    assert accuracy([alone()], [pair])["position"] == 0  # an object too many is a place that is wrong
    for truth, read in (([], []), ([alone()], [])):
        with pytest.raises(ValueError, match="at least one; got 0"):
            accuracy(truth, read)


def test_random_scenes_are_drawn_from_the_whole_world_evenly():
    scenes = random_scenes(4000, seeded())
    assert random_scenes(20, seeded()) == scenes[:20]
    assert sum(len(scene.objects) == 2 for scene in scenes) == 2000
    assert sum(map(is_held_out, scenes)) > 400
    things = [thing for scene in scenes for thing in scene.objects]
    for name, values in APPEARANCE.items():
        counts = Counter(getattr(thing, name) for thing in things)
        spread = 5 * math.sqrt(len(things) / len(values))  # five standard deviations
        assert all(abs(counts[value] - len(things) / len(values)) < spread for value in values)
    layouts = Counter(tuple(thing.position for thing in scene.objects) for scene in scenes)
    assert all(abs(layouts[place,] - 400) < 100 for place in ALONE)
    assert all(abs(layouts[pair] - 1000) < 150 for pair in LAYOUTS[5:])
    assert list(APPEARANCE) == list(ATTRIBUTES)[:4]


def test_training_lowers_the_loss_and_is_the_same_for_the_same_seed():
    def losses(steps):
        torch.manual_seed(0)
        return list(train_classifier(SceneClassifier((8, 16), hidden=32), steps, seeded(1), batch=32))

    first = losses(20)
    assert len(first) == 20
    assert sum(first[-5:]) < 0.9 * sum(first[:5])
    assert losses(3) == losses(3)
