"""The exercises of lesson 01_images: bytes again, the mean of a data set, what may alias, and a half turn."""

import math
import re
from functools import partial, reduce

import torch
from einops import rearrange
from torch import Tensor

from mmgen_course.exercises.exercise import Exercise, Misconception

LESSON = "01_images"


def _whole(low: int, high: int, generator: torch.Generator) -> int:
    return int(torch.randint(low, high + 1, (), generator=generator))


def _generated(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Normalised pictures, mean and std; no level lies near a half, and some leave 0..255."""
    shape = _whole(1, 3, generator), 3, _whole(3, 5, generator), _whole(6, 8, generator)
    mean = 0.3 + 0.3 * torch.rand(3, generator=generator)
    std = 0.2 + 0.15 * torch.rand(3, generator=generator)
    levels = torch.randint(-40, 296, shape, generator=generator) + 0.8 * torch.rand(shape, generator=generator) - 0.4
    return (levels / 255 - mean.reshape(3, 1, 1)) / std.reshape(3, 1, 1), mean, std


def _levels(z: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    return 255 * (z * std.reshape(3, 1, 1) + mean.reshape(3, 1, 1))


def _as_bytes(levels: Tensor) -> Tensor:
    return rearrange(levels.clamp(0, 255).round().to(torch.uint8), "n c h w -> n h w c")


TO_PIXELS = Exercise(
    name="to_pixels",
    lesson=LESSON,
    points=2,
    minutes=8,
    difficulty=1,
    asks="the bytes (n, h, w, 3) of z (n, 3, h, w), which mean and std (3,) normalised; beyond 0 or 255: 0 or 255",
    inputs=_generated,
    reference=lambda *given: _as_bytes(_levels(*given)),
    misconceptions=(
        Misconception(
            "cut off instead of rounded",
            lambda *given: _as_bytes(_levels(*given).clamp(0, 255).floor()),
            "Some bytes are too small by one. Conversion to bytes drops what stands behind the point: 6.99 becomes 6.",
        ),
        Misconception(
            "bytes run over",
            lambda *given: _as_bytes(_levels(*given).round() % 256),
            "A byte has no room for 256 or -1: it begins again at the other end, and what is too bright turns black.",
        ),
        Misconception(
            "limited to [-1, 1] too early",
            lambda z, *numbers: _as_bytes(_levels(z.clamp(-1, 1), *numbers)),
            "You limited z to [-1, 1]. That is black to white for mean = std = 1/2 alone; here white lies above 1.",
        ),
        Misconception(
            "cut off, and bytes run over",
            lambda *given: _as_bytes(_levels(*given).trunc() % 256),
            "Conversion to bytes does two harms: it drops what stands behind the point, and 256 becomes 0, -1 255.",
        ),
        Misconception(
            "reshaped instead of moved",
            lambda z, *numbers: _as_bytes(_levels(z, *numbers)).permute(0, 3, 1, 2).reshape(len(z), *z.shape[2:], 3),
            "The shape is right and the numbers stand in wrong places: reshape deals them out in the old order.",
        ),
    ),
)


def _summaries(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and standard deviation of each channel of 4 to 6 pictures, and how many pixels each has."""
    n = _whole(4, 6, generator)
    means, stds = 0.1 + 0.8 * torch.rand(2, n, 3, generator=generator)
    return means, stds / 3, torch.randint(100, 5000, (n,), generator=generator)


def _weighted(values: Tensor, counts: Tensor) -> Tensor:
    return (counts / counts.sum()) @ values


def _pooled(means: Tensor, stds: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
    mean = _weighted(means, counts)
    return mean, (_weighted(stds**2 + means**2, counts) - mean**2).sqrt()


POOLED = Exercise(
    name="pooled_statistics",
    lesson=LESSON,
    points=3,
    minutes=12,
    difficulty=2,
    asks="mean and standard deviation, both (3,), of all pixels of n pictures, from those of each (n, 3) and its size",
    inputs=_summaries,
    reference=_pooled,
    misconceptions=(
        Misconception(
            "plain means of both",
            lambda means, stds, counts: (means.mean(0), stds.mean(0)),
            "You averaged both over the pictures. They are not equally large, and they differ from each other, too.",
        ),
        Misconception(
            "every picture the same weight",
            lambda means, stds, counts: _pooled(means, stds, torch.ones_like(counts)),
            "Your picture of 100 pixels counts as much as one of 5,000. Of all pixels together, each counts the same.",
        ),
        Misconception(
            "mean of the standard deviations",
            lambda means, stds, counts: (_weighted(means, counts), _weighted(stds, counts)),
            "Standard deviations do not average: a black and a white picture both have 0, and their pixels differ.",
        ),
        Misconception(
            "spread between the pictures lost",
            lambda means, stds, counts: (_weighted(means, counts), _weighted(stds**2, counts).sqrt()),
            "You averaged the variances: the spread within the pictures. Whole pictures are darker than others, too.",
        ),
        Misconception(
            "variance for standard deviation",
            lambda *given: (_pooled(*given)[0], _pooled(*given)[1] ** 2),
            "Your second part is the variance; normalising divides by its square root.",
        ),
    ),
)


def _seen_in_small(generator: torch.Generator) -> tuple[float, float]:
    """A frequency that is seen, and a step of 3 to 8 in halves; no candidate lies near 1/2 a pixel."""
    seen = _whole(5, 20, generator) + 25 * _whole(0, 1, generator)
    return seen / 100, _whole(6, 16, generator) / 2


def _turns(seen: float, s: float, highest: float = 0.5) -> Tensor:
    """The frequencies that turn by `seen` and some whole turns from look to look; for -seen: by as much backwards."""
    f = (torch.arange(math.ceil(s) + 1) + seen) / s
    return f[(f > 0) & (f <= highest)]


def _candidates(seen: float, s: float, highest: float = 0.5) -> Tensor:
    return torch.cat([_turns(seen, s, highest), _turns(-seen, s, highest)]).sort().values


TRUE_FREQUENCIES = Exercise(
    name="true_frequencies",
    lesson=LESSON,
    points=4,
    minutes=15,
    difficulty=3,
    asks="all frequencies from 0 to 1/2 a pixel that look like `seen` a new pixel at every s-th pixel; (k,), ascending",
    inputs=_seen_in_small,
    reference=_candidates,
    misconceptions=(
        Misconception(
            "waves that turn backwards missing",
            _turns,
            "Waves are missing: 0.9 turns from look to look seem to be 0.1 back, and a cosine shows no direction.",
        ),
        Misconception(
            "the honest one alone",
            lambda seen, s: torch.tensor([seen / s]),
            "You give the one wave that keeps its frequency. Others pose as it: whole turns from look to look hide.",
        ),
        Misconception(
            "up to one period a pixel",
            lambda seen, s: _candidates(seen, s, highest=1.0),
            "You listed frequencies up to 1. The shortest period that a grid of pixels can hold is two of them.",
        ),
        Misconception(
            "in periods a new pixel",
            lambda seen, s: s * _candidates(seen, s),
            "Your numbers are periods a new pixel. Periods an old one were asked for; a new one is s of them wide.",
        ),
        Misconception(
            "not in order",
            lambda seen, s: torch.cat([_turns(seen, s), _turns(-seen, s)]),
            "You found all of them. They stand in two runs, one behind the other: ascending order was asked for.",
        ),
    ),
)

Turned = tuple[Tensor, Tensor, str]
OTHER = {"left": "right", "top": "bottom", "above": "below", "right": "left", "bottom": "top", "below": "above"}


def _labelled(generator: torch.Generator) -> Turned:
    """A picture, 1 to 3 boxes in it, and a caption with words that only look like those to exchange."""
    h, w, k = _whole(5, 7, generator), _whole(9, 12, generator), _whole(1, 3, generator)
    corner = torch.stack([torch.randint(size - 3, (k,), generator=generator) for size in (w, h)], dim=1)
    boxes = torch.cat([corner, corner + torch.randint(1, 4, (k, 2), generator=generator)], dim=1)
    side, height, relation = (list(OTHER)[i + 3 * _whole(0, 1, generator)] for i in range(3))
    caption = f"a bright star at the {height}-{side}, {relation} a desktop; a cross on the {OTHER[side]}."
    return torch.rand(3, h, w, generator=generator), boxes, caption


def _half_turn(
    image: Tensor, boxes: Tensor, text: str, word: str = r"\w+", kept: bool = False, shift: int = 0
) -> Turned:
    h, w = image.shape[1:]
    turned = torch.tensor([w, h, w, h]) - (boxes if kept else boxes.roll(2, dims=1)) - shift
    return image.flip(1, 2), turned, re.sub(word, lambda match: OTHER.get(match[0], match[0]), text)


HALF_TURN = Exercise(
    name="half_turn",
    lesson=LESSON,
    points=3,
    minutes=12,
    difficulty=2,
    asks="picture (3, h, w), boxes (k, 4) of left, top, right and bottom edges, and caption, all after half a turn",
    inputs=_labelled,
    reference=_half_turn,
    misconceptions=(
        Misconception(
            "words replaced in turn",
            lambda *given: (*_half_turn(*given)[:2], reduce(lambda t, pair: t.replace(*pair), OTHER.items(), given[2])),
            "You exchanged some words twice: left became right, then every right left. And 'bright' is no 'right'.",
        ),
        Misconception(
            "parts of words exchanged",
            partial(_half_turn, word="|".join(OTHER)),
            "'bright' became 'bleft', and 'desktop' 'deskbottom'. Only whole words say where things are.",
        ),
        Misconception(
            "words beside a mark missed",
            partial(_half_turn, word=r"\S+"),
            "You cut at spaces, so 'top-left,' is no word of your list: marks may stand beside a word, or within.",
        ),
        Misconception(
            "caption of a mirror image",
            partial(_half_turn, word=r"\b(?:left|right)\b"),
            "You exchanged left and right alone. After half a turn things stand upside down, too.",
        ),
        Misconception(
            "edges of a box not exchanged",
            partial(_half_turn, kept=True),
            "In your boxes left is larger than right. What was the left edge is now the other one.",
        ),
        Misconception(
            "boxes off by one",
            partial(_half_turn, shift=1),
            "Your boxes lie one pixel too far to the top left. Pixel j goes to W - 1 - j; boxes are given by edges.",
        ),
    ),
)

EXERCISES = (TO_PIXELS, POOLED, TRUE_FREQUENCIES, HALF_TURN)
