"""Text, image and group score of pairs of pictures and captions: an exercise of lesson 06_shared_space."""

from collections.abc import Callable

import torch
from torch import Tensor

from mmgen_course.exercises.exercise import Exercise, Misconception


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


EXERCISE = Exercise(
    name="binding_scores",
    lesson="06_shared_space",
    number=2,
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
