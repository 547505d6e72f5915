"""The exercises of lesson 05_attention: the scale of scores, a mask, heads, and softmaxes that are put together."""

import math

import torch
from torch import Tensor, nn

from mmgen_course.exercises.exercise import Exercise, Misconception

LESSON = "05_attention"


def _components(generator: torch.Generator) -> tuple[int, float, float, float]:
    d, q, k, ratio = torch.rand(4, generator=generator).tolist()
    return int(8 + 248 * d), 0.5 + 2 * q, 0.5 + 2 * k, 2 + 6 * ratio


def _temperature(d: int, deviation_q: float, deviation_k: float, ratio: float) -> float:
    return math.sqrt(d) * deviation_q * deviation_k / math.log(ratio)


DOT_TEMPERATURE = Exercise(
    name="dot_temperature",
    lesson=LESSON,
    points=2,
    minutes=8,
    difficulty=1,
    asks="what to divide dot products by, so that a key whose dot product is one standard deviation larger gets ratio "
    "times the weight; d independent components of mean 0 with these deviations",
    inputs=_components,
    reference=_temperature,
    misconceptions=(
        Misconception(
            "variance for standard deviation",
            lambda d, q, k, ratio: _temperature(d**2, q**2, k**2, ratio),
            "You took the variance of the dot product. The two keys lie one standard deviation apart.",
        ),
        Misconception(
            "d for its root",
            lambda d, q, k, ratio: _temperature(d**2, q, k, ratio),
            "Your answer grows like d. Variances of d terms add up; standard deviations do not.",
        ),
        Misconception(
            "root of the deviations too",
            lambda d, q, k, ratio: _temperature(d, math.sqrt(q), math.sqrt(k), ratio),
            "You took d sigma_q sigma_k for the variance. That of one product is a product of variances.",
        ),
        Misconception(
            "deviations left out",
            lambda d, q, k, ratio: _temperature(d, 1.0, 1.0, ratio),
            "Your answer does not depend on the deviations, as if all components had variance 1.",
        ),
        Misconception(
            "ratio without its logarithm",
            lambda d, q, k, ratio: _temperature(d, q, k, math.exp(ratio)),
            "You divided by the ratio of the weights. It is the exponential of a difference of scores.",
        ),
    ),
)


def _captions(generator: torch.Generator) -> tuple[Tensor, Tensor, int]:
    """Scores (4, T, T), the lengths of an empty, two short and a full caption, and a window."""
    t, window = (int(n) for n in torch.randint(2, 4, (2,), generator=generator))
    return 2 * torch.randn(4, t + 4, t + 4, generator=generator), torch.tensor([0, 1, t + 1, t + 4]), window


def _visible(scores: Tensor, lengths: Tensor, window: int, ahead: int = 0) -> Tensor:
    place = torch.arange(scores.shape[-1])
    back = place[:, None] - place
    return (back >= -ahead) & (back < window) & (place < lengths[:, None, None])


def _windowed(scores: Tensor, lengths: Tensor, window: int, ahead: int = 0) -> Tensor:
    return scores.masked_fill(~_visible(scores, lengths, window, ahead), -math.inf).softmax(-1).nan_to_num(0)


WINDOW_WEIGHTS = Exercise(
    name="window_weights",
    lesson=LESSON,
    points=3,
    minutes=12,
    difficulty=2,
    asks="the weights (N, T, T) where each position sees itself and the window - 1 places before it, words of its "
    "caption only, and gets zeros where it sees nothing; from scores (N, T, T) and lengths (N,)",
    inputs=_captions,
    reference=_windowed,
    misconceptions=(
        Misconception(
            "padding counted",
            lambda scores, lengths, window: _windowed(scores, 0 * lengths + scores.shape[-1], window),
            "The filling behind short captions gets weight. Only keys before the caption's end are words.",
        ),
        Misconception(
            "window one too long",
            lambda scores, lengths, window: _windowed(scores, lengths, window + 1),
            "Your window is one place too long. Count how many keys the last word sees, itself included.",
        ),
        Misconception(
            "looks ahead",
            lambda scores, lengths, window: _windowed(scores, lengths, window, ahead=window - 1),
            "A position sees what comes after it. Near is not enough: the sign of the distance counts, too.",
        ),
        Misconception(
            "masked after the softmax",
            lambda scores, *mask: scores.softmax(-1) * _visible(scores, *mask),
            "Your rows sum to less than 1: hidden keys took their share of the sum before you erased them.",
        ),
        Misconception(
            "over the queries",
            lambda scores, *mask: scores.masked_fill(~_visible(scores, *mask), -math.inf).softmax(-2).nan_to_num(0),
            "Your columns sum to 1, not your rows. Each query shares its weight among keys, the last axis.",
        ),
        Misconception(
            "NaN where nothing is seen",
            lambda scores, *mask: scores.masked_fill(~_visible(scores, *mask), -math.inf).softmax(-1),
            "A row without any visible key is 0/0. An empty caption has such rows, so have places far behind an end.",
        ),
        Misconception(
            "large negative number",
            lambda scores, *mask: scores.masked_fill(~_visible(scores, *mask), -1e9).softmax(-1),
            "Where all is hidden your scores are equal again, and filling gets equal weights.",
        ),
    ),
)


def _head_pool(all_d: bool = False, mixed: bool = False, hide: str = "filling", nan: bool = False) -> type[nn.Module]:
    """The class, or one with a mistake: in the scale, in the columns of a head, in what is hidden, in 0/0."""

    class HeadPool(nn.Module):
        def __init__(self, dim: int, heads: int) -> None:
            super().__init__()
            self.queries = nn.Parameter(torch.randn(heads, dim // heads))
            self.to_k, self.to_v = nn.Linear(dim, dim), nn.Linear(dim, dim)

        def forward(self, words: Tensor, mask: Tensor) -> Tensor:
            h, d = self.queries.shape
            k, v = (layer(words).unflatten(2, (h, d)) for layer in (self.to_k, self.to_v))  # (N, T, h, d)
            k, v = (x.reshape(len(x), h, -1, d) if mixed else x.transpose(1, 2) for x in (k, v))
            s = (k * self.queries[:, None]).sum(-1) / math.sqrt(h * d if all_d else d)  # (N, h, T)
            seen = {"filling": mask, "words": ~mask, "nothing": torch.ones_like(mask)}[hide][:, None]
            a = s.masked_fill(~(seen | (~seen.any(-1, keepdim=True) & (not nan))), -math.inf).softmax(-1) * seen
            return (a[..., None, :] @ v).flatten(1)

    return HeadPool


def _pooled(g: torch.Generator) -> tuple[tuple[int, int], dict[str, Tensor], tuple[Tensor, Tensor]]:
    """An empty, a short and a full caption, for 2 or 3 heads of 3 components."""
    heads, t = (int(n) for n in torch.randint(2, 4, (2,), generator=g))
    mask = torch.arange(t + 2) < torch.tensor([[0], [t], [t + 2]])
    drawn = {k: torch.randn(x.shape, generator=g) for k, x in _head_pool()(3 * heads, heads).state_dict().items()}
    return (3 * heads, heads), drawn, (torch.randn(3, t + 2, 3 * heads, generator=g), mask)


HEAD_POOL = Exercise(
    name="HeadPool",
    lesson=LESSON,
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
            _head_pool(all_d=True),
            "You divide by the root of D. The dot product of one head has fewer terms: only those vary.",
        ),
        Misconception(
            "reshaped across words",
            _head_pool(mixed=True),
            "Your heads hold pieces of some words, not some columns of all: a reshape does not exchange axes.",
        ),
        Misconception(
            "mask turned round",
            _head_pool(hide="words"),
            "You look at the filling and hide the words. In nn.MultiheadAttention True means forbidden; here, a word.",
        ),
        Misconception(
            "NaN for an empty caption",
            _head_pool(nan=True),
            "All of an empty caption is hidden: 0/0, a NaN, also in the gradients. Define what it gets.",
        ),
        Misconception(
            "padding counted",
            _head_pool(hide="nothing"),
            "The mask is not used: the filling behind short captions is looked at, too.",
        ),
    ),
    way="module",
)


def _blocks(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Outputs (5, 3) and logs of sums (5,) of two blocks of keys; query 0 saw only the second, 1 the first, 2 none."""
    o, log = torch.randn(2, 5, 3, generator=generator), 100 + 2 * torch.randn(2, 5, generator=generator)
    hidden = torch.tensor([[1, 0, 1, 0, 0], [0, 1, 1, 0, 0]]).bool()
    o, log = o.masked_fill(hidden[..., None], 0), log.masked_fill(hidden, -math.inf)
    return o[0], log[0], o[1], log[1]


def _merged(o1: Tensor, log1: Tensor, o2: Tensor, log2: Tensor, unseen: float = 0) -> tuple[Tensor, Tensor]:
    share = (log1 - log2).sigmoid().nan_to_num(unseen)[:, None]  # e^log1 / (e^log1 + e^log2)
    return share * o1 + (1 - share) * o2, torch.logaddexp(log1, log2)


def _summed(o1: Tensor, log1: Tensor, o2: Tensor, log2: Tensor, m: Tensor) -> tuple[Tensor, Tensor]:
    e1, e2 = (log1 - m).exp(), (log2 - m).exp()
    return ((o1.T * e1 + o2.T * e2) / (e1 + e2)).T, m + (e1 + e2).log()


MERGE_ATTENTION = Exercise(
    name="merge_attention",
    lesson=LESSON,
    points=3,
    minutes=12,
    difficulty=3,
    asks="(output (L, e), log of the sum of exponentials (L,)) over two blocks of keys together, from those of each; "
    "-inf means that the query saw nothing of a block: if of both, zeros and -inf",
    inputs=_blocks,
    reference=_merged,
    misconceptions=(
        Misconception(
            "plain mean",
            lambda o1, log1, o2, log2: ((o1 + o2) / 2, torch.logaddexp(log1, log2)),
            "Both blocks count the same, even one in which no key fits. Each should count as much as its scores.",
        ),
        Misconception(
            "exponential overflows",
            lambda o1, log1, o2, log2: _summed(o1, log1, o2, log2, torch.zeros(len(log1))),
            "exp(100) is infinite in a float, and infinity by infinity is NaN. Only differences of logarithms matter.",
        ),
        Misconception(
            "output NaN where nothing is seen",
            lambda o1, log1, o2, log2: _merged(o1, log1, o2, log2, unseen=math.nan),
            "For a query that saw nothing of either block your weights are 0/0. Such a query has output 0.",
        ),
        Misconception(
            "both NaN where nothing is seen",
            lambda o1, log1, o2, log2: _summed(o1, log1, o2, log2, torch.maximum(log1, log2)),
            "For a query that saw nothing of either block you subtract minus infinity from itself, a NaN.",
        ),
    ),
)

EXERCISES = (DOT_TEMPERATURE, WINDOW_WEIGHTS, HEAD_POOL, MERGE_ATTENTION)
