"""Pooling by attention with several heads: an exercise of lesson 05_attention."""

import math
from collections.abc import Callable

import torch
from einops import rearrange
from torch import Tensor, nn

from mmgen_course.exercises.exercise import Exercise, Misconception

Scale = Callable[[int, int], float]


def _root(d: int, heads: int) -> float:
    return math.sqrt(d)


def _head_pool(
    columns: str = "in turn", hide: str = "filling", empty: str = "zeros", late: bool = False, scale: Scale = _root
) -> type[nn.Module]:
    """The class, or one with a mistake: in a head's columns, in what is hidden, in an empty caption, in the scale."""

    class HeadPool(nn.Module):
        def __init__(self, dim: int, heads: int) -> None:
            super().__init__()
            self.queries = nn.Parameter(torch.randn(heads, dim // heads))
            self.to_k, self.to_v = nn.Linear(dim, dim), nn.Linear(dim, dim)

        def forward(self, words: Tensor, mask: Tensor) -> Tensor:
            h, d = self.queries.shape
            cut = "n t (d h) -> n h t d" if columns == "dealt out" else "n t (h d) -> n h t d"
            k, v = (rearrange(layer(words), cut, h=h) for layer in (self.to_k, self.to_v))
            if columns == "reshaped":
                k, v = (layer(words).reshape(len(words), h, -1, d) for layer in (self.to_k, self.to_v))
            s = (k * self.queries[:, None]).sum(-1) / scale(d, h)  # (N, h, T)
            seen = {"filling": mask, "words": ~mask, "nothing": torch.ones_like(mask)}[hide][:, None]
            kept = seen | late | (~seen.any(-1, keepdim=True) & (empty == "zeros"))  # late: the softmax sees all
            a = s.masked_fill(~kept, -1e9 if empty == "equal" else -math.inf).softmax(-1)
            a = a if empty == "equal" else a * seen
            return (a[..., None, :] @ v).flatten(1)

    return HeadPool


def _pooled(g: torch.Generator) -> tuple[tuple[int, int], dict[str, Tensor], tuple[Tensor, Tensor]]:
    """An empty, a short and a full caption, for 2 or 3 heads of 3 components."""
    heads, t = (int(n) for n in torch.randint(2, 4, (2,), generator=g))
    mask = torch.arange(t + 2) < torch.tensor([[0], [t], [t + 2]])
    drawn = {k: torch.randn(x.shape, generator=g) for k, x in _head_pool()(3 * heads, heads).state_dict().items()}
    return (3 * heads, heads), drawn, (torch.randn(3, t + 2, 3 * heads, generator=g), mask)


EXERCISE = Exercise(
    name="HeadPool",
    lesson="05_attention",
    number=3,
    points=4,
    minutes=18,
    difficulty=3,
    asks="a module that makes of captions (N, T, D) with a mask (N, T), True for a word, one vector each (N, D): each "
    "head looks with its own query through its D/heads columns of keys and values; zeros for an empty caption",
    inputs=_pooled,
    reference=_head_pool(),
    misconceptions=(
        Misconception(
            "root of all components",
            _head_pool(scale=lambda d, heads: math.sqrt(d * heads)),
            "You divide by the root of D. The dot product of one head has fewer terms: only those vary.",
        ),
        Misconception(
            "not scaled",
            _head_pool(scale=lambda d, heads: 1.0),
            "Your scores are plain dot products. An attention divides them, so that more components do not harden it.",
        ),
        Misconception(
            "columns dealt out",
            _head_pool(columns="dealt out"),
            "Head 0 got columns 0, n, 2n ... with you. Its columns are the first D/n, which lie side by side.",
        ),
        Misconception(
            "masked after the softmax",
            _head_pool(late=True),
            "Your weights sum to less than 1: the filling took its share of the sum before you erased it.",
        ),
        Misconception(
            "reshaped across words",
            _head_pool(columns="reshaped"),
            "Your heads hold pieces of some words, not some columns of all: a reshape does not exchange axes.",
        ),
        Misconception(
            "mask turned round",
            _head_pool(hide="words"),
            "You look at the filling and hide the words. In nn.MultiheadAttention True means forbidden; here, a word.",
        ),
        Misconception(
            "NaN for an empty caption",
            _head_pool(empty="nan"),
            "All of an empty caption is hidden: 0/0, a NaN, also in the gradients. Define what it gets.",
        ),
        Misconception(
            "large negative number",
            _head_pool(empty="equal"),
            "Where all is hidden your scores are equal again: an empty caption gets the mean of its filling.",
        ),
        Misconception(
            "padding counted",
            _head_pool(hide="nothing"),
            "The mask is not used: the filling behind short captions is looked at, too.",
        ),
    ),
    way="module",
)
