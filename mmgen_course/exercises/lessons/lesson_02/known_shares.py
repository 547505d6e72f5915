"""How much of new texts a vocabulary covers: an exercise of lesson 02_text."""

from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial

import torch

from mmgen_course.exercises.exercise import Exercise, Misconception
from mmgen_course.preprocess.text import tokenize

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


EXERCISE = Exercise(
    name="known_shares",
    lesson="02_text",
    number=1,
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
