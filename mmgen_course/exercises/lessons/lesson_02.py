"""The exercises of lesson 02_text: what a vocabulary knows, padding on the left, pooling, and a bag found again."""

from collections import Counter
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from mmgen_course.exercises.exercise import Exercise, Misconception
from mmgen_course.preprocess.text import Vocabulary, tokenize

LESSON = "02_text"
WORDS = ["a", "the", "red", "blue", "circle", "square", "above", "near", "small", "star", "cross", "below", "pale"]

Texts = list[str]
Cut = Callable[[str], list[str]]


def _sentence(generator: torch.Generator) -> str:
    """3 to 7 words, the first ones of WORDS more often, as a person types them."""
    frequency = 1 / torch.arange(1, len(WORDS) + 1)
    n, mark, comma = (int(torch.randint(high, (), generator=generator)) for high in (5, 3, 2))
    words = [WORDS[i] for i in frequency.multinomial(n + 3, replacement=True, generator=generator)]
    return " ".join([words[0] + "," * comma, *words[1:]]).capitalize() + ".!?"[mark]


def _corpus(generator: torch.Generator) -> tuple[Texts, Texts, int]:
    sentences = [_sentence(generator) for _ in range(15)]
    return sentences[:9], sentences[9:], int(torch.randint(9, 13, (), generator=generator))


def _known(train: Texts, new: Texts, size: int, cut: Cut = tokenize, more: int = 0) -> tuple[float, float]:
    """The two shares; `more` known tokens are counted besides in each text."""
    counts = Counter(word for text in train for word in cut(text))
    known = sorted(counts, key=lambda word: (-counts[word], word))[:size]
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


def _states(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Vectors that are mostly negative where a token is real, larger at the filling, and once infinite."""
    n, T = (int(torch.randint(low, low + 3, (), generator=generator)) for low in (2, 6))
    mask = torch.rand(n, T, generator=generator) < 0.5
    mask[:, 1], mask[:, 4] = True, False
    e = torch.randn(n, T, 4, generator=generator) - 2 + 4 * ~mask[..., None]
    e[0, 4] = torch.inf
    return e, mask


def _pooled(e: Tensor, mask: Tensor, fill: float = -torch.inf, every: bool = False) -> Tensor:
    count = mask.shape[1] if every else mask.sum(dim=1, keepdim=True)
    filled = [e.masked_fill(~mask[..., None], value) for value in (0, fill)]
    return torch.cat([filled[0].sum(dim=1) / count, filled[1].amax(dim=1)], dim=1)


MEAN_AND_MAX = Exercise(
    name="mean_and_max",
    lesson=LESSON,
    points=3,
    minutes=10,
    difficulty=2,
    asks="mean and maximum of e (N, T, d) over the real tokens, side by side, (N, 2 d); at <pad> may stand anything",
    inputs=_states,
    reference=_pooled,
    misconceptions=(
        Misconception(
            "padding counted",
            lambda e, mask: torch.cat([e.mean(dim=1), e.amax(dim=1)], dim=1),
            "The mask is not used. What sums over positions, or looks for the largest, has to leave out the filling.",
        ),
        Misconception(
            "both multiplied by the mask",
            lambda e, mask: _pooled(e, mask, fill=0.0) + (0 * e).sum(dim=1).repeat(1, 2),
            "Two harms: 0 times inf is nan, and a filling of 0 wins where all real numbers are negative.",
        ),
        Misconception(
            "mean multiplied by the mask",
            lambda e, mask: _pooled(e, mask) + torch.cat([0 * e, torch.zeros_like(e)], dim=2).sum(dim=1),
            "Your mean is nan where inf stands at <pad>: 0 times inf is nan. Put a number there, do not multiply.",
        ),
        Misconception(
            "zeros in the maximum",
            partial(_pooled, fill=0.0),
            "Your maximum is never below 0: the filling wins where all real numbers are negative. What never wins?",
        ),
        Misconception(
            "divided by T",
            partial(_pooled, every=True),
            "You divided by T. The filling adds nothing to the sum and still shrinks the mean: count real tokens.",
        ),
        Misconception(
            "mask inverted",
            lambda e, mask: _pooled(e, ~mask),
            "You pooled the filling. The mask is true where a token is real; `masked_fill` writes where it is true.",
        ),
    ),
)


def _bag(generator: torch.Generator) -> tuple[Tensor, Tensor, int]:
    """The mean to three decimals, of 6 to 15 words from 5 to 7, whose vectors have 9 numbers."""
    V = int(torch.randint(5, 8, (), generator=generator))
    counts, table = torch.randint(0, 4, (V,), generator=generator), torch.randn(V, 9, generator=generator)
    counts[0] += 3
    return ((counts.float() @ table) / counts.sum()).round(decimals=3), table, int(counts.sum())


def _shares(mean: Tensor, table: Tensor) -> Tensor:
    return torch.linalg.lstsq(table.T, mean[:, None]).solution[:, 0]


BAG_FROM_MEAN = Exercise(
    name="bag_from_mean",
    lesson=LESSON,
    points=4,
    minutes=15,
    difficulty=3,
    asks="how often each of V words occurs, whole numbers (V,), from the mean (d,) of n vectors of table (V, d)",
    inputs=_bag,
    reference=lambda mean, table, n: (n * _shares(mean, table)).round().long(),
    misconceptions=(
        Misconception(
            "cut off instead of rounded",
            lambda mean, table, n: (n * _shares(mean, table)).long(),
            "Some counts are too small by one: 1.998 became 1. A conversion to whole numbers does not round.",
        ),
        Misconception(
            "shares for counts",
            lambda mean, table, n: _shares(mean, table),
            "These are shares that add up to one. The mean was divided by n; the bag holds counts, whole numbers.",
        ),
        Misconception(
            "shares rounded",
            lambda mean, table, n: _shares(mean, table).round().long(),
            "You rounded shares between 0 and 1, so nearly all became 0. The mean was divided by n.",
        ),
        Misconception(
            "similarity for count",
            lambda mean, table, n: (n * (table @ mean)).round().long(),
            "Products with each vector are counts if all have length one and right angles. These overlap.",
        ),
    ),
)

EXERCISES = (KNOWN_SHARES, PAD_LEFT, MEAN_AND_MAX, BAG_FROM_MEAN)
