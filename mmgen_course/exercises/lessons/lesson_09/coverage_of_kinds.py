"""Coverage of each kind of real points: an exercise of lesson 09_evaluation."""

import torch
from torch import Tensor

from mmgen_course.evaluate import radii
from mmgen_course.exercises.exercise import Exercise, Misconception

KINDS = 3


def _kinds(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, int]:
    """Real points of three kinds that overlap, in no order; generated ones, few of the first kind; and k.

    No generated point lies on the border of a ball, up to rounding.
    """
    k = int(torch.randint(2, 4, (), generator=generator))
    kinds = torch.arange(KINDS).repeat_interleave(torch.randint(6, 12, (KINDS,), generator=generator))
    kinds = kinds[torch.randperm(len(kinds), generator=generator)]
    while True:
        real = _around(kinds, generator)
        generated = _around(torch.tensor([0] + [1] * 6 + [2] * 4), generator)
        if (torch.cdist(real, generated) - radii(real, k)[:, None]).abs().min() > 1e-3:
            return real, kinds, generated, k


def _around(kinds: Tensor, generator: torch.Generator) -> Tensor:
    centres = torch.tensor([[-1.5, 0.0], [1.5, 0.0], [0.0, 1.5]])
    return centres[kinds] + 0.8 * torch.randn(len(kinds), 2, generator=generator)


def _hit(real: Tensor, generated: Tensor, reach: Tensor) -> Tensor:
    """For each real point whether its ball holds a generated one."""
    return (torch.cdist(real, generated) <= reach[:, None]).any(dim=1)


def _shares(of: Tensor, kinds: Tensor) -> Tensor:
    return torch.stack([of[kinds == kind].float().mean() for kind in range(KINDS)])


def _coverage(real: Tensor, kinds: Tensor, generated: Tensor, k: int) -> Tensor:
    return _shares(_hit(real, generated, radii(real, k)), kinds)


def _own_kind(real: Tensor, kinds: Tensor, generated: Tensor, k: int) -> Tensor:
    parts = [real[kinds == kind] for kind in range(KINDS)]
    return torch.stack([_hit(part, generated, radii(part, k)).float().mean() for part in parts])


def _of_all(real: Tensor, kinds: Tensor, generated: Tensor, k: int) -> Tensor:
    return torch.bincount(kinds[_hit(real, generated, radii(real, k))], minlength=KINDS) / len(real)


def _recalled(real: Tensor, kinds: Tensor, generated: Tensor, k: int) -> Tensor:
    inside = torch.cdist(real, generated) <= radii(generated, k)
    return _shares(inside.any(dim=1), kinds)


def _generated_in(real: Tensor, kinds: Tensor, generated: Tensor, k: int) -> Tensor:
    inside = torch.cdist(real, generated) <= radii(real, k)[:, None]
    return torch.stack([inside[kinds == kind].any(dim=0).float().mean() for kind in range(KINDS)])


def _counted(real: Tensor, kinds: Tensor, generated: Tensor, k: int) -> Tensor:
    inside = torch.cdist(real, generated) <= radii(real, k)[:, None]
    return _shares(inside.sum(dim=1) / k, kinds)


def _nearest(real: Tensor, kinds: Tensor, generated: Tensor, k: int) -> Tensor:
    return torch.bincount(kinds[torch.cdist(real, generated).argmin(dim=0)], minlength=KINDS) / len(generated)


EXERCISE = Exercise(
    name="coverage_of_kinds",
    lesson="09_evaluation",
    number=4,
    points=4,
    minutes=18,
    difficulty=3,
    asks="for each kind the share of its real points whose ball holds a generated point, (kinds,); a ball reaches to "
    "the k-th nearest other real point of whatever kind; from real (N, d), kinds (N,) counted from 0, generated "
    "(M, d) and k",
    inputs=_kinds,
    reference=_coverage,
    misconceptions=(
        Misconception(
            "a point its own neighbour",
            lambda real, kinds, generated, k: _coverage(real, kinds, generated, k - 1),
            "Your balls are too small: you counted the point itself, at distance 0, as its first neighbour.",
        ),
        Misconception(
            "one neighbour too far",
            lambda real, kinds, generated, k: _coverage(real, kinds, generated, k + 1),
            "Your balls are too large. If the point itself is not in your list any more, the k-th of the list is the "
            "k-th neighbour.",
        ),
        Misconception(
            "balls within the kind",
            _own_kind,
            "Your balls reach to neighbours of the same kind only. Where kinds lie among each other these balls are "
            "larger, and reach into the places of other kinds.",
        ),
        Misconception(
            "balls of generated points",
            _recalled,
            "You drew the balls around generated points, as recall does. A generator that scatters its points makes "
            "itself large balls; only real ones count here.",
        ),
        Misconception(
            "share of generated points",
            _generated_in,
            "You counted generated points in the balls of each kind, as precision does. That says whether they are "
            "good, and not what is missing: count real points.",
        ),
        Misconception(
            "divided by all real points",
            _of_all,
            "Your shares are of all real points, so the best that a small kind can reach is its own size. Each kind "
            "has a share of its own.",
        ),
        Misconception(
            "points in a ball counted",
            _counted,
            "You counted how many generated points a ball holds, which is the density: one crowded ball makes up for "
            "many empty ones. Hit or not is all that counts.",
        ),
        Misconception(
            "kind of the nearest",
            _nearest,
            "You gave each generated point the kind of its nearest real one, and counted. That works however far away "
            "it is: nonsense would be of some kind, too.",
        ),
    ),
)
