"""What generators learn from: which scenes, in which words, and that pictures and captions agree."""

from functools import cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from mmgen_course.data.captioned_scenes import PLAIN, CaptionedScenes
from mmgen_course.features.classifier import load_classifier
from mmgen_course.scenes import BASE_WORDS, HELD_OUT_WORDS, TRAINING_WORDS, caption, parse, splits
from mmgen_course.scenes.splits import is_held_out

NAMES = ["train", "held_out_compositions", "held_out_synonyms"]


@cache
def scenes_of(split):
    return frozenset(splits()[split])


def data(seed=0):
    return CaptionedScenes(torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def drawing():
    return data()


@pytest.fixture(scope="module")
def train():
    """Many scenes to train on."""
    return data().draw(600)


@settings(max_examples=15)
@given(st.integers(0, 2**32), st.integers(1, 12), st.sampled_from(NAMES), st.floats(0, 1))
def test_a_batch_has_its_share_of_pairs_and_its_parts_tell_of_the_same_scenes(drawing, seed, n, split, pairs):
    drawing.generator.manual_seed(seed)
    batch = drawing.draw(n, split, pairs)
    two = sum(len(scene.objects) == 2 for scene in batch.scenes)
    assert abs(two - n * pairs) <= 0.5
    assert [len(scene.objects) for scene in batch.scenes] == [1] * (n - two) + [2] * two
    assert scenes_of(split).issuperset(batch.scenes)
    assert [parse(said).scene() for said in batch.captions] == batch.scenes
    assert batch.images.shape == (n, 3, 32, 32)
    assert batch.images.abs().max() <= 1


def test_the_pictures_show_the_scenes(train):
    read = load_classifier().read(train.images)
    assert sum(a == b for a, b in zip(read, train.scenes, strict=True)) >= 597  # the classifier errs once in 10,000


def test_no_held_out_composition_and_no_unseen_word_is_trained_on(train):
    assert not any(map(is_held_out, train.scenes))
    unseen = {word for words in HELD_OUT_WORDS.values() for word in words}
    unseen -= {word for words in TRAINING_WORDS.values() for word in words}
    said = {word for text in train.captions for word in text.split()}
    assert not unseen & said
    assert said >= {word for words in TRAINING_WORDS.values() for word in words}
    assert all(map(is_held_out, data().draw(50, "held_out_compositions").scenes))


def test_a_quarter_of_the_captions_is_in_the_plainest_words(train):
    plain = sum(said == caption(scene) for said, scene in zip(train.captions, train.scenes, strict=True))
    # a caption at random is the plainest of hundreds, hardly ever
    assert binomtest(plain, len(train.captions), PLAIN).pvalue > 1e-4


def test_the_same_seed_gives_the_same_batches_and_another_others():
    first, second = data(3), data(3)
    for _ in range(2):
        a, b = first.draw(4), second.draw(4)
        assert a.captions == b.captions
        assert a.scenes == b.scenes
        assert torch.equal(a.images, b.images)
    assert first.draw(4).captions != a.captions
    assert data(4).draw(4).scenes != data(3).draw(4).scenes


@pytest.mark.parametrize("words", [BASE_WORDS, HELD_OUT_WORDS], ids=["base", "unseen"])
def test_captions_keep_to_the_words_that_are_asked_for(words):
    allowed = {word for said in words.values() for word in said}
    others = {word for said in (*TRAINING_WORDS.values(), *HELD_OUT_WORDS.values()) for word in said} - allowed
    said = {word for text in data().draw(150, "held_out_synonyms", words=words).captions for word in text.split()}
    assert not said & others
    assert allowed <= said


def test_captions_name_what_is_asked_for_and_nothing_else():
    batch = data().draw(40, naming=("colour", "background"))
    for text, scene in zip(batch.captions, batch.scenes, strict=True):
        told = parse(text)
        assert told.hold_for(scene)
        assert {(thing.size, thing.style, thing.position) for thing in told.objects} == {(None, None, None)}
        assert told.background == scene.background
        assert all(thing.colour and thing.shape for thing in told.objects)
