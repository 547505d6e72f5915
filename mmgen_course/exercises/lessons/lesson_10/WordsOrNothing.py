"""Cross-attention that may attend to nothing: an exercise of lesson 10_text_to_image."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from mmgen_course.exercises.exercise import Exercise, Misconception
from mmgen_course.exercises.lessons import whole_number


class _WordsOrNothing(nn.Module):
    """A right answer, in parts: each mistake below gets one of them wrong."""

    def __init__(self, width: int, dim: int) -> None:
        super().__init__()
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_k, self.to_v = nn.Linear(dim, width, bias=False), nn.Linear(dim, width, bias=False)
        self.nothing = nn.Parameter(torch.randn(dim))

    def hears(self, mask: Tensor) -> Tensor:
        """Which of nothing and the T words may be heard, (n, 1 + t)."""
        return torch.cat([torch.ones_like(mask[:, :1]), mask], dim=1)

    def scale(self, words: Tensor) -> float:
        return math.sqrt(self.to_q.out_features)

    def weights(self, scores: Tensor, hears: Tensor) -> Tensor:
        return scores.masked_fill(~hears, -math.inf).softmax(dim=2)

    def told(self, regions: Tensor, words: Tensor, mask: Tensor) -> Tensor:
        context = torch.cat([self.nothing.expand(len(words), 1, -1), words], dim=1)  # (n, 1 + t, dim)
        scores = self.to_q(regions) @ self.to_k(context).mT / self.scale(words)  # (n, r, 1 + t)
        return self.weights(scores, self.hears(mask)[:, None]) @ self.to_v(context)

    def forward(self, regions: Tensor, words: Tensor, mask: Tensor) -> Tensor:
        return regions + self.told(regions, words, mask)


def _worthless(self: _WordsOrNothing, regions: Tensor, words: Tensor, mask: Tensor) -> Tensor:
    """What a region is told if `nothing` has a key, but the value 0."""
    at_nothing = torch.arange(1 + words.shape[1])[:, None] == 0
    context = torch.cat([self.nothing.expand(len(words), 1, -1), words], dim=1)
    scores = self.to_q(regions) @ self.to_k(context).mT / self.scale(words)
    return self.weights(scores, self.hears(mask)[:, None]) @ self.to_v(context).masked_fill(at_nothing, 0)


def _but(**parts: Callable[..., Any]) -> type[_WordsOrNothing]:
    """The right answer but for some of its parts."""
    return type("WordsOrNothing", (_WordsOrNothing,), parts)


def _regions_and_words(
    generator: torch.Generator,
) -> tuple[tuple[int, int], dict[str, Tensor], tuple[Tensor, Tensor, Tensor]]:
    """Three pictures; of T places the first caption fills some, the second all, the third none."""
    width, dim, t = (whole_number(low, low + 2, generator) for low in (6, 2, 3))

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    state = {"nothing": normal(dim), "to_q.weight": normal(width, width)}
    state |= {name: normal(width, dim) for name in ("to_k.weight", "to_v.weight")}
    mask = torch.arange(t) < torch.tensor([[whole_number(1, t - 1, generator)], [t], [0]])
    return (width, dim), state, (normal(3, 5, width), normal(3, t, dim), mask)


EXERCISE = Exercise(
    name="WordsOrNothing",
    lesson="10_text_to_image",
    number=4,
    points=4,
    minutes=15,
    difficulty=3,
    asks="a module in which each region (n, r, width) asks `nothing` and those of the words (n, t, dim) where the mask "
    "(n, t) is True, and is returned with what it was told added to it",
    inputs=_regions_and_words,
    reference=_WordsOrNothing,
    way="module",
    misconceptions=(
        Misconception(
            "padding heard",
            _but(hears=lambda self, mask: _WordsOrNothing.hears(self, torch.ones_like(mask))),
            "You did not use the mask: regions listen to the padding, so a picture depends on how long the other "
            "captions of its batch are.",
        ),
        Misconception(
            "mask inverted",
            _but(hears=lambda self, mask: _WordsOrNothing.hears(self, ~mask)),
            "You silenced the words and listened to the padding: here True means that there is a word, as everywhere "
            "in the course; `masked_fill` fills where its mask is True.",
        ),
        Misconception(
            "padding scored 0",
            _but(weights=lambda self, scores, hears: scores.masked_fill(~hears, 0).softmax(dim=2)),
            "You gave padding the score 0. That is a score like any other, and exp(0) = 1 takes its share. Which score "
            "has a share of 0?",
        ),
        Misconception(
            "padding set to 0",
            _but(told=lambda self, *of: _WordsOrNothing.told(self, of[0], of[1] * of[2][..., None], of[2] | True)),
            "You set the padding to 0. It adds nothing then, but its score is 0, and exp(0) = 1 takes its share of the "
            "region's unit.",
        ),
        Misconception(
            "masked after the softmax",
            _but(weights=lambda self, scores, hears: scores.softmax(dim=2) * hears),
            "You took the padding away after the softmax: what it had got is missing, and weights no longer sum to 1.",
        ),
        Misconception(
            "nothing not heard",
            _but(hears=lambda self, mask: torch.cat([torch.zeros_like(mask[:, :1]), mask], dim=1)),
            "Regions never hear `nothing`: it needs a place in keys, values and mask. For a caption without a word you "
            "divide 0 by 0.",
        ),
        Misconception(
            "nothing only where there is no word",
            _but(hears=lambda self, mask: torch.cat([~mask.any(dim=1, keepdim=True), mask], dim=1)),
            "You let `nothing` be heard only where a caption has no word at all. It is there for every region: those "
            "of an empty ground should not have to hear of a circle.",
        ),
        Misconception(
            "mask out of step",
            _but(hears=lambda self, mask: torch.cat([mask, torch.ones_like(mask[:, :1])], dim=1)),
            "You put `nothing` at one end of the words and its True at the other end of the mask: from there on each "
            "word has its neighbour's mask.",
        ),
        Misconception(
            "nothing has no value",
            _but(told=_worthless),
            "In the example the value of `nothing` was 0 by chance. Here it is what `to_v` makes of it.",
        ),
        Misconception(
            "softmax over the regions",
            _but(weights=lambda self, scores, hears: scores.masked_fill(~hears, -math.inf).softmax(dim=1)),
            "Your weights sum to 1 over the regions: each word spends one unit. Each region has one unit to spend, "
            "among the words and nothing.",
        ),
        Misconception(
            "scale lost",
            _but(scale=lambda self, words: 1.0),
            "The scores are not divided: their spread grows with the width, and the softmax saturates.",
        ),
        Misconception(
            "scale of the words",
            _but(scale=lambda self, words: math.sqrt(words.shape[2])),
            "You divided by the root of a word's length. The dot product runs over queries and keys; how many numbers "
            "have these?",
        ),
        Misconception(
            "regions not kept",
            _but(forward=_WordsOrNothing.told),
            "What a region is told is added to it. Yours forgets its place and what it knew before.",
        ),
    ),
)
