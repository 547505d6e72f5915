"""What a caption leaves open is decided, every way it can be; what it says stays said, in its own words."""

import re
from collections import Counter
from itertools import combinations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from mmgen_course.features.glove import load_scene_vectors
from mmgen_course.scenes import (
    ATTRIBUTES,
    BACKGROUNDS,
    BASE_WORDS,
    COLOURS,
    HELD_OUT_WORDS,
    RELATIONS,
    SHAPES,
    SIZES,
    STYLES,
    TRAINING_WORDS,
    Scene,
    SceneObject,
    UnknownWords,
    caption,
    complete,
    parse,
)
from mmgen_course.scenes.parsing import KNOWN_WORDS
from mmgen_course.scenes.words import EVERYTHING, MEANINGS
from mmgen_course.scenes.world import ALONE

# beartype, which checks the package's calls in the tests, draws the item of a tuple that it looks at
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
unhurried = settings(max_examples=60)


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def placed(place):
    looks = {name: st.sampled_from(values) for name, values in ATTRIBUTES.items() if name != "position"}
    return st.builds(SceneObject, **looks, position=st.just(place))


PLACES = st.sampled_from([*((place,) for place in ALONE), ("left", "right"), ("top", "bottom")])
SCENES = st.builds(Scene, PLACES.flatmap(lambda places: st.tuples(*map(placed, places))), st.sampled_from(BACKGROUNDS))
GENERATORS = st.none() | st.integers(0, 2**32).map(seeded)
NAMINGS = st.sets(st.sampled_from(EVERYTHING))
LEXICONS = st.sampled_from([BASE_WORDS, TRAINING_WORDS, HELD_OUT_WORDS])


def meant(text):
    """Each word of a shape, colour, size or style, by what it means."""
    words = {}
    for word in text.split():
        if word in MEANINGS:
            words.setdefault(MEANINGS[word], set()).add(word)
    return words


# ---- nothing stays open, nothing said is lost


@unhurried
@given(SCENES, GENERATORS, NAMINGS, LEXICONS, GENERATORS)
def test_a_completed_caption_says_everything_and_nothing_against_the_caption(scene, by, naming, lexicon, generator):
    text = caption(scene, by, naming=naming, words=lexicon)
    full = parse(complete(text, generator))
    assert full.unsaid == []
    assert parse(text).hold_for(full.scene())
    assert len(full.objects) == len(scene.objects)


@unhurried
@given(SCENES, GENERATORS, NAMINGS, LEXICONS, GENERATORS)
def test_a_completed_caption_keeps_the_words_that_the_user_chose(scene, by, naming, lexicon, generator):
    text = caption(scene, by, naming=naming, words=lexicon)
    own, used = meant(text), meant(complete(text, generator))
    for meaning, words in own.items():
        assert used[meaning] <= words  # where two words for one thing came, each is as good
        if len(words) == 1:
            assert used[meaning] == words
    for (_, value), words in used.items():
        assert words <= {*own.get(MEANINGS[value], ()), *TRAINING_WORDS[value]}


@unhurried
@given(SCENES, GENERATORS, LEXICONS, GENERATORS, st.sampled_from([str.lower, str.upper, str.title]))
def test_a_full_caption_comes_back_unchanged_but_for_case_and_punctuation(scene, by, lexicon, generator, case):
    text = caption(scene, by, words=lexicon)
    assert complete(f"  {case(text)}!", generator) == text
    assert complete(case(text).replace(" ", "_"), generator) == text


@unhurried
@given(SCENES, GENERATORS, NAMINGS, GENERATORS, GENERATORS)
def test_completing_twice_is_completing_once(scene, by, naming, generator, another):
    full = complete(caption(scene, by, naming=naming), generator)
    assert complete(full, another) == full


@unhurried
@given(SCENES, NAMINGS, st.integers(0, 2**32))
def test_a_seed_decides_the_same_again_and_without_one_the_plainest_is_taken(scene, naming, seed):
    text = caption(scene, naming=naming, words=BASE_WORDS)
    assert complete(text, seeded(seed)) == complete(text, seeded(seed))
    assert complete(text) == caption(parse(text).complete())


# ---- sentences that `caption` never writes


ONE, OTHER = "a small flat red circle", "a large striped blue square"
TYPED = (
    "above the square is the circle",
    "a circle beneath a square",
    "the star is red",
    "a tiny thing",
    "there are a cross and a star",
    "an object next to a thing which is blue",
    "in the center of the picture there is a circle",
    "a square, and to the left of it a circle",
    "a circle in the upper right corner of the image",
    f"{ONE} beneath a large plain blue square against the dark ground",
    f"{ONE} in the center on a light background",
    f"{ONE} in the upper left corner of the picture on a light background",
    "There is a small_flat RED circle, in the top-left; on a light background!",
    # full ones, in words that models have read but in an order that they have not
    f"above {OTHER} is {ONE} on a light background",
    f"to the left of {OTHER} there is {ONE} on a light background",
    f"in the top left there is {ONE} on a light background",
    f"{ONE} left and {OTHER} right on a light background",
    f"{ONE} on the left together with {OTHER} on the right on a light background",
    f"{OTHER}, and above it {ONE} on a light background",
    "a red flat small circle in the centre on a light background",
)
A_THING = r"an? \w+ that is \w+ and \w+ and \w+|a (?:small|little|tiny|large|big|huge) \w+ \w+ \w+"


@pytest.fixture(scope="module")
def forms():
    """The sentences that `caption` writes when it names everything, with _ for a thing."""
    written = set()
    for seed in range(3000):
        scene = parse(("a thing", "a thing and a thing")[seed % 2]).complete(seeded(seed))
        written.add(re.sub(A_THING, "_", caption(scene, seeded(seed), words=BASE_WORDS)).replace("dark", "light"))
    assert len(written) == 4 * 3 * (5 * 3 + 4 * 4)  # openings, grounds, places, relations
    return written


@pytest.mark.parametrize("text", TYPED, ids=str)
def test_whatever_form_a_sentence_has_it_is_completed_to_one_that_models_have_read(text, forms):
    known = load_scene_vectors().index.keys()
    for full in (complete(text), *(complete(text, seeded(seed)) for seed in range(5))):
        assert re.sub(A_THING, "_", full).replace("dark", "light") in forms
        assert set(full.split()) <= known
        assert parse(text).hold_for(parse(full).scene())


# ---- what is open comes out every way


def decided(text, times=600):
    return [parse(complete(text, seeded(seed))).scene() for seed in range(times)]


def even(values, options):
    """Whether all options occur, and no more unevenly than one time in 10,000 by chance."""
    counts = Counter(values)
    return {*counts} == {*options} and chisquare([counts[option] for option in options]).pvalue > 1e-4


def test_whatever_one_object_leaves_open_is_decided_evenly():
    scenes = decided("a star")
    assert {scene.objects[0].shape for scene in scenes} == {"star"}
    for name, values in {"colour": COLOURS, "size": SIZES, "style": STYLES, "position": ALONE}.items():
        assert even([getattr(scene.objects[0], name) for scene in scenes], values), name
    assert even([scene.background for scene in scenes], BACKGROUNDS)
    assert even([scene.objects[0].shape for scene in decided("a blue thing")], SHAPES)


def test_whatever_two_objects_leave_open_is_decided_evenly():
    scenes = decided("a star and a circle")
    assert {scene.relation for scene in scenes} == {"left of", "above"}
    stands = [(scene.relation, scene.objects[0].shape) for scene in scenes]
    assert even(stands, [(way, first) for way in ("left of", "above") for first in ("star", "circle")])
    for k in range(2):
        assert even([scene.objects[k].colour for scene in scenes], COLOURS)
    looks = [tuple(sorted((thing.shape, thing.colour) for thing in scene.objects)) for scene in scenes]
    assert len(set(looks)) > 55  # of 64: the two colours are decided apart


def test_what_is_said_of_a_relation_is_not_decided_again():
    for relation, way in zip(RELATIONS, ("left of", "left of", "above", "above"), strict=True):
        scenes = decided(f"a star {relation} a circle", 20)
        assert {scene.relation for scene in scenes} == {way}
        assert {scene.objects[0].shape for scene in scenes} == {"star" if relation == way else "circle"}


def test_what_is_open_is_decided_in_many_words():
    texts = {complete("a crimson disc", seeded(seed)) for seed in range(50)}
    assert len(texts) == 50
    assert all({"crimson", "disc"} <= {*text.split()} for text in texts)
    assert {word for text in texts for word in ("large", "big", "small", "little") if word in text.split()} == {
        *("large", "big", "small", "little")
    }


# ---- what cannot be completed


STRANGE = st.from_regex(r"[a-z]{3,9}", fullmatch=True).filter(lambda word: word not in KNOWN_WORDS)


@given(st.lists(STRANGE, min_size=1, max_size=4, unique=True))
def test_words_that_mean_nothing_are_named(words):
    with pytest.raises(UnknownWords) as raised:
        complete(f"a {' '.join(words)} star")
    assert raised.value.words == words


@pytest.mark.parametrize(
    ("text", "said"), [("", "names 0"), ("a red blue star", "two values"), ("a star left", "left")]
)
def test_a_sentence_that_cannot_be_drawn_is_refused_as_parse_refuses_it(text, said):
    with pytest.raises(ValueError, match=said):
        complete(text)


def test_each_pair_of_attributes_can_be_named_and_the_rest_is_filled_in():
    scene = Scene((SceneObject("star", "blue", "small", "dotted", "top left"),), "dark")
    for naming in combinations(EVERYTHING, 2):
        text = caption(scene, naming=naming, words=BASE_WORDS)
        full = parse(complete(text)).scene()
        for name in naming:
            assert (
                full.background == "dark"
                if name == "background"
                else getattr(full.objects[0], name) == getattr(scene.objects[0], name)
            )
