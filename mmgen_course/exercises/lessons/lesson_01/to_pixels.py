"""Bytes again from normalised pictures: an exercise of lesson 01_images."""

import torch
from einops import rearrange
from torch import Tensor

from mmgen_course.exercises.exercise import Exercise, Misconception
from mmgen_course.exercises.lessons import whole_number


def _generated(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Normalised pictures, mean and std; no level lies near a half, and some leave 0..255."""
    shape = whole_number(1, 3, generator), 3, whole_number(3, 5, generator), whole_number(6, 8, generator)
    mean = 0.3 + 0.3 * torch.rand(3, generator=generator)
    std = 0.2 + 0.15 * torch.rand(3, generator=generator)
    levels = torch.randint(-40, 296, shape, generator=generator) + 0.8 * torch.rand(shape, generator=generator) - 0.4
    return (levels / 255 - mean.reshape(3, 1, 1)) / std.reshape(3, 1, 1), mean, std


def _levels(z: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    return 255 * (z * std.reshape(3, 1, 1) + mean.reshape(3, 1, 1))


def _as_bytes(levels: Tensor) -> Tensor:
    return rearrange(levels.clamp(0, 255).round().to(torch.uint8), "n c h w -> n h w c")


EXERCISE = Exercise(
    name="to_pixels",
    lesson="01_images",
    number=1,
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
            "normalised once more",
            lambda z, mean, std: _as_bytes(255 * (z - mean.reshape(3, 1, 1)) / std.reshape(3, 1, 1)),
            "You subtract the mean and divide by std, a second time. What was done last has to be undone first.",
        ),
        Misconception(
            "mean and std of one half",
            lambda z, mean, std: _as_bytes(255 * (z + 1) / 2),
            "Your answer depends on neither mean nor std: you took both for 1/2, the range -1 to 1 of the lesson.",
        ),
        Misconception(
            "reshaped instead of moved",
            lambda z, *numbers: _as_bytes(_levels(z, *numbers)).permute(0, 3, 1, 2).reshape(len(z), *z.shape[2:], 3),
            "The shape is right and the numbers stand in wrong places: reshape deals them out in the old order.",
        ),
    ),
)
