"""The corpus of the course's word vectors: what it holds, what it must not hold, and what was learned from it."""

from collections import defaultdict
from itertools import pairwise

import pytest
import torch

from mmgen_course.data import shipped
from mmgen_course.features.glove import WordVectors, load_scene_vectors
from mmgen_course.recipes import RECIPES, read_card
from mmgen_course.recipes.words import measure
from mmgen_course.scenes import (
    BASE_WORDS,
    COLOURS,
    HELD_OUT_WORDS,
    SHAPES,
    STYLES,
    TRAINING_WORDS,
    caption,
    parse,
    splits,
)
from mmgen_course.scenes.corpus import ALL_WORDS, WORD_KINDS, captions, prose, sentences
from mmgen_course.scenes.splits import HELD_OUT_COLOURS, HELD_OUT_STYLES

HELD_OUT = {words[0] for value, words in HELD_OUT_WORDS.items() if words[0] not in TRAINING_WORDS[value]}


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def corpus() -> list[list[str]]:
    return sentences(seeded())


def test_the_same_seed_gives_the_same_corpus(corpus: list[list[str]]) -> None:
    assert corpus[-2000:] == sentences(seeded())[-2000:]
    assert captions(seeded(1)) != captions(seeded())
    assert prose(50, seeded(1)) != prose(50, seeded())


def test_every_word_that_a_caption_can_hold_is_in_it(corpus: list[list[str]]) -> None:
    words = {word for sentence in corpus for word in sentence}
    for lexicon in (BASE_WORDS, TRAINING_WORDS, HELD_OUT_WORDS):
        assert {word for synonyms in lexicon.values() for word in synonyms} <= words
        for scene in splits()["held_out_synonyms"][::5]:
            assert set(caption(scene, seeded(), words=lexicon).split()) <= words
    assert "an" in words


def test_no_caption_that_a_model_trains_on_holds_a_held_out_word(corpus: list[list[str]]) -> None:
    assert len(HELD_OUT) == 16
    generator = seeded(3)
    training = {word for scene in splits()["train"] for word in caption(scene, generator).split()}
    assert not training & HELD_OUT
    told = corpus[: len(splits()["train"])]  # but the captions of the corpus do
    assert {word for sentence in told for word in sentence} >= HELD_OUT


def test_captions_tell_only_training_scenes() -> None:
    told = captions(seeded())
    train = splits()["train"]
    assert len(told) == len(train)
    assert all(parse(" ".join(said)).hold_for(scene) for said, scene in zip(told[::12], train[::12], strict=True))


def of_value(word: str) -> str | None:
    return next((value for value, words in ALL_WORDS.items() if word in words), None)


def test_no_held_out_composition_can_be_read_from_it(corpus: list[list[str]]) -> None:
    text = prose(5000, seeded(2))
    for sentence in text:
        values = {of_value(word) for word in sentence}
        assert not (values & set(SHAPES) and values & (set(COLOURS) | set(STYLES)))
    for sentence in captions(seeded())[::12]:
        for thing in parse(" ".join(sentence)).objects:
            assert (thing.shape, thing.colour) not in HELD_OUT_COLOURS
            assert (thing.shape, thing.style) not in HELD_OUT_STYLES


def test_the_words_of_a_value_occur_alike_in_prose(corpus: list[list[str]]) -> None:
    count: dict[str, int] = defaultdict(int)
    for sentence in corpus[len(splits()["train"]) :]:
        for word in sentence:
            count[word] += 1
    for words in ALL_WORDS.values():
        often = [count[word] for word in words]
        assert min(often) > 0.75 * max(often) > 150


def test_each_value_has_things_of_its_own() -> None:
    for kind in WORD_KINDS:
        things = [thing for some in kind.meanings.values() for thing in some]
        assert len(things) == len(set(things))
        assert not set(things) & {word for words in ALL_WORDS.values() for word in words}


def test_an_stands_before_a_vowel_and_nowhere_else(corpus: list[list[str]]) -> None:
    followed = {(word, after[0] in "aeiou") for said in corpus for word, after in pairwise(said)}
    assert ("a", True) not in followed
    assert ("an", False) not in followed
    assert {("a", False), ("an", True)} <= followed


# ---- the shipped vectors


def test_the_shipped_vectors_are_as_good_as_their_card_says() -> None:
    vectors, card = load_scene_vectors(), read_card(shipped(RECIPES["words"].file))
    found = measure(vectors)
    assert len(vectors) == card.measured["words"]
    assert {name: card.measured[name] for name in found} == pytest.approx(found, abs=1e-5)
    assert found["held-out synonyms whose nearest word means the same"] >= 15 / 16
    assert found["words nearest to their own value"] == 1
    assert found["lead of the own value in cosine, least"] > 0.3


def test_the_shipped_vectors_are_of_this_corpus(corpus: list[list[str]]) -> None:
    vectors = load_scene_vectors()
    assert set(vectors.words) == {word for sentence in corpus for word in sentence}
    assert vectors.matrix.shape[1] == 50
    assert shipped(RECIPES["words"].file).stat().st_size < 200_000


def test_words_for_opposite_places_stay_apart() -> None:
    vectors = load_scene_vectors()
    opposites = ["left right", "above below", "over under", "top bottom", "upper lower", "light dark"]
    for a, b in map(str.split, opposites):
        cosine = torch.nn.functional.cosine_similarity(vectors[a], vectors[b], dim=0)
        assert cosine < 0.8, (a, b)


def test_the_measure_finds_bad_vectors() -> None:
    vectors = load_scene_vectors()
    noise = WordVectors(vectors.words, torch.randn(vectors.matrix.shape, generator=seeded()))
    found = measure(noise)
    assert found["held-out synonyms whose nearest word means the same"] < 0.2
    assert found["words nearest to their own value"] < 0.8
    assert found["lead of the own value in cosine, least"] < 0
    alike = WordVectors(vectors.words, torch.ones_like(vectors.matrix))
    assert measure(alike)["words nearest to their own value"] == 0
