"""A step of gradient descent on single pairs of GloVe: an exercise of lesson 04_glove_features."""

from collections.abc import Callable

import torch
from einops import rearrange
from torch import Tensor

from mmgen_course.exercises.exercise import Exercise, Misconception
from mmgen_course.features.glove import weight

Four = tuple[Tensor, Tensor, Tensor, Tensor]


def _pairs(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, float, float]:
    """Vectors (4, 3) and biases (4,) of four pairs, their counts, half of them above x_max, and a rate."""
    w, v = torch.randn(2, 4, 3, generator=generator)
    b, c = torch.randn(2, 4, generator=generator)
    x_max = 10.0
    x = x_max * (torch.tensor([0.1, 0.3, 2.0, 6.0]) + 0.1 * torch.rand(4, generator=generator))
    return w, v, b, c, x, x_max, 0.05 + 0.1 * torch.rand((), generator=generator).item()


Push = Callable[[Tensor, Tensor, float], Tensor]


def _usual(e: Tensor, x: Tensor, x_max: float) -> Tensor:
    return weight(x, x_max) * e


def _stepped(push: Push, log: Callable[[Tensor], Tensor] = torch.log) -> Callable[..., Four]:
    """A step in which `push` of (e, x, x_max) takes the place of f(x) e, and `log` that of the logarithm."""

    def step(
        w: Tensor, v: Tensor, b: Tensor, c: Tensor, x: Tensor, x_max: float, rate: float
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        by = rate * push((w * v).sum(1) + b + c - log(x), x, x_max)
        along = rearrange(by, "p -> p 1")
        return w - along * v, v - along * w, b - by, c - by

    return step


def _one_after_the_other(
    w: Tensor, v: Tensor, b: Tensor, c: Tensor, x: Tensor, x_max: float, rate: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    by = rate * _usual((w * v).sum(1) + b + c - x.log(), x, x_max)
    new = w - by[:, None] * v
    return new, v - by[:, None] * new, b - by, c - by


def _along_itself(
    w: Tensor, v: Tensor, b: Tensor, c: Tensor, x: Tensor, x_max: float, rate: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    by = rate * _usual((w * v).sum(1) + b + c - x.log(), x, x_max)
    return w - by[:, None] * w, v - by[:, None] * v, b - by, c - by


EXERCISE = Exercise(
    name="pair_step",
    lesson="04_glove_features",
    number=3,
    points=3,
    minutes=10,
    difficulty=1,
    asks="the new (w, v, b, c) after one step of plain gradient descent on J / 2 for n pairs that share no word, each "
    "with its own w, v (n, d), b, c and count x > 0 (n,); alpha = 3/4",
    inputs=_pairs,
    reference=_stepped(_usual),
    misconceptions=(
        Misconception(
            "one after the other",
            _one_after_the_other,
            "You moved w first, and used the new w in the step of v. Both gradients belong to the point where the "
            "step begins.",
        ),
        Misconception(
            "uphill",
            _stepped(lambda e, x, x_max: -_usual(e, x, x_max)),
            "You added the gradient. It points to where J grows.",
        ),
        Misconception(
            "2 kept",
            _stepped(lambda e, x, x_max: 2 * _usual(e, x, x_max)),
            "Your step is twice as long: it is that of J, not of J / 2.",
        ),
        Misconception(
            "weight left out",
            _stepped(lambda e, x, x_max: e),
            "Every pair pulls with its whole error. A count below x_max is to pull less, by f(x).",
        ),
        Misconception(
            "weight without its bound",
            _stepped(lambda e, x, x_max: (x / x_max) ** 0.75 * e),
            "Your weight goes on rising above 1 for counts beyond x_max, and a few frequent pairs take over.",
        ),
        Misconception(
            "weight without its power",
            _stepped(lambda e, x, x_max: weight(x, x_max, alpha=1.0) * e),
            "Your weight is x / x_max itself. alpha is an exponent, and not 1 here.",
        ),
        Misconception(
            "mean over pairs",
            _stepped(lambda e, x, x_max: _usual(e, x, x_max) / len(x)),
            "You divided by n. J is a sum: a pair's step does not get shorter because others come with it.",
        ),
        Misconception(
            "count for its logarithm",
            _stepped(_usual, log=lambda x: x),
            "You compared with x itself. Vectors predict the logarithm of a count: sums of them become products.",
        ),
        Misconception(
            "each vector along itself",
            _along_itself,
            "You moved w along w, and v along v. What is the derivative of w . v by w?",
        ),
        Misconception(
            "error squared",
            _stepped(lambda e, x, x_max: weight(x, x_max) * e**2),
            "The error is still squared in your step, so it can push one way only. Differentiating takes one power.",
        ),
    ),
)
