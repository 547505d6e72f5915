"""Exercises of lesson 02_text: what a vocabulary knows, and padding on the left."""

from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial

import torch
from torch import Tensor

from mmgen_course.exercises.exercise import Exercise, Misconception
from mmgen_course.preprocess.text import Vocabulary, tokenize

LESSON = "02_text"
WORDS = ["a", "the", "red", "blue", "circle", "square", "above", "near", "small", "star", "cross", "below", "pale"]

Texts = list[str]
Cut = Callable[[str], list[str]]
Order = Callable[[Iterable[str]], list[str]]


def _sentence(generator: torch.Generator) -> str:
    """3 to 7 words, the first ones of WORDS more often, as a person types them."""
    frequency = 1 / torch.arange(1, len(WORDS) + 1)
    n, mark, comma = (int(torch.randint(high, (), generator=generator)) for high in (5, 3, 2))
    words = [WORDS[i] for i in frequency.multinomial(n + 3, replacement=True, generator=generator)]
    return " ".join([words[0] + "," * comma, *words[1:]]).capitalize() + ".!?"[mark]


def _corpus(generator: torch.Generator) -> tuple[Texts, Texts, int]:
    """9 texts to learn from, 6 new ones, and a size at which the order of ties matters."""
    while True:
        sentences = [_sentence(generator) for _ in range(15)]
        given = sentences[:9], sentences[9:], int(torch.randint(9, 13, (), generator=generator))
        if _known(*given, order=list) != _known(*given):
            return given


def _known(
    train: Texts, new: Texts, size: int, cut: Cut = tokenize, more: int = 0, order: Order = sorted
) -> tuple[float, float]:
    """The two shares; `more` known tokens are counted besides in each text, ties stand in `order`."""
    counts = Counter(word for text in train for word in cut(text))
    known = sorted(order(counts), key=lambda word: -counts[word])[:size]
    rows = [[word in known for word in cut(text)] + [True] * more for text in new]
    return sum(map(sum, rows)) / sum(map(len, rows)), sum(map(all, rows)) / len(rows)


def _of_types(train: Texts, new: Texts, size: int) -> tuple[float, float]:
    types = " ".join({word for text in new for word in tokenize(text)})
    return _known(train, [types], size)[0], _known(train, new, size)[1]


def _mean_over_texts(train: Texts, new: Texts, size: int) -> tuple[float, float]:
    return sum(_known(train, [text], size)[0] for text in new) / len(new), _known(train, new, size)[1]


KNOWN_SHARES = Exercise(
    name="known_shares",
    lesson=LESSON,
    points=3,
    minutes=12,
    difficulty=2,
    asks="the shares of the new texts' tokens, and of whole texts, that the `size` most frequent training words cover",
    inputs=_corpus,
    reference=_known,
    misconceptions=(
        Misconception(
            "vocabulary saw the new texts",
            lambda train, new, size: _known(train + new, new, size),
            "You counted words in the new texts, too. A vocabulary is fixed before they arrive: your shares flatter.",
        ),
        Misconception(
            "ties as they come",
            partial(_known, order=list),
            "Of words that are equally frequent you keep those that came first, as `Counter.most_common` does. Then "
            "the vocabulary changes with the order of the texts; ties go by the alphabet.",
        ),
        Misconception(
            "mean of the texts' shares",
            _mean_over_texts,
            "Your first share is a mean over texts: a token of a short text weighs more there. All tokens count alike.",
        ),
        Misconception(
            "types for tokens",
            _of_types,
            "You counted each different word once. Tokens are occurrences: a word that comes five times counts five.",
        ),
        Misconception(
            "special tokens counted",
            partial(_known, more=2),
            "You counted <bos> and <eos>. They are always known, and no words: the share looks better than it is.",
        ),
        Misconception(
            "special tokens among the size words",
            lambda train, new, size: _known(train, new, size - 4),
            "Your vocabulary has four words too few: the special tokens took their places. Only words of texts count.",
        ),
        Misconception(
            "cut at spaces",
            partial(_known, cut=str.split),
            "You cut at spaces: 'Red' and 'star.' became words of their own. Cut as the lesson does, with `tokenize`.",
        ),
    ),
)


def _prompts(generator: torch.Generator) -> tuple[list[list[int]]]:
    """3 or 4 rows of 2 to 7 ids; the first and the last differ in length."""
    lengths = [2, *torch.randint(2, 8, (int(torch.randint(1, 3, (), generator=generator)),), generator=generator), 5]
    return ([[2, *torch.randint(4, 30, (int(n) - 1,), generator=generator).tolist()] for n in lengths],)


def _padded(rows: list[list[int]], left: bool = True) -> tuple[Tensor, Tensor, Tensor]:
    ids, mask = Vocabulary.pad_batch([row[::-1] if left else row for row in rows])
    ids, mask = (ids.flip(1), mask.flip(1)) if left else (ids, mask)
    return ids, mask, (mask.cumsum(dim=1) - 1).clamp(min=0) * mask


PAD_LEFT = Exercise(
    name="pad_left",
    lesson=LESSON,
    points=2,
    minutes=8,
    difficulty=1,
    asks="ids, mask and places, all (N, T), of rows that end at the right edge; places count from 0 and are 0 at <pad>",
    inputs=_prompts,
    reference=_padded,
    misconceptions=(
        Misconception(
            "padded on the right",
            partial(_padded, left=False),
            "Your rows begin at the left edge. Here the last token of every row stands in the last column.",
        ),
        Misconception(
            "mask of padding on the right",
            lambda rows: (_padded(rows)[0], *_padded(rows, left=False)[1:]),
            "Your ids are right, and your mask is true at the left: `arange(T) < length` is for filling at the end.",
        ),
        Misconception(
            "mask inverted",
            lambda rows: (_padded(rows)[0], ~_padded(rows)[1], _padded(rows)[2]),
            "Your mask is true at the filling. In this course true means a real token; other libraries turn it round.",
        ),
        Misconception(
            "places counted from the left edge",
            lambda rows: (*_padded(rows)[:2], torch.arange(max(map(len, rows))) * _padded(rows)[1]),
            "Your places count columns. Then a sentence has other places in another batch: count real tokens alone.",
        ),
        Misconception(
            "places below zero",
            lambda rows: (*_padded(rows)[:2], _padded(rows)[1].cumsum(dim=1) - 1),
            "Your places are -1 at <pad>. Used as an index, -1 is the last row of a table, and no error tells you.",
        ),
    ),
)

EXERCISES = (KNOWN_SHARES, PAD_LEFT)
