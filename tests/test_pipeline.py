"""From a sentence to pictures: what a seed decides, what a picture depends on, where regions look, what is refused."""

import math
import re

import jaxtyping
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import avg_pool2d

from mmgen_course import pipeline
from mmgen_course.evaluate import caption_match
from mmgen_course.features.classifier import load_classifier
from mmgen_course.features.encoders import word_features
from mmgen_course.pipeline import PICTURE_SIZES, Drawn, OutsideTheWorld, draw, generate, words_of
from mmgen_course.scenes import UnknownWords, complete, parse

unhurried = settings(max_examples=12)
SEEDS = st.integers(-(2**31), 2**31)
FULL = "a large flat red circle in the centre on a light background"
ALONE = ["a star", "a crimson disc", "a striped thing in the top left on a dark background", FULL]
PAIRS = ["a small red circle above a large blue square", "a striped plus and an emerald thing"]
SAID = st.sampled_from(ALONE + PAIRS)
MODELS = ("vae", "gan")


def close(a, b):
    """The same but for the order of additions, which another number of pictures at once may change."""
    return torch.allclose(a, b, rtol=0, atol=2e-3)


# ---- what a seed decides


@unhurried
@given(SAID, SEEDS, st.integers(1, 4), st.integers(1, 4))
def test_a_seed_gives_the_same_pictures_and_looks_however_many_are_drawn(said, seed, few, more):
    one, other = draw([said] * few, seed), draw([said] * (few + more), seed)
    assert one.captions == other.captions[:few]
    assert close(one.images, other.images[:few])
    longest = one.attention.shape[1]
    assert close(one.attention, other.attention[:few, :longest])
    assert other.attention[:few, longest:].abs().sum() == 0
    assert torch.equal(generate(said, few, seed), one.images)


@unhurried
@given(st.sampled_from(ALONE), SEEDS, st.integers(1, 3))
def test_so_does_the_gan_which_looks_nowhere(said, seed, more):
    one, other = draw([said], seed, "gan"), draw([said] * (1 + more), seed, "gan")
    assert one.captions == other.captions[:1] == draw([said], seed).captions
    assert close(one.images, other.images[:1])
    assert one.attention is other.attention is None


@unhurried
@given(SAID, SAID, SAID, SEEDS)
def test_a_picture_depends_on_its_caption_and_its_place_but_not_on_the_captions_beside_it(a, b, c, seed):
    one, other = draw([a, b], seed), draw([c, b], seed)
    assert one.captions[1] == other.captions[1]
    assert close(one.images[1], other.images[1])


@pytest.mark.parametrize("model", MODELS)
def test_other_seeds_and_other_places_give_other_pictures(model):
    drawn = torch.cat([draw([FULL] * 3, seed, model).images for seed in (0, 1, -1, 2**31)])
    apart = torch.cdist(drawn.flatten(1), drawn.flatten(1)) + 9 * torch.eye(12)
    assert apart.min() > 0.1
    assert len({caption for seed in range(5) for caption in draw(["a star"] * 5, seed).captions}) == 25


def test_hundreds_of_pictures_are_drawn_in_batches_that_fit_together():
    captions = [f"a {colour} star" for colour in ("red", "blue", "green")] * 84  # more than are painted at once
    many = draw(captions, seed=3)
    assert many.images.shape == (252, 3, 32, 32)
    assert many.attention.shape[0] == len(many.captions) == 252
    assert close(many.images[:2], draw(captions[:2], seed=3).images)
    assert all(parse(said).hold_for(parse(full).scene()) for said, full in zip(captions, many.captions, strict=True))
    assert caption_match(many.images[240:], captions[240:]).attributes["colour"].value > 0.7


# ---- temperature


@pytest.mark.parametrize("model", MODELS)
def test_without_noise_a_full_caption_has_one_picture_and_more_noise_makes_pictures_differ_more(model):
    spread = [draw([FULL] * 12, 5, model, temperature=share).images.std(dim=0).mean() for share in (0.0, 0.3, 1.0)]
    assert spread[0] < 1e-4
    assert 1e-3 < spread[1] < 0.7 * spread[2]


def test_temperature_leaves_what_is_said_alone():
    assert draw(["a star"] * 4, 7, temperature=0.0).captions == draw(["a star"] * 4, 7).captions


# ---- sizes


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("size", PICTURE_SIZES)
def test_every_size_shows_the_same_scene(size, model):
    captions = [FULL, "a small flat blue square in the top left on a dark background", FULL.replace("circle", "cross")]
    large, small = draw(captions, 1, model, size), draw(captions, 1, model)
    assert large.images.shape == (3, 3, size, size)
    assert large.images.abs().max() <= 1
    pooled = avg_pool2d(large.images, size // 32)
    assert (pooled - small.images).abs().mean() < 0.03
    assert load_classifier().read(pooled) == load_classifier().read(small.images)
    assert model == "gan" or close(large.attention, small.attention)


# ---- where the regions look


@unhurried
@given(st.lists(SAID, min_size=1, max_size=4), SEEDS)
def test_each_region_shares_one_look_among_the_words_of_its_own_caption(captions, seed):
    drawn = draw(captions, seed)
    longest = max(len(words_of(drawn, i)) for i in range(len(captions)))
    assert drawn.attention.shape == (len(captions), longest, 8, 8)
    assert drawn.attention.min() >= 0
    torch.testing.assert_close(drawn.attention.sum(dim=1), torch.ones(len(captions), 8, 8))
    for i in range(len(captions)):
        words = words_of(drawn, i)
        assert " ".join(words) == drawn.captions[i]
        assert drawn.attention[i, len(words) :].abs().sum() == 0
        assert (drawn.attention[i, : len(words)].sum((1, 2)) > 0).all()


def test_a_caption_is_completed_by_the_seed_and_in_its_own_words():
    captions = draw(["a crimson disc"] * 8, 2).captions
    assert len(set(captions)) == 8
    for caption in captions:
        assert {"crimson", "disc"} <= {*caption.split()}
        assert parse(caption).unsaid == []
    assert draw([FULL.upper() + "!"]).captions == [FULL] == [complete(FULL)]


# ---- what is refused


@pytest.fixture
def unchecked():
    """The package as a user has it: the type checks of the tests would refuse what is of a wrong type."""
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", before)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"n": 0}, "at least one picture.*none"),
        ({"n": -3}, "at least one picture.*none"),
        ({"model": "diffusion"}, "no model 'diffusion'; there are: gan, vae"),
        ({"model": ""}, "no model ''; there are: gan, vae"),
        ({"size": 31}, "size of 32, 64, 128, 256 pixels; got 31"),
        ({"size": 0}, "size of 32, 64, 128, 256 pixels; got 0"),
        ({"size": 512}, "size of 32, 64, 128, 256 pixels; got 512"),
        ({"temperature": -0.1}, "temperature of at least 0.*got -0.1"),
        ({"temperature": math.inf}, "temperature of at least 0.*got inf"),
        ({"temperature": math.nan}, "temperature of at least 0.*got nan"),
    ],
    ids=str,
)
def test_an_argument_out_of_its_range_is_refused_with_what_was_expected_and_what_came(options, said, unchecked):
    with pytest.raises(ValueError, match=said):
        generate(FULL, **options)


@given(st.integers(-300, 600).filter(lambda size: size not in PICTURE_SIZES))
def test_no_other_size_is_drawn(size):
    with pytest.raises(ValueError, match=f"got {size}$"):
        generate(FULL, size=size)


@pytest.mark.parametrize("caption", ["", "a star left", "a star, a circle and a cross", "a red blue star", "red"])
def test_a_sentence_that_cannot_be_drawn_is_refused_as_parse_refuses_it(caption):
    with pytest.raises(ValueError, match=r".") as by_parse:
        parse(caption)
    with pytest.raises(ValueError, match=re.escape(str(by_parse.value))):
        generate(caption)


def test_a_landscape_is_refused_by_the_words_that_mean_nothing_and_what_it_would_take_is_said():
    with pytest.raises(UnknownWords) as raised:
        generate("a beautiful landscape")
    assert isinstance(raised.value, OutsideTheWorld)
    assert raised.value.words == ["beautiful", "landscape"]
    message = str(raised.value)
    assert "'beautiful'" in message
    assert "'landscape'" in message
    assert "'circle'" in message  # what there is instead
    assert message.endswith("millions of captioned photographs (lesson 10)")
    with pytest.raises(OutsideTheWorld, match=r"'purpel' \(near: purple\)"):
        draw(["a star", "a purpel star"])


@pytest.mark.parametrize("caption", PAIRS)
def test_the_gan_refuses_two_objects_and_says_who_draws_them(caption):
    with pytest.raises(ValueError, match=r"one object.*for two take model='vae'"):
        draw(["a star", caption], model="gan")


@given(st.lists(st.from_regex("[qxz]{3,8}", fullmatch=True), min_size=1, max_size=4, unique=True))
def test_every_unknown_word_is_named(words):
    with pytest.raises(OutsideTheWorld) as raised:
        generate(f"a {' '.join(words)} star")
    assert raised.value.words == words
    assert all(repr(word) in str(raised.value) for word in words)


# ---- what comes out shows what went in


@pytest.mark.parametrize("relation", [("above", "below"), ("left of", "right of")])
def test_a_caption_and_its_reverse_give_the_right_and_different_pictures(relation):
    one, other = f"a red circle {relation[0]} a blue square", f"a blue square {relation[0]} a red circle"
    same = f"a blue square {relation[1]} a red circle"  # as one, said the other way round
    read = {said: load_classifier().read(generate(said, 20, 4)) for said in (one, other, same)}
    for said, right in ((one, one), (same, one), (other, other)):
        assert sum(parse(right).hold_for(scene) for scene in read[said]) >= 16
        assert sum(parse(other if right == one else one).hold_for(scene) for scene in read[said]) <= 1


def test_what_is_drawn_is_a_named_tuple_of_pictures_captions_and_looks():
    assert Drawn._fields == ("images", "captions", "attention")
    assert pipeline.draw(["a star"]).images.requires_grad is False


def test_the_maps_are_those_of_the_last_question(monkeypatch):
    decoder = pipeline._text_to_image()

    class Told:
        latents = decoder.latents
        encode_text = staticmethod(decoder.encode_text)

        def draw(self, noise, encoded, enlarged):
            images, asked = decoder.draw(noise, encoded, enlarged)
            return images, [torch.full_like(block, float(i)) for i, block in enumerate(asked)]

    encoded = decoder.encode_text(*word_features(["a star"], pipeline._vectors()))
    blocks = len(decoder.draw(torch.zeros(1, decoder.latents), encoded, 1)[1])
    monkeypatch.setattr(pipeline, "_text_to_image", Told)
    assert blocks > 1
    assert draw(["a star"]).attention.unique().tolist() == [blocks - 1]
