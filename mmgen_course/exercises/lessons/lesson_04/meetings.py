"""Co-occurrence counts of a padded batch: an exercise of lesson 04_glove_features."""

from collections.abc import Callable

import torch
from torch import Tensor

from mmgen_course.exercises.exercise import Exercise, Misconception

PADDING, UNKNOWN = 0, 1


def _batch(generator: torch.Generator) -> tuple[Tensor, int, int]:
    """Five sentences of 6 or 7 words with ids below 6, the first unknown in the middle; a window of 2 to 4."""
    ids = torch.randint(1, 6, (5, 8), generator=generator)
    ids[0, :4] = torch.tensor([2, UNKNOWN, 3, 2])
    ids[:, 7], ids[1:3, 6] = PADDING, PADDING
    return ids, 6, int(torch.randint(2, 5, (), generator=generator))


def _inverse(k: int) -> float:
    return 1 / k


def _one_side(
    ids: Tensor, n_words: int, window: int, least: int = UNKNOWN + 1, worth: Callable[[int], float] = _inverse
) -> Tensor:
    """Pairs with the first word to the left; ids below `least` do not count."""
    counts = torch.zeros(n_words, n_words)
    for k in range(1, min(window, ids.shape[1] - 1) + 1):
        left, right = ids[:, :-k], ids[:, k:]
        keep = (left >= least) & (right >= least)
        counts.index_put_((left[keep], right[keep]), torch.tensor(worth(k)), accumulate=True)
    return counts


def _both_sides(
    ids: Tensor, n_words: int, window: int, least: int = UNKNOWN + 1, worth: Callable[[int], float] = _inverse
) -> Tensor:
    counts = _one_side(ids, n_words, window, least, worth)
    return counts + counts.T


def _itself_once(ids: Tensor, n_words: int, window: int) -> Tensor:
    counts = _both_sides(ids, n_words, window)
    return counts - counts.diag().diag() / 2


def _assigned(ids: Tensor, n_words: int, window: int) -> Tensor:
    counts = torch.zeros(n_words, n_words)
    for k in range(1, window + 1):
        left, right = ids[:, :-k], ids[:, k:]
        keep = (left > UNKNOWN) & (right > UNKNOWN)
        counts[left[keep], right[keep]] += 1 / k
    return counts + counts.T


def _in_one_line(ids: Tensor, n_words: int, window: int) -> Tensor:
    return _both_sides(ids[ids != PADDING][None], n_words, window)


def _moved_together(ids: Tensor, n_words: int, window: int) -> Tensor:
    rows = [row[row > UNKNOWN] for row in ids]
    return torch.stack([_both_sides(row[None], n_words, window) for row in rows]).sum(0)


EXERCISE = Exercise(
    name="meetings",
    lesson="04_glove_features",
    number=1,
    points=3,
    minutes=12,
    difficulty=2,
    asks="the counts X (n_words, n_words) of a batch of sentences, ids (n, t), up to the window; id 0 is padding at "
    "the end, id 1 an unknown word: both keep zeros in their row and column, an unknown word keeps its place",
    inputs=_batch,
    reference=_both_sides,
    misconceptions=(
        Misconception(
            "every distance counts 1",
            lambda ids, n_words, window: _both_sides(ids, n_words, window, worth=lambda k: 1.0),
            "All pairs in your window count the same. Words further apart have less to do with each other.",
        ),
        Misconception(
            "window one too short",
            lambda ids, n_words, window: _both_sides(ids, n_words, window - 1),
            "Pairs at the distance of the window itself are missing: it is included, and a `range` stops before its "
            "end.",
        ),
        Misconception(
            "window one too long",
            lambda ids, n_words, window: _both_sides(ids, n_words, window + 1),
            "You counted pairs at a distance of one more than the window.",
        ),
        Misconception(
            "repeated pairs assigned",
            _assigned,
            "X[i, j] += 1 / k with tensors of indices reads, adds and writes once: of pairs that stand twice in i and "
            "j one is lost.",
        ),
        Misconception(
            "one side alone",
            _one_side,
            "You counted each pair for the left word alone. Your X is not symmetric, and the sum in the lesson runs "
            "over both sides.",
        ),
        Misconception(
            "padding and unknown counted",
            lambda ids, n_words, window: _both_sides(ids, n_words, window, least=PADDING),
            "Rows 0 and 1 hold counts. Padding is no word, and to have met 'some unknown word' says nothing.",
        ),
        Misconception(
            "unknown counted",
            lambda ids, n_words, window: _both_sides(ids, n_words, window, least=UNKNOWN),
            "Row 1 holds counts: all unknown words would share one vector, as if they were one word.",
        ),
        Misconception(
            "unknown removed",
            _moved_together,
            "You took the unknown words out before you counted, so the words around them moved together: a pair at "
            "distance 2 counted as neighbours.",
        ),
        Misconception(
            "sentences joined",
            _in_one_line,
            "The last word of a sentence met the first one of the next. Nobody said these side by side.",
        ),
        Misconception(
            "itself once",
            _itself_once,
            "Look at your diagonal. If a word stands at two places t and u, the sum has a term for (t, u) and one for "
            "(u, t), as for any other pair.",
        ),
    ),
)
