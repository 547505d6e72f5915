"""Rows of ids that end at the right edge, their mask and positions: an exercise of lesson 02_text."""

from functools import partial

import torch
from torch import Tensor

from mmgen_course.exercises.exercise import Exercise, Misconception
from mmgen_course.preprocess.text import Vocabulary


def _prompts(generator: torch.Generator) -> tuple[list[list[int]]]:
    """3 or 4 rows of 2 to 7 ids; the first and the last differ in length."""
    lengths = [2, *torch.randint(2, 8, (int(torch.randint(1, 3, (), generator=generator)),), generator=generator), 5]
    return ([[2, *torch.randint(4, 30, (int(n) - 1,), generator=generator).tolist()] for n in lengths],)


def _padded(rows: list[list[int]], left: bool = True) -> tuple[Tensor, Tensor, Tensor]:
    ids, mask = Vocabulary.pad_batch([row[::-1] if left else row for row in rows])
    ids, mask = (ids.flip(1), mask.flip(1)) if left else (ids, mask)
    return ids, mask, (mask.cumsum(dim=1) - 1).clamp(min=0) * mask


EXERCISE = Exercise(
    name="pad_left",
    lesson="02_text",
    number=2,
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
