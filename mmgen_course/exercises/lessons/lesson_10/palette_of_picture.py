"""The palette from which a picture was mixed: an exercise of lesson 10_text_to_image."""

import torch
from torch import Tensor

from mmgen_course.exercises.exercise import Exercise, Misconception
from mmgen_course.exercises.lessons import whole_number


def _painted(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    k, h, w = whole_number(4, 6, generator), whole_number(5, 6, generator), whole_number(7, 9, generator)
    shares = (2 * torch.randn(k, h, w, generator=generator)).softmax(dim=0)
    return torch.einsum("khw,kc->chw", shares, 2 * torch.rand(k, 3, generator=generator) - 1), shares


def _solved(pixels: Tensor, shares: Tensor) -> Tensor:
    """Colours (k, 3) from pixels (h w, 3) and shares (h w, k)."""
    return torch.linalg.lstsq(shares.double(), pixels.double()).solution


def _columns(picture: Tensor) -> Tensor:
    return picture.flatten(1).T


EXERCISE = Exercise(
    name="palette_of_picture",
    lesson="10_text_to_image",
    number=3,
    points=3,
    minutes=12,
    difficulty=3,
    asks="the k colours (k, 3) from which a picture (3, h, w) was mixed, each pixel in the shares (k, h, w) that are "
    "given",
    inputs=_painted,
    tolerance=1e-3,
    reference=lambda picture, shares: _solved(_columns(picture), _columns(shares)),
    misconceptions=(
        Misconception(
            "mean of the pixels, weighted by the shares",
            lambda picture, shares: torch.einsum("khw,chw->kc", shares, picture) / shares.sum((1, 2))[:, None],
            "You averaged the pixels by their shares. A pixel holds other colours as well, so every colour comes out "
            "greyer than it is; mix your colours again, and compare with the picture.",
        ),
        Misconception(
            "shares added up, not divided",
            lambda picture, shares: torch.einsum("khw,chw->kc", shares, picture),
            "This sum grows with the number of pixels. It is one side of a system of equations for the colours; what "
            "stands on the other?",
        ),
        Misconception(
            "pixel with the largest share",
            lambda picture, shares: _columns(picture)[shares.flatten(1).argmax(dim=1)],
            "You took the colour of the one pixel where each share is largest. Even there it is below 1, and the rest "
            "is other colours.",
        ),
        Misconception(
            "shares rounded to one and none",
            lambda picture, shares: torch.stack(
                [picture[:, shares.argmax(0) == i].mean(dim=1) for i in range(len(shares))]
            ),
            "You gave each pixel to its largest share alone. The shares between 0 and 1 tell how much of each colour "
            "is in it; use all of them.",
        ),
        Misconception(
            "axes reshaped, not moved",
            lambda picture, shares: _solved(picture.reshape(-1, 3), shares.reshape(-1, len(shares))),
            "`reshape` cuts the numbers anew in the order in which they lie: your rows hold three neighbours of one "
            "channel, not the three channels of a pixel. Move the axis (rearrange, permute, .T), then flatten.",
        ),
        Misconception(
            "softmax of the shares",
            lambda picture, shares: _solved(_columns(picture), _columns(shares.softmax(dim=0))),
            "You took a softmax of the shares. They are its result already, and sum to 1 at each pixel.",
        ),
    ),
)
