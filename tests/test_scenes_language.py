import re
from collections import Counter
from dataclasses import replace
from itertools import chain, combinations
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

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
    parse,
    splits,
    world,
)
from mmgen_course.scenes.constraints import ObjectConstraints
from mmgen_course.scenes.parsing import KNOWN_WORDS
from mmgen_course.scenes.words import EVERYTHING, MEANINGS, STYLE_WORDS, SYNONYMS
from mmgen_course.scenes.world import ALONE

# beartype, which checks the package's calls in the tests, draws the item of a tuple that it looks at
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
unhurried = settings(max_examples=40)

LEXICONS = (BASE_WORDS, TRAINING_WORDS, HELD_OUT_WORDS)
SUBSETS = [set(names) for n in range(len(EVERYTHING)) for names in combinations(EVERYTHING[1:], n)]  # shape: always
LEGAL_PLACES = [(place,) for place in ALONE] + [("left", "right"), ("top", "bottom")]

RED_BALL = SceneObject("circle", "red", "small", "flat", "centre")
BLUE_BOX = SceneObject("square", "blue", "large", "striped", "centre")
SOME_SCENES = [Scene((replace(BLUE_BOX, position=place),), "dark") for place in ALONE] + [
    Scene.pair(RED_BALL, relation, BLUE_BOX) for relation in RELATIONS
]


def placed(place):
    looks = {name: st.sampled_from(ATTRIBUTES[name]) for name in ("shape", "colour", "size", "style")}
    return st.builds(SceneObject, **looks, position=st.just(place))


SCENES = st.builds(
    Scene,
    st.sampled_from(LEGAL_PLACES).flatmap(lambda places: st.tuples(*map(placed, places))),
    st.sampled_from(BACKGROUNDS),
)
SEEDS = st.integers(0, 2**32).map(lambda seed: torch.Generator().manual_seed(seed))
NAMINGS = st.sets(st.sampled_from(EVERYTHING))


def every_caption(scene, monkeypatch, **options):
    """All that `caption` can write, by walking its tree of choices: play every sequence of dice to its end."""
    dice, rolled = [], []

    def roll(sides, shape, generator):
        if len(rolled) == len(dice):
            dice.append(0)
        rolled.append(sides)
        return dice[len(rolled) - 1]

    monkeypatch.setattr(world, "torch", SimpleNamespace(randint=roll))
    while True:
        rolled.clear()
        yield caption(scene, torch.Generator(), **options)
        while dice and dice[-1] == rolled[len(dice) - 1] - 1:
            dice.pop()
        if not dice:
            return
        dice[-1] += 1


def says(scene, naming):
    """What a caption with this naming may say, as a bag of the objects' values, and the background or None."""
    names = [name for name in ATTRIBUTES if name in {"shape", *naming}]
    things = Counter(tuple(getattr(thing, name) for name in names) for thing in scene.objects)
    return things, scene.background if "background" in naming else None


# ---- from a scene to a caption and back


@unhurried
@given(SCENES, SEEDS, st.sampled_from(LEXICONS))
def test_a_full_caption_gives_back_exactly_its_scene(scene, generator, lexicon):
    said = parse(caption(scene, generator, words=lexicon))
    assert said.hold_for(scene)
    assert said.scene() == scene


@pytest.mark.parametrize("scene", SOME_SCENES, ids=caption)
def test_every_single_paraphrase_says_the_same(scene, monkeypatch):
    naming = {"shape", "colour", "position", *["background"][: scene.relation is None]}
    things, background = says(scene, naming)
    texts = list(every_caption(scene, monkeypatch, naming=naming, words=BASE_WORDS))
    assert len(texts) == (4 * 8 * 2 * 2 if scene.relation else 4 * 3 * 3 * 2)
    for text in texts:
        said = parse(text)
        assert Counter((thing.shape, thing.colour, thing.position) for thing in said.objects) == things, text
        assert said.background == background, text


def test_every_choice_of_training_words_says_the_same(monkeypatch):
    naming = ("shape", "colour", "size", "style")
    texts = set(every_caption(Scene((RED_BALL,)), monkeypatch, naming=naming))
    assert len(texts) == 4 * 2 * 2**4
    assert {parse(text) for text in texts} == {parse("a small flat red circle")}


@unhurried
@given(SCENES, SEEDS, NAMINGS, st.sampled_from(LEXICONS))
def test_a_partial_caption_holds_and_says_exactly_what_it_names(scene, generator, naming, lexicon):
    said = parse(caption(scene, generator, naming=naming, words=lexicon))
    assert said.hold_for(scene)
    filled = [{name for name in ATTRIBUTES if getattr(thing, name)} for thing in said.objects]
    assert filled == [{"shape", *naming} - {"background"}] * len(scene.objects)
    assert said.background == (scene.background if "background" in naming else None)


@unhurried
@given(SCENES, SEEDS, NAMINGS, st.sampled_from(LEXICONS))
def test_a_caption_has_no_word_for_what_it_does_not_name(scene, generator, naming, lexicon):
    said = set(caption(scene, generator, naming=naming, words=lexicon).split())
    spoken = {
        "colour": {word for colour in COLOURS for word in (colour, *SYNONYMS[colour])},
        "size": {word for size in SIZES for word in (size, *SYNONYMS[size])},
        "style": {word for style in STYLES for word in (style, *STYLE_WORDS[style])},
        "position": {"left", "right", "top", "bottom", "upper", "lower", "above", "below", "over", "under", "centre"},
        "background": {"light", "dark", "background", "ground"},
    }
    for name, vocabulary in spoken.items():
        assert name in naming or not said & vocabulary


@unhurried
@given(SCENES, SEEDS, NAMINGS, st.data())
def test_a_caption_holds_for_another_scene_only_if_that_agrees_in_all_it_names(scene, generator, naming, data):
    # another scene near the first: some values, places or the background changed, or the looks exchanged
    things = list(data.draw(st.permutations(scene.objects)))
    for i, name in data.draw(st.sets(st.tuples(st.integers(0, len(things) - 1), st.sampled_from([*ATTRIBUTES][:4])))):
        things[i] = replace(things[i], **{name: data.draw(st.sampled_from(ATTRIBUTES[name]))})
    places = data.draw(st.sampled_from([way for way in LEGAL_PLACES if len(way) == len(things)]))
    things = [replace(thing, position=place) for thing, place in zip(things, places, strict=True)]
    other = Scene(tuple(things), data.draw(st.sampled_from(BACKGROUNDS)))

    expected = says(scene, naming) == says(other, naming)
    assert parse(caption(scene, generator, naming=naming)).hold_for(other) == expected


@unhurried
@given(SCENES, SEEDS, st.sampled_from(EVERYTHING), st.data())
def test_changing_one_named_value_makes_a_caption_false(scene, generator, name, data):
    text = caption(scene, generator, naming={name})
    if name == "background":
        other = replace(scene, background=data.draw(st.sampled_from(sorted({*BACKGROUNDS} - {scene.background}))))
    elif name == "position":
        here = tuple(thing.position for thing in scene.objects)
        ways = [way for way in LEGAL_PLACES if len(way) == len(here) and way != here]
        places = data.draw(st.sampled_from(ways))
        pairs = zip(scene.objects, places, strict=True)
        other = Scene(tuple(replace(thing, position=place) for thing, place in pairs), scene.background)
    else:
        first, *rest = scene.objects
        value = data.draw(st.sampled_from(sorted({*ATTRIBUTES[name]} - {getattr(first, name)})))
        other = Scene((replace(first, **{name: value}), *rest), scene.background)
    assert not parse(text).hold_for(other)


def test_a_relation_is_false_when_different_objects_change_places_and_true_when_equal_ones_do():
    one, other = Scene.pair(RED_BALL, "above", BLUE_BOX), Scene.pair(BLUE_BOX, "above", RED_BALL)
    assert not parse(caption(one, naming=["position"])).hold_for(other)
    twins = Scene.pair(RED_BALL, "above", replace(RED_BALL, colour="blue"))
    swapped = Scene.pair(replace(RED_BALL, colour="blue"), "above", RED_BALL)
    assert parse(caption(twins, naming=["position", "size"])).hold_for(swapped)
    assert not parse(caption(twins, naming=["position", "colour"])).hold_for(swapped)


def test_a_caption_of_one_object_holds_for_a_pair_that_has_it_but_not_the_other_way_round():
    pair, alone = Scene.pair(RED_BALL, "above", BLUE_BOX), Scene((RED_BALL,))
    assert parse("a red circle").hold_for(pair)
    assert not parse("a red circle in the centre").hold_for(pair)
    assert not parse("a red circle and a red circle").hold_for(alone)


# ---- paraphrases and words


@pytest.mark.parametrize("scene", [SOME_SCENES[0], SOME_SCENES[-1]], ids=["alone", "pair"])
def test_every_set_of_attributes_has_three_paraphrases_in_base_words_alone(scene, monkeypatch):
    for naming in SUBSETS:
        found = set()
        for text in every_caption(scene, monkeypatch, naming=naming, words=BASE_WORDS):
            found.add(text)
            if len(found) == 3:
                break
        assert len(found) == 3, naming


def test_without_a_generator_the_caption_is_always_the_same_and_a_seed_repeats_it():
    scene = SOME_SCENES[-1]
    assert caption(scene) == caption(scene)
    first, again = (caption(scene, torch.Generator().manual_seed(7)) for _ in range(2))
    assert first == again
    assert len({caption(scene, torch.Generator().manual_seed(seed)) for seed in range(20)}) > 15


def test_every_colour_shape_and_size_has_two_synonyms_and_no_word_means_two_things():
    assert set(SYNONYMS) == {*SHAPES, *COLOURS, *SIZES}
    assert all(len({word, *others}) >= 3 for word, others in SYNONYMS.items())
    # a style is among its own words
    of_values = [*chain(*((value, *others) for value, others in SYNONYMS.items()), *STYLE_WORDS.values())]
    assert len(of_values) == len(set(of_values))
    assert set(MEANINGS) == {*of_values}
    meanings = [MEANINGS[word] for word in of_values]
    assert len(set(meanings)) == sum(len(ATTRIBUTES[name]) for name in ("shape", "colour", "size", "style"))


@pytest.mark.parametrize("name", ["shape", "colour", "size", "style"])
def test_each_word_of_a_lexicon_means_its_own_value(name):
    for lexicon in LEXICONS:
        for value in ATTRIBUTES[name]:
            for word in lexicon[value]:
                said = parse(word if name == "shape" else f"a {word} object").objects
                assert said == (ObjectConstraints(**{name: value}),)


def test_training_and_held_out_words_share_only_words_of_style():
    training, held_out = ({*chain(*lexicon.values())} for lexicon in (TRAINING_WORDS, HELD_OUT_WORDS))
    assert training & held_out == {*chain(*STYLE_WORDS.values())}
    assert {*chain(*BASE_WORDS.values())} <= training


def test_no_training_caption_has_a_held_out_word():
    unseen = {word for _, word in SYNONYMS.values()}
    generator = torch.Generator().manual_seed(0)
    used = Counter(chain(*(caption(scene, generator).split() for scene in splits()["train"][::40])))
    assert not unseen & used.keys()
    # ... and no caption for the test of synonyms has another word for a shape, colour or size
    tested = splits()["held_out_synonyms"][::5]
    asked = {*chain(*(caption(scene, generator, words=HELD_OUT_WORDS).split() for scene in tested))}
    assert unseen <= asked
    assert not asked & {word for value, (seen, _) in SYNONYMS.items() for word in (value, seen)}


@unhurried
@given(SCENES, SEEDS, st.sampled_from(LEXICONS))
def test_an_article_fits_the_word_after_it(scene, generator, lexicon):
    for article, word in re.findall(r"\b(an?) (\w+)", caption(scene, generator, words=lexicon)):
        assert article == ("an" if word[0] in "aeiou" else "a")


def test_naming_what_does_not_exist_is_an_error_that_says_what_does():
    with pytest.raises(ValueError, match=r"cannot name \['color'\]; .*colour.*background"):
        caption(SOME_SCENES[0], naming=["color", "size"])


# ---- from a sentence to its meaning


@unhurried
@given(SCENES, SEEDS, st.data())
def test_case_and_punctuation_change_nothing(scene, generator, data):
    text = caption(scene, generator)
    gaps = st.sampled_from([" ", ", ", " - ", "... ", "\n", "!? ", ' "'])
    cases = st.sampled_from([str.lower, str.upper, str.title])
    noisy = "".join(data.draw(cases)(word) + data.draw(gaps) for word in text.split())
    assert parse(noisy) == parse(text)


def one(**said):
    return ((ObjectConstraints(**said),), None)


CIRCLE, SQUARE = ObjectConstraints("circle"), ObjectConstraints("square")


def pair(first, second, circle=None, square=None, background=None):
    """A circle and a square at these places, looking so, in any order."""
    return (
        (replace(CIRCLE, position=first, **circle or {}), replace(SQUARE, position=second, **square or {})),
        background,
    )


SIDE_BY_SIDE, MIRRORED = pair("left", "right"), pair("right", "left")
CIRCLE_ON_TOP, SQUARE_ON_TOP = pair("top", "bottom"), pair("bottom", "top")
APART = pair(None, None)
RED = {"colour": "red"}
RED_CIRCLE = pair(None, None, RED)

UNDERSTOOD = {
    "red circle": one(shape="circle", colour="red"),
    "a circle, red": one(shape="circle", colour="red"),
    "the circle is red": one(shape="circle", colour="red"),
    "a circle that is in the top left and red": one(shape="circle", colour="red", position="top left"),
    "in the top left corner of the picture there is a circle": one(shape="circle", position="top left"),
    "an object that is red": one(colour="red"),
    "a red circle and square": RED_CIRCLE,
    "a square, red circle": pair(None, None, RED),
    "a circle that is red and a square": RED_CIRCLE,
    "a circle next to a square": APART,
    "a circle is to the left of a square": SIDE_BY_SIDE,
    "a square is to the left of a circle": MIRRORED,
    "a circle on the left of a square": SIDE_BY_SIDE,
    "left of a square is a circle": SIDE_BY_SIDE,
    "to the left of the square there is a circle": SIDE_BY_SIDE,
    "a circle left and a square right": SIDE_BY_SIDE,
    "a circle on the left, a square to the right of it": SIDE_BY_SIDE,
    "a square, and to the left of it a circle": SIDE_BY_SIDE,
    "a square with a circle on the left of it": SIDE_BY_SIDE,
    "a circle which is above a square": CIRCLE_ON_TOP,
    "above the square is the circle": CIRCLE_ON_TOP,
    "a square with a circle above it": CIRCLE_ON_TOP,
    "a square and a circle above it": CIRCLE_ON_TOP,
    "a square, above it a circle": CIRCLE_ON_TOP,
    "a circle above a square at the bottom": CIRCLE_ON_TOP,
    "a circle beneath a square": SQUARE_ON_TOP,
    "a circle that is red above a square": pair("top", "bottom", RED),
    "a square with a red circle above it that is small": pair("top", "bottom", {"colour": "red", "size": "small"}),
    "a circle on a dark background above a square": (*CIRCLE_ON_TOP[:1], "dark"),
}


def meaning(text):
    """The objects by name, whatever the order of mention; None where the sentence is refused."""
    try:
        said = parse(text)
    except ValueError:
        return None
    return tuple(sorted(said.objects, key=lambda thing: str(thing.shape))), said.background


@pytest.mark.parametrize(("text", "expected"), UNDERSTOOD.items(), ids=[*UNDERSTOOD])
def test_a_sentence_that_a_person_would_type_is_understood(text, expected):
    assert meaning(text) == expected


# sentences that were once read as something else: each must mean this, or be refused
NEVER_MISREAD = {
    # a relation read the wrong way round
    "to the left of the picture is a circle and to the right a square": SIDE_BY_SIDE,
    "on the left of the image a circle, on the right a square": SIDE_BY_SIDE,
    "above is a circle and below is a square": CIRCLE_ON_TOP,
    "above: a circle, below: a square": CIRCLE_ON_TOP,
    "on top of a square is a circle": CIRCLE_ON_TOP,
    "a square above which is a circle": CIRCLE_ON_TOP,
    "a square to the left of which is a circle": SIDE_BY_SIDE,
    "a square and on the left a circle": SIDE_BY_SIDE,
    "a square and, to the left, a circle": SIDE_BY_SIDE,
    "square and left circle": SIDE_BY_SIDE,
    "a circle above a square, it is red": pair("top", "bottom", None, RED),
    "a circle left of a square next to it": SIDE_BY_SIDE,
    # an adjective given to the wrong object
    "a circle, red, and a square": RED_CIRCLE,
    "a circle in red and a square": RED_CIRCLE,
    "the circle is red and the square is above it": pair("bottom", "top", RED),
    "the circle is red and above the square": pair("top", "bottom", RED),
    "the circle on the left is red, the square on the right": pair("left", "right", RED),
    "circle that is red above small square": pair("top", "bottom", RED, {"size": "small"}),
    "this square is above that red circle": pair("bottom", "top", RED),
    "an orange and a circle": None,
    "a lemon beside a star": None,
    "a red and a circle": None,
    # an adjective of the ground or of the picture given to an object, or taken for one
    "a circle on a plain dark background": (one(shape="circle")[0], "dark"),
    "a circle on a large dark background": None,
    "a small picture of a circle": one(shape="circle"),
    "a square picture of a circle": one(shape="circle"),
    # two nouns for one object
    "a star shape": one(shape="star"),
    "a red square shape": one(shape="square", colour="red"),
    "an object that is a star": one(shape="star"),
    "the left object is a circle": None,
    "a square box": one(shape="square"),
    "a square ball": None,
    # said, and silently not heard
    "a circle on a light background and a square on a dark background": None,
    "a circle in a square": None,
    "a circle on a square": None,
    "a circle against a square": None,
    "a circle in the corner": None,
}


@pytest.mark.parametrize(("text", "expected"), NEVER_MISREAD.items(), ids=[*NEVER_MISREAD])
def test_a_sentence_is_refused_rather_than_misread(text, expected):
    assert meaning(text) in (None, expected)


CONTRADICTIONS = {
    "a red and blue circle": "colour: 'red' and 'blue'",
    "a small large circle": "size: 'small' and 'large'",
    "a red circle that is blue": "colour: 'red' and 'blue'",
    "a flat striped circle": "style: 'flat' and 'striped'",
    "a circle in the top left in the bottom right": "position: 'top left' and 'bottom right'",
    "a circle on the left and a square on the left": "left, left",
    "a circle on the left and a square at the top": "left, top",
    "a circle left of a square at the top": "position: ",
    "a circle in the centre and a square": "centre",
    "a circle on the left": "left; one object stands at: centre, top left",
    "a circle left of": "'left of' needs an object before and after",
    "above a circle": "'above' needs an object before and after",
    "it is a circle": "'it' stands for nothing",
    "a circle, a square and a star": "names 3",
    "a large blue": "names 0",
    "a dark circle": "'dark' says nothing alone",
    "": "names 0",
}


@pytest.mark.parametrize(("text", "message"), CONTRADICTIONS.items(), ids=[*CONTRADICTIONS])
def test_a_sentence_that_fits_no_scene_is_an_error_that_says_why(text, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        parse(text)


def test_every_unknown_word_is_named_once_and_in_order_with_near_words_that_are_known():
    with pytest.raises(UnknownWords) as caught:
        parse("A purpel sqare zzz a Purpel circle")
    assert caught.value.words == ["purpel", "sqare", "zzz"]
    assert "'purpel' (near: purple" in str(caught.value)
    assert "'sqare' (near: square" in str(caught.value)
    assert "'zzz';" in str(caught.value)


@pytest.mark.parametrize("word", sorted(word for word in MEANINGS if len(word) > 4))
def test_a_word_with_two_letters_exchanged_is_told_the_word_meant(word):
    typed = word[:2] + word[3] + word[2] + word[4:]
    if typed not in KNOWN_WORDS:
        with pytest.raises(UnknownWords, match=rf"near: (\w+, )?{word}\b"):
            parse(f"a {typed}")


def check_that_it_is_refused_or_can_be_drawn(text, generator):
    try:
        said = parse(text)
    except ValueError as error:
        assert str(error)  # noqa: PT017 - any other exception fails the test
        return False
    assert said.hold_for(said.complete())
    assert said.hold_for(said.complete(generator))
    return True


@unhurried
@given(st.text(max_size=60), SEEDS)
def test_any_text_is_understood_or_refused_with_a_value_error(text, generator):
    check_that_it_is_refused_or_can_be_drawn(text, generator)


@settings(unhurried, max_examples=200)
@given(st.lists(st.sampled_from(sorted(KNOWN_WORDS)), max_size=10), SEEDS)
def test_any_sequence_of_known_words_is_refused_or_fits_a_scene(known, generator):
    check_that_it_is_refused_or_can_be_drawn(" ".join(known), generator)


@unhurried
@given(SCENES, SEEDS, st.data())
def test_a_caption_with_words_moved_or_lost_is_refused_or_fits_a_scene(scene, generator, data):
    typed = data.draw(st.permutations(caption(scene, generator).split()))
    check_that_it_is_refused_or_can_be_drawn(" ".join(typed[data.draw(st.integers(0, 3)) :]), generator)


# ---- from a meaning to scenes


@unhurried
@given(SCENES, SEEDS, NAMINGS)
def test_every_completion_satisfies_the_caption(scene, generator, naming):
    said = parse(caption(scene, generator, naming=naming))
    assert said.hold_for(said.complete())
    assert all(said.hold_for(said.complete(generator)) for _ in range(3))


def test_completions_reach_every_value_that_the_caption_leaves_open():
    generator = torch.Generator().manual_seed(0)
    pairs = [parse("a circle and an object").complete(generator) for _ in range(300)]
    assert len(set(pairs)) > 280
    places = {thing.position for scene in pairs for thing in scene.objects if thing.shape == "circle"}
    assert places == {"left", "right", "top", "bottom"}
    alone = [parse("a circle").complete(generator) for _ in range(100)]
    assert {scene.objects[0].position for scene in alone} == set(ALONE)
    for name in ("shape", "colour", "size", "style"):
        assert {getattr(thing, name) for scene in pairs for thing in scene.objects} == set(ATTRIBUTES[name])
    assert {scene.background for scene in pairs} == set(BACKGROUNDS)


def test_completion_without_a_generator_is_large_flat_red_in_the_centre_or_side_by_side_on_light():
    assert parse("an object").complete() == Scene((SceneObject("circle", "red", "large", "flat", "centre"),))
    twice = [SceneObject(shape, "red", "large", "flat", "centre") for shape in ("star", "cross")]
    assert parse("a star and a cross").complete() == Scene.pair(twice[0], "left of", twice[1])


@unhurried
@given(SCENES, SEEDS, NAMINGS)
def test_only_a_full_caption_gives_a_scene_and_the_error_lists_all_that_is_open(scene, generator, naming):
    said = parse(caption(scene, generator, naming=naming))
    missing = {*EVERYTHING} - {"shape", *naming}
    if not missing:
        assert said.scene() == scene
        return
    with pytest.raises(ValueError, match="does not say") as caught:
        said.scene()
    for name in missing - {"background"}:
        for number, _ in enumerate(scene.objects, 1):
            assert f"{name} of object {number}" in str(caught.value)
    assert len(said.unsaid) == len(missing - {"background"}) * len(scene.objects) + ("background" in missing)


def test_a_place_that_follows_from_the_other_one_need_not_be_said():
    said = parse("a small flat red circle on the left and a large flat red square on a light background")
    assert said.unsaid == []
    assert said.scene().objects[1].position == "right"
