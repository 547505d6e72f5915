"""FiLM: each channel scaled and shifted: an exercise of lesson 06_shared_space."""

import torch
from torch import Tensor

from mmgen_course.exercises.exercise import Exercise, Misconception


def _maps(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Maps (C, C, C, C), so that a wrong axis does not stop with an error, and parameters (C, 2C)."""
    c = int(torch.randint(3, 6, (), generator=generator))
    return torch.randn(c, c, c, c, generator=generator), torch.randn(c, 2 * c, generator=generator)


def _film(maps: Tensor, ab: Tensor) -> Tensor:
    a, b = ab[:, :, None, None].chunk(2, dim=1)
    return (1 + a) * maps + b


EXERCISE = Exercise(
    name="film_map",
    lesson="06_shared_space",
    number=1,
    points=2,
    minutes=8,
    difficulty=1,
    asks="maps (N, C, H, W), each channel multiplied by 1 + a and then shifted by b, where parameters (N, 2C) hold the "
    "C numbers a and then the C numbers b",
    inputs=_maps,
    reference=_film,
    misconceptions=(
        Misconception(
            "scale without its 1",
            lambda maps, ab: _film(maps, ab) - maps,
            "With all parameters 0 your map is black. A network that says nothing yet should change nothing.",
        ),
        Misconception(
            "1 added to the shift too",
            lambda maps, ab: _film(maps, ab) + 1,
            "You added 1 to all parameters. A scale that changes nothing is 1; a shift that changes nothing is not.",
        ),
        Misconception(
            "halves exchanged",
            lambda maps, ab: _film(maps, ab.roll(maps.shape[1], dims=1)),
            "You scale by the second half and shift by the first.",
        ),
        Misconception(
            "read in turn",
            lambda maps, ab: _film(maps, torch.cat([ab[:, ::2], ab[:, 1::2]], dim=1)),
            "You read a, b, a, b. All C numbers a come first.",
        ),
        Misconception(
            "axes missing",
            lambda maps, ab: (1 + ab[:, : len(maps)]) * maps + ab[:, len(maps) :],
            "Your numbers meet rows and columns of pixels, not samples and channels: axes are matched from the last "
            "one on. These maps happen to be C long in all directions, so nothing stops you.",
        ),
        Misconception(
            "shifted first",
            lambda maps, ab: _film(maps, ab) + ab.unflatten(1, (2, -1)).prod(1)[:, :, None, None],
            "You shift before you scale, so the shift is scaled, too.",
        ),
    ),
)
