import inspect
import json
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmgen_course import evaluate, scenes
from mmgen_course.data import ROOT
from mmgen_course.evaluate import Estimate, caption_match, match_compute, match_update, widened, wilson
from mmgen_course.evaluate.match import CLASSIFIER_ERROR, CLASSIFIER_READ, CLASSIFIER_WRONG, QUESTIONS, answers
from mmgen_course.features.classifier import random_scenes
from mmgen_course.recipes import read_card
from mmgen_course.recipes.recogniser import MEASURED_ON

few = settings(max_examples=30)
SCENES = random_scenes(60, torch.Generator().manual_seed(5), unseen=True)
PICTURES = scenes.render(SCENES, generator=torch.Generator().manual_seed(6))
PLAIN = [scenes.caption(scene) for scene in SCENES]


def test_the_classifiers_error_is_what_its_card_says():
    card = read_card(ROOT / "weights" / "recogniser.safetensors")
    assert MEASURED_ON == CLASSIFIER_READ
    assert round((1 - card.measured["scene"]) * MEASURED_ON) == CLASSIFIER_WRONG
    assert wilson(CLASSIFIER_WRONG, CLASSIFIER_READ).high == CLASSIFIER_ERROR < 0.001


def test_true_captions_match_in_every_wording_and_false_ones_do_not():
    generator = torch.Generator().manual_seed(1)
    for words in (scenes.TRAINING_WORDS, scenes.HELD_OUT_WORDS):
        said = [scenes.caption(scene, generator, words=words) for scene in SCENES]
        assert caption_match(PICTURES, said).share.value == 1
    wrong = PLAIN[1:] + PLAIN[:1]  # of a scene with another number of objects
    assert caption_match(PICTURES, wrong).share.value == 0


def test_the_share_of_wrong_pictures_is_found():
    other = {colour: scenes.COLOURS[(i + 3) % 8] for i, colour in enumerate(scenes.COLOURS)}
    alone = [scene for scene in SCENES if len(scene.objects) == 1]
    drawn = [
        replace(s, objects=(replace(s.objects[0], colour=other[s.objects[0].colour]),)) if i % 3 == 0 else s
        for i, s in enumerate(alone)
    ]
    match = caption_match(scenes.render(drawn), [scenes.caption(scene) for scene in alone])
    assert match.share.value == match.attributes["colour"].value == pytest.approx(2 / 3)
    assert match.share.low < 2 / 3 < match.share.high
    assert {name for name, share in match.attributes.items() if share.value == 1} == set(QUESTIONS[1:]) - {"colour"}


def test_attributes_are_of_the_captions_that_speak_of_them():
    red, blue = (scenes.parse(f"a large {colour} star").complete() for colour in ("red", "blue"))
    match = caption_match(scenes.render([red, blue]), ["a star", "a small red star"])
    assert match.attributes["shape"].value == 1
    assert match.attributes["colour"].value == match.attributes["size"].value == 0  # of one caption
    assert match.attributes.keys() == {"shape", "colour", "size"}
    assert match.attributes["colour"].high == widened(wilson(0, 1), CLASSIFIER_ERROR).high


def test_who_has_which_colour_is_left_to_everything():
    scene = scenes.parse("a red star left of a blue square").complete()
    said = dict(zip(QUESTIONS, answers(scenes.parse("a blue star left of a red square"), scene), strict=True))
    assert said["everything"] == 0
    assert said["colour"] == said["shape"] == said["position"] == 1
    assert said["background"] == said["size"] == -1
    assert answers(scenes.parse("a red star left of a blue square"), scene)[0] == 1


@pytest.mark.parametrize("scene", SCENES[:12], ids=str)
def test_an_answer_is_yes_exactly_for_what_a_scene_has(scene):
    true = scenes.parse(scenes.caption(scene))
    assert answers(true, scene) == [1] * 7
    flipped = replace(scene, background="dark" if scene.background == "light" else "light")
    assert answers(true, flipped) == [0, 1, 1, 1, 1, 1, 0]
    things = [replace(thing, size="small" if thing.size == "large" else "large") for thing in scene.objects]
    expected = answers(true, replace(scene, objects=tuple(things)))
    sizes = {thing.size for thing in scene.objects}
    assert expected == ([0, 1, 1, 0, 1, 1, 1] if len(sizes) == 1 else [0, 1, 1, 1, 1, 1, 1])


def test_one_object_too_few_is_wrong_in_what_is_said_of_it():
    alone = scenes.parse("a red star").complete()
    assert answers(scenes.parse("a red star and a blue square"), alone)[:3] == [0, 0, 0]


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6))
@few
def test_a_stream_in_any_batches_gives_the_same(sizes):
    n = sum(sizes)
    pictures, said = PICTURES[:n], [*PLAIN[: n // 2], *PLAIN[n // 2 + 1 :]][:n]
    counts, start = None, 0
    for size in sizes:
        part = slice(start, start + size)
        counts = match_update(counts, pictures[part], said[part], allow_light=True)  # one picture may well be light
        start += size
    assert match_compute(counts) == caption_match(pictures, said)


def test_the_interval_is_wilsons_and_the_classifiers_error_on_both_sides():
    counts = match_update(None, PICTURES[:40], PLAIN[:30] + PLAIN[31:41])
    counted = wilson(int(counts.right[0]), 40)
    for error in (0.0, 0.01, 0.2):
        low, high = max(0, counted.low - error), min(1, counted.high + error)
        assert match_compute(counts, error).share == Estimate(counted.value, low, high)
    assert 0 < counted.value < 1


def test_another_classifier_is_asked():
    class Blind(torch.nn.Module):
        def read(self, images):
            return [scenes.parse("a red star").complete()] * len(images)

    counts = inspect.unwrap(match_update)(None, PICTURES[:4], ["a red star"] * 3 + ["a blue star"], Blind())
    assert (counts.right[0], counts.total[0]) == (3, 4)


def test_it_does_not_matter_how_many_pictures_come_at_once_and_the_classifier_stays_as_it_was():
    classifier = evaluate.image_features.shipped_classifier()
    before = json.dumps({name: value.double().sum().item() for name, value in classifier.state_dict().items()})
    many = caption_match(PICTURES.repeat(10, 1, 1, 1), PLAIN * 10).share
    assert many.value == 1
    assert not classifier.training
    assert json.dumps({name: value.double().sum().item() for name, value in classifier.state_dict().items()}) == before


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: caption_match(PICTURES[:1], ["a purpel star"]), "'purpel'"),
        (lambda: caption_match(PICTURES[:2], ["a star"]), "got 2 and 1"),
        (lambda: caption_match(PICTURES[:0], []), "at least one"),
        (lambda: caption_match(127.5 * (PICTURES[:1] + 1), ["a star"]), "to 2"),
        (lambda: caption_match(PICTURES[:1] * float("nan"), ["a star"]), "nan"),
        (lambda: caption_match(PICTURES[:1], PLAIN[:1], classifier_error=5.0), "got 5.0"),
        (lambda: inspect.unwrap(match_update)(None, PICTURES[0], ["a star"]), r"got \(3, 32, 32\)"),
    ],
)
def test_what_cannot_be_counted_is_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call()
