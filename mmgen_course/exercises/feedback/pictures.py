"""Small pictures of two tensors and of where they differ."""

from dataclasses import dataclass

import torch
from torch import Tensor

SIDE = 128  # pixels of the longer side of a picture, about
SMALLEST = 8  # what has fewer rows or columns is no picture


@dataclass(frozen=True)
class Picture:
    """A small image.

    Attributes:
        caption: what it shows.
        alt: the same for somebody who cannot see it.
        pixels: uint8, (h, w) for grey or (3, h, w).
        text: what stands for it where there are no pictures; maybe nothing.
    """

    caption: str
    alt: str
    pixels: Tensor
    text: str = ""


def is_like_a_picture(values: Tensor) -> bool:
    """Whether the last two axes are large enough, and not too unlike, for their numbers to be seen as greys.

    Example:
        >>> is_like_a_picture(torch.zeros(3, 32, 32)), is_like_a_picture(torch.zeros(2, 100))
        (True, False)
    """
    height, width = values.shape[-2:]
    grey = values.is_floating_point() or values.dtype in (torch.uint8, torch.bool)
    return grey and min(height, width) >= SMALLEST and max(height, width) <= 4 * min(height, width)


def pictures(expected: Tensor, got: Tensor, wrong: Tensor, outer: tuple[int, ...]) -> list[Picture]:
    """What was expected, what the answer gave, and where they differ.

    Args:
        expected, got: (h, w) or (3, h, w); shown in the range of the first.
        wrong: of the same shape, where they differ.
        outer: which part of the whole they are.

    Example:
        >>> zeros = torch.zeros(8, 8)
        >>> pictures(zeros, zeros + 1, zeros == 0, ())[2].alt
        'white where they differ: 64 of 64 pixels differ, in rows 0 to 7 and columns 0 to 7'
    """
    low, high = _range(expected)
    mask = wrong.any(0) if wrong.ndim == 3 else wrong
    height, width = mask.shape
    which = f" [{', '.join(map(str, outer))}]" if outer else ""
    scale = f"{width} by {height} pixels, black at {low:.3g}, white at {high:.3g}"
    rows, columns = (f"{places.min()} to {places.max()}" for places in mask.nonzero().T)
    share = f"{int(mask.sum())} of {mask.numel()} pixels differ"
    where = f"{share}, in rows {rows} and columns {columns}"
    return [
        Picture(f"expected{which}", f"the expected picture{which}: {scale}", _pixels(expected, low, high)),
        Picture(f"got{which}", f"the picture of the answer{which}, in the same greys", _pixels(got, low, high)),
        Picture(f"white: {share}", f"white where they differ: {where}", _enlarged(_pooled(mask) * 255), where),
    ]


def _range(values: Tensor) -> tuple[float, float]:
    finite = values.double()[values.isfinite()] if values.is_floating_point() else values.double()
    low, high = (finite.min().item(), finite.max().item()) if finite.numel() else (0.0, 1.0)
    return (low, high) if high > low else (low - 1, low + 1)


def _pixels(values: Tensor, low: float, high: float) -> Tensor:
    step = _step(values)
    levels = (values.double()[..., ::step, ::step] - low) / (high - low)
    return _enlarged(levels.nan_to_num(0, 1, 0).clamp(0, 1).mul(255).round().byte())


def _pooled(mask: Tensor) -> Tensor:
    """A mask as small as its picture, in which no difference is lost; uint8."""
    step = _step(mask)
    return torch.nn.functional.max_pool2d(mask[None, None].float(), step, ceil_mode=True)[0, 0].byte()


def _step(values: Tensor) -> int:
    return -(-max(values.shape[-2:]) // SIDE)


def _enlarged(pixels: Tensor) -> Tensor:
    times = max(SIDE // max(pixels.shape[-2:]), 1)
    return pixels.repeat_interleave(times, -1).repeat_interleave(times, -2)
