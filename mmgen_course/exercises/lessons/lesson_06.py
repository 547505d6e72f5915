"""Exercises of lesson 06_shared_space: a fusion, and a hard question."""

from collections.abc import Callable

import torch
from torch import Tensor

from mmgen_course.exercises.exercise import Exercise, Misconception

LESSON = "06_shared_space"


def _maps(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Maps (C, C, C, C), so that a wrong axis does not stop with an error, and parameters (C, 2C)."""
    c = int(torch.randint(3, 6, (), generator=generator))
    return torch.randn(c, c, c, c, generator=generator), torch.randn(c, 2 * c, generator=generator)


def _film(maps: Tensor, ab: Tensor) -> Tensor:
    a, b = ab[:, :, None, None].chunk(2, dim=1)
    return (1 + a) * maps + b


FILM_MAP = Exercise(
    name="film_map",
    lesson=LESSON,
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


def _questions(generator: torch.Generator) -> tuple[Tensor]:
    """Similarities (n, 2, 2) in steps of 0.1, so that there are ties; own captions lie nearer more often than not."""
    n = int(torch.randint(25, 41, (), generator=generator))
    return ((torch.randint(4, (n, 2, 2), generator=generator) + 2 * torch.eye(2)) / 10,)


def _judged(s: Tensor, right: Callable[[Tensor, Tensor], Tensor] = torch.gt) -> tuple[Tensor, Tensor]:
    """Of each pair, the answers for two pictures and for two captions, (n, 2) each."""
    own = s.diagonal(dim1=1, dim2=2)
    return right(own, s[:, (0, 1), (1, 0)]), right(own, s[:, (1, 0), (0, 1)])


def _shares(*flags: Tensor) -> tuple[float, ...]:
    return tuple(flag.double().mean().item() for flag in flags)


def _binding(s: Tensor, right: Callable[[Tensor, Tensor], Tensor] = torch.gt) -> tuple[float, ...]:
    text, image = (answers.all(1) for answers in _judged(s, right))
    return _shares(text, image, text & image)


BINDING_SCORES = Exercise(
    name="binding_scores",
    lesson=LESSON,
    points=3,
    minutes=10,
    difficulty=2,
    asks="three shares of n pairs: both pictures prefer their own caption, both captions prefer their own picture, and "
    "all four; from s (n, 2, 2), s[i, a, b] of picture a and caption b; a tie is no preference",
    inputs=_questions,
    reference=_binding,
    misconceptions=(
        Misconception(
            "text and image exchanged",
            lambda s: _binding(s.mT),
            "Your first two shares are exchanged. A picture compares captions: its row.",
        ),
        Misconception(
            "ties count",
            lambda s: _binding(s, torch.ge),
            "Ties count as right with you: a space that gives everything one similarity would get full marks.",
        ),
        Misconception(
            "single questions counted",
            lambda s: _shares(*_judged(s), torch.cat(_judged(s), dim=1)),
            "You count single questions, where a coin gets one half. A pair counts if all of its questions are right.",
        ),
        Misconception(
            "shares multiplied",
            lambda s: (*_binding(s)[:2], _binding(s)[0] * _binding(s)[1]),
            "Your third share is the product of the others, as if they were independent. They are of the same pairs.",
        ),
        Misconception(
            "first of each pair",
            lambda s: _shares(*(x[:, 0] for x in _judged(s)), torch.stack(_judged(s))[..., 0].all(0)),
            "You ask about picture 0 and caption 0 alone. The other half of each pair has a say, too.",
        ),
    ),
)

EXERCISES = (FILM_MAP, BINDING_SCORES)
