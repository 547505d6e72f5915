"""Exercises of lesson 04_glove_features: a step on single pairs, and a word that comes after the training."""

from collections.abc import Callable

import torch
from einops import rearrange
from torch import Tensor

from mmgen_course.exercises.exercise import Exercise, Misconception
from mmgen_course.features.glove import weight

LESSON = "04_glove_features"
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


PAIR_STEP = Exercise(
    name="pair_step",
    lesson=LESSON,
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


def _late(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, float]:
    """Vectors (14, 3) and biases (14,) of neighbours, and a new word's counts: four 0, two above x_max."""
    v, c = torch.randn(14, 3, generator=generator), torch.randn(14, generator=generator)
    x = 100 * torch.rand(14, generator=generator).clamp(min=0.01) ** 2
    x[:2] *= 10
    x[0] = x[0] + 200
    x[10:] = 0
    order = torch.randperm(14, generator=generator)
    return v, c, x[order], 100.0


def _solved(rows: Tensor, wanted: Tensor, f: Tensor) -> Tensor:
    """The numbers by which `rows` come nearest to `wanted`, the squares weighted by f."""
    root = rearrange(f.sqrt(), "p -> p 1").double()
    return torch.linalg.lstsq(root * rows.double(), root * rearrange(wanted, "p -> p 1").double()).solution[:, 0]


def _fitted(v: Tensor, wanted: Tensor, f: Tensor) -> tuple[Tensor, Tensor]:
    solution = _solved(torch.cat([v, torch.ones(len(v), 1)], dim=1), wanted, f)
    return solution[:-1], solution[-1]


def _late_word(v: Tensor, c: Tensor, x: Tensor, x_max: float) -> tuple[Tensor, Tensor]:
    met = x > 0
    return _fitted(v[met], x[met].log() - c[met], weight(x[met], x_max))


def _weighted(f: Callable[[Tensor, float], Tensor]) -> Callable[..., tuple[Tensor, Tensor]]:
    """The right answer but for its weights, `f` of (x, x_max) for the pairs that met."""

    def answer(v: Tensor, c: Tensor, x: Tensor, x_max: float) -> tuple[Tensor, Tensor]:
        met = x > 0
        return _fitted(v[met], x[met].log() - c[met], f(x[met], x_max))

    return answer


def _without_bias(v: Tensor, c: Tensor, x: Tensor, x_max: float) -> tuple[Tensor, Tensor]:
    met = x > 0
    w = _solved(v[met], x[met].log() - c[met], weight(x[met], x_max))
    return w, torch.zeros(())


LATE = Exercise(
    name="late_word",
    lesson=LESSON,
    points=4,
    minutes=18,
    difficulty=3,
    asks="the vector w (d,) and the bias b, a number, of a new word at which its part of J is least, from v (V, d), c "
    "(V,) of all neighbours, which stay, its counts x (V,), some of them 0, and x_max; alpha = 3/4",
    inputs=_late,
    reference=_late_word,
    tolerance=1e-3,
    misconceptions=(
        Misconception(
            "not weighted",
            _weighted(lambda x, x_max: torch.ones_like(x)),
            "Every pair counts the same in your fit. J has f(x) in front of each square: a small count is chance.",
        ),
        Misconception(
            "weight squared",
            _weighted(lambda x, x_max: weight(x, x_max) ** 2),
            "You multiplied equations by f, and least squares then squares it. By what must an equation be multiplied "
            "so that its square counts f times?",
        ),
        Misconception(
            "weight without its bound",
            _weighted(lambda x, x_max: (x / x_max) ** 0.75),
            "Your weights go on rising beyond x_max: one frequent neighbour decides where the word lies.",
        ),
        Misconception(
            "log(1 + x)",
            lambda v, c, x, x_max: _fitted(v, x.log1p() - c, weight(x, x_max)),
            "You took log(1 + x), so that 0 has a logarithm. For small counts that is another number: leave out what "
            "never met instead of changing the rest.",
        ),
        Misconception(
            "zeros take part",
            lambda v, c, x, x_max: _fitted(v, x.log1p() - c, torch.ones_like(x)),
            "Pairs that never met pull as much as all others, towards log 1. J has no term for them, and a weight for "
            "the rest.",
        ),
        Misconception(
            "neighbours' biases left out",
            lambda v, c, x, x_max: _late_word(v, 0 * c, x, x_max),
            "c is not in your answer. Frequent neighbours have large counts with every word; that is what c explains.",
        ),
        Misconception(
            "no bias of its own",
            _without_bias,
            "You fitted w alone, with b = 0. The word's own frequency has to go somewhere, and now it bends w.",
        ),
    ),
)

EXERCISES = (PAIR_STEP, LATE)
