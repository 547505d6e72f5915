"""The vector of a word that comes after the training: an exercise of lesson 04_glove_features."""

from collections.abc import Callable

import torch
from einops import rearrange
from torch import Tensor

from mmgen_course.exercises.exercise import Exercise, Misconception
from mmgen_course.features.glove import weight


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


EXERCISE = Exercise(
    name="late_word",
    lesson="04_glove_features",
    number=4,
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
