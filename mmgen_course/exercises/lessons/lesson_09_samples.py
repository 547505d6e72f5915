"""The exercises of lesson 09_evaluation about samples: how far two are apart, and which kinds one leaves out."""

from functools import partial

import torch
from torch import Tensor

from mmgen_course.evaluate import radii
from mmgen_course.exercises.exercise import Exercise, Misconception

LESSON = "09_evaluation"
KINDS = 3


def _near_samples(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Two samples of different sizes from one distribution, so alike that the estimate is below zero."""
    n = int(torch.randint(5, 9, (), generator=generator))
    x = torch.randn(n, 3, generator=generator)
    y = torch.cat([x, torch.randn(2, 3, generator=generator) / 2])
    return x, y + 0.05 * torch.randn(y.shape, generator=generator)


def _energy(x: Tensor, y: Tensor, keep: bool = False, power: int = 1, cross: int = 2) -> Tensor:
    """2 E|x - y| - E|x - x'| - E|y - y'|, where the means run over pairs of different rows unless they are kept."""
    within = [torch.cdist(z, z).pow(power).sum() / (len(z) ** 2 if keep else len(z) * (len(z) - 1)) for z in (x, y)]
    return cross * torch.cdist(x, y).pow(power).mean() - within[0] - within[1]


ENERGY = Exercise(
    name="energy_distance",
    lesson=LESSON,
    points=3,
    minutes=12,
    difficulty=2,
    asks="the unbiased estimate of 2 E|x - y| - E|x - x'| - E|y - y'| from samples x (n, d) and y (m, d), with the "
    "Euclidean distance",
    inputs=_near_samples,
    reference=_energy,
    misconceptions=(
        Misconception(
            "pairs with itself kept",
            partial(_energy, keep=True),
            "Your means within a sample count each point's distance to itself, which is 0. That makes them too small "
            "on average, at every n. x and x' are drawn independently.",
        ),
        Misconception(
            "clamped at zero",
            lambda x, y: _energy(x, y).clamp(min=0),
            "You clamped the estimate at 0. If the truth is 0, an estimate that is right on average must be below "
            "it at times.",
        ),
        Misconception(
            "sign turned",
            lambda x, y: -_energy(x, y),
            "You turned the sign, or dropped it. A kernel says how alike two points are, a distance the opposite; and "
            "an estimate that is right on average may lie below a truth of 0.",
        ),
        Misconception(
            "squared distances",
            partial(_energy, power=2),
            "You squared the distances. Then all that is compared are the two means: 2 E|x - y|^2 - ... = 2 |E x - E "
            "y|^2.",
        ),
        Misconception(
            "cross term once",
            partial(_energy, cross=1),
            "You counted the distances between the samples once. If both come from the same source, the three "
            "means are equal, and the result must be 0.",
        ),
        Misconception(
            "each pair counted twice",
            lambda x, y: 2 * _energy(x, y) - 2 * torch.cdist(x, y).mean(),
            "Your means within a sample are twice too large: you divided a sum over i < j and i > j by n (n - 1) / 2.",
        ),
        Misconception(
            "all pairs in one mean",
            lambda x, y: 2 * torch.cdist(x, y).mean() - 2 * torch.cat([torch.pdist(x), torch.pdist(y)]).mean(),
            "You put the pairs of both samples into one mean, where the larger sample has more of them. Each sample "
            "has a mean of its own.",
        ),
    ),
)


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


COVERAGE = Exercise(
    name="coverage_of_kinds",
    lesson=LESSON,
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

EXERCISES = (ENERGY, COVERAGE)
