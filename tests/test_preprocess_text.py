import sys

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torchtext.data import get_tokenizer

from mmgen_course.preprocess.text import (
    BOS,
    EOS,
    PAD,
    SPECIALS,
    UNK,
    Vocabulary,
    mirror_words,
    strip_punctuation,
    tokenize,
)

# arbitrary unicode, mixed with what the rules look at
PIECES = st.text(max_size=5) | st.sampled_from([*"\"'.,()!?;:-_\n\t ", "<br />", '<b"r />', "<BR />", "top-left", "’"])
TEXTS = st.lists(PIECES, max_size=12).map("".join)
KNOWN = ("a", "red", "circle", "left", "of", ".", ",", "top-left")
SIDES = (
    "left",
    "Left",
    "LEFT",
    "right",
    "Right",
    "RIGHT",
    "leftmost",
    "Rightwards",
    "bright",
    "leftover",
    "İ",
    "-",
    " ",
)


@given(TEXTS)
@example('He said "No!"<br />it\'s (top-left); ok: <br/>')
def test_tokenize_equals_torchtext_basic_english(text):
    assert tokenize(text) == get_tokenizer("basic_english")(text)


def test_tokenize_treats_each_character_of_unicode_as_torchtext_does():
    text = "a".join(map(chr, range(sys.maxunicode + 1)))
    assert tokenize(text) == get_tokenizer("basic_english")(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A red circle, left of a star.", "A red circle left of a star"),
        ("it's the top-left one", "it's the top-left one"),
        ("it’s", "it’s"),
        ("'quoted' - and -dashed-", "quoted and dashed"),
        ("snake_case\n$5 + <b>", "snake case 5 b"),
        ("¿qué? «où» … 赤い丸。", "qué où 赤い丸"),
        ("?!", ""),
    ],
)
def test_strip_punctuation_keeps_the_words_one_space_apart(text, words):
    assert strip_punctuation(text) == words


@given(TEXTS)
@example("_'a'_")
def test_strip_punctuation_keeps_every_letter_and_is_done_after_one_pass(text):
    stripped = strip_punctuation(text)
    assert [c for c in stripped if c.isalnum()] == [c for c in text if c.isalnum()]
    assert strip_punctuation(stripped) == stripped


@pytest.mark.parametrize(
    ("caption", "mirrored"),
    [
        ("a star to the left of a ring", "a star to the right of a ring"),
        ("Left, RIGHT, left-hand, top-left", "Right, LEFT, right-hand, top-right"),
        ("the Leftmost moves rightwards", "the Rightmost moves leftwards"),
        ("a bright leftover, upright, alright", "a bright leftover, upright, alright"),
        ("lEfT of leſt rıght", "right of leſt rıght"),
    ],
)
def test_mirror_words_exchanges_the_sides_as_whole_words_and_keeps_their_case(caption, mirrored):
    assert mirror_words(caption) == mirrored


@given(st.lists(st.sampled_from(SIDES) | st.text(max_size=2), max_size=8).map(" ".join))
def test_mirror_words_twice_gives_the_caption_back(caption):
    assert mirror_words(mirror_words(caption)) == caption


@given(st.sampled_from(["left", "right", "leftmost", "rightwards"]), st.sets(st.integers(0, 9)))
def test_mirror_words_finds_a_side_in_any_mixture_of_capitals(word, capitals):
    caption = "".join(c.upper() if i in capitals else c for i, c in enumerate(word))
    assert mirror_words(caption).lower() == mirror_words(word)
    assert mirror_words(mirror_words(caption)).lower() == caption.lower()


@given(st.lists(st.sampled_from(KNOWN), max_size=10).map(" ".join))
def test_decode_undoes_encode_for_known_words(text):
    vocabulary = Vocabulary(KNOWN)
    ids = vocabulary.encode(text)
    assert (ids[0], ids[-1]) == (BOS, EOS)
    assert vocabulary.decode(ids) == " ".join(tokenize(text))
    assert vocabulary.decode([*ids, PAD, PAD]) == " ".join(tokenize(text))
    assert vocabulary.unknown.total() == 0


@given(st.lists(TEXTS, max_size=5))
def test_from_texts_knows_every_word_of_its_texts_but_the_names_of_special_tokens(texts):
    vocabulary = Vocabulary.from_texts([*texts, "<pad> <eos>"])
    words = {word for text in texts for word in tokenize(text)} - set(SPECIALS)
    assert set(vocabulary.words) == words | set(SPECIALS)
    assert len(vocabulary) == len(words) + len(SPECIALS)
    assert all(word in vocabulary for word in words)
    assert not any(word in vocabulary for word in SPECIALS)


def test_from_texts_puts_the_most_frequent_first_and_ties_in_alphabetical_order():
    texts = ["the ring and a ring", "a ring", "the square", "rare"]
    for order in (texts, texts[::-1]):
        assert Vocabulary.from_texts(order, min_count=2).words == [*SPECIALS, "ring", "a", "the"]


def test_an_unknown_word_becomes_unk_and_is_counted_and_reported():
    vocabulary = Vocabulary(["a", "red"])
    assert vocabulary.report() == "0 of 0 words unknown (0.0 %)"
    assert vocabulary.encode("A red zzz") == [BOS, 4, 5, UNK, EOS]
    assert vocabulary.decode([BOS, 4, 5, UNK, EOS]) == "a red <unk>"
    vocabulary.encode("qux zzz")
    assert vocabulary.unknown == {"zzz": 2, "qux": 1}
    assert vocabulary.report() == "3 of 5 words unknown (60.0 %): 'zzz' x2, 'qux' x1"
    vocabulary.encode("b c d e f")
    assert vocabulary.report().endswith("'zzz' x2, 'qux' x1, 'b' x1, 'c' x1, 'd' x1 and 2 more")


def test_a_special_token_written_in_a_caption_is_an_unknown_word():
    vocabulary = Vocabulary(["a"])
    assert vocabulary.encode("a <pad> <eos>") == [BOS, 4, UNK, UNK, EOS]
    assert vocabulary.unknown == {"<pad>": 1, "<eos>": 1}


@pytest.mark.parametrize(("words", "named"), [(["red", "a", "red"], r"\['red'\]"), (["<eos>"], r"\['<eos>'\]")])
def test_a_vocabulary_names_the_words_it_was_given_twice(words, named):
    with pytest.raises(ValueError, match=named):
        Vocabulary(words)


@pytest.mark.parametrize("outside", [-1, 5])
def test_decode_names_the_ids_that_it_has_no_word_for(outside):
    with pytest.raises(ValueError, match=rf"ids \[{outside}\] are not in 0\.\.4"):
        Vocabulary(["a"]).decode([0, 4, outside])


@given(st.lists(st.lists(st.integers(0, 9), max_size=6), min_size=1, max_size=5))
def test_pad_batch_is_the_loop_that_writes_each_id_in_its_place(id_lists):
    length = max(map(len, id_lists))
    ids, mask = Vocabulary.pad_batch(id_lists)
    assert (ids.dtype, mask.dtype) == (torch.int64, torch.bool)
    assert ids.shape == mask.shape == (len(id_lists), length)
    for n, row in enumerate(id_lists):
        for t in range(length):
            assert mask[n, t] == (t < len(row))
            assert ids[n, t] == (row[t] if t < len(row) else PAD)


def test_pad_batch_of_nothing_is_an_error():
    with pytest.raises(ValueError, match="at least one list of ids"):
        Vocabulary.pad_batch([])
