"""A batch normalisation folded into the convolution behind it: an exercise of lesson 03_cnn_features."""

from collections.abc import Callable
from functools import partial

import torch
from einops import rearrange
from torch import Tensor

from mmgen_course.exercises.exercise import Exercise, Misconception


def _kernel_and_norm(generator: torch.Generator) -> tuple[Tensor | float, ...]:
    """w (3, 3, 3, 3), b (3,), mean, variance, gamma and beta (3,), and an eps large enough to be seen."""
    w = torch.randn(3, 3, 3, 3, generator=generator)
    b, mean, beta = torch.randn(3, 3, generator=generator)
    variance, gamma = 0.5 + 2 * torch.rand(2, 3, generator=generator)
    return w, b, mean, variance, gamma, beta, 0.1 + 0.2 * torch.rand((), generator=generator).item()


Scale = Callable[[Tensor, Tensor, float], Tensor]


def _scale(variance: Tensor, gamma: Tensor, eps: float) -> Tensor:
    return gamma / (variance + eps).sqrt()


def _taken_in(
    scale: Scale, w: Tensor, b: Tensor, mean: Tensor, variance: Tensor, gamma: Tensor, beta: Tensor, eps: float
) -> tuple[Tensor, Tensor]:
    factor = scale(variance, gamma, eps)
    shift = beta - mean * factor
    return w * rearrange(factor, "c -> c 1 1"), b + torch.einsum("qcuv,c->q", w, shift)


def _norm_after(
    w: Tensor, b: Tensor, mean: Tensor, variance: Tensor, gamma: Tensor, beta: Tensor, eps: float
) -> tuple[Tensor, Tensor]:
    factor = _scale(variance, gamma, eps)
    return w * rearrange(factor, "q -> q 1 1 1"), (b - mean) * factor + beta


def _bias_with(shift: Callable[..., Tensor], kept: int = 1) -> Callable[..., tuple[Tensor, Tensor]]:
    """The right kernel, and a bias in which `shift` of (w, mean, factor, beta) took the place of sum w (beta - ...)."""

    def answer(
        w: Tensor, b: Tensor, mean: Tensor, variance: Tensor, gamma: Tensor, beta: Tensor, eps: float
    ) -> tuple[Tensor, Tensor]:
        factor = _scale(variance, gamma, eps)
        return w * rearrange(factor, "c -> c 1 1"), kept * b + shift(w, mean, factor, beta)

    return answer


def _over_window(w: Tensor, each: Tensor) -> Tensor:
    return torch.einsum("qcuv,c->q", w, each)


EXERCISE = Exercise(
    name="fold_norm_before",
    lesson="03_cnn_features",
    number=2,
    points=4,
    minutes=15,
    difficulty=3,
    asks="the kernel and the bias of the one convolution that answers as conv(BN(x)) does in evaluation mode, from w "
    "(Q, C, k, k), b (Q,), running mean and variance, gamma and beta (C,), and eps; no padding",
    inputs=_kernel_and_norm,
    reference=partial(_taken_in, _scale),
    misconceptions=(
        Misconception(
            "norm after the convolution",
            _norm_after,
            "You folded a normalisation that stands after the convolution. Here it stands before: gamma_c belongs to "
            "the channels that come in.",
        ),
        Misconception(
            "root lost",
            partial(_taken_in, lambda variance, gamma, eps: gamma / (variance + eps)),
            "You divided by the variance. BN divides by the deviation: otherwise numbers would change their unit.",
        ),
        Misconception(
            "eps outside of the root",
            partial(_taken_in, lambda variance, gamma, eps: gamma / (variance.sqrt() + eps)),
            "Your eps stands outside of the root. Both forms avoid a division by zero, but they are not the same "
            "number; the trained network has the other one.",
        ),
        Misconception(
            "eps left out",
            partial(_taken_in, lambda variance, gamma, eps: gamma / variance.sqrt()),
            "eps is not in your answer. With a variance near zero it decides everything.",
        ),
        Misconception(
            "mean not scaled",
            _bias_with(lambda w, mean, factor, beta: _over_window(w, beta - mean)),
            "You subtracted the mean as it is. It is subtracted before the division: multiply BN's formula out.",
        ),
        Misconception(
            "shift scaled twice",
            _bias_with(lambda w, mean, factor, beta: _over_window(w, factor * (beta - mean * factor))),
            "You summed the new kernel, which has the factor in it already, against a shift that is complete: the "
            "factor counts twice in your bias.",
        ),
        Misconception(
            "shift not summed over the window",
            _bias_with(lambda w, mean, factor, beta: _over_window(w, beta - mean * factor) / w[0, 0].numel()),
            "You took the mean over the window. A constant that comes in meets every weight of the kernel, and the "
            "products are added up.",
        ),
        Misconception(
            "old bias lost",
            _bias_with(lambda w, mean, factor, beta: _over_window(w, beta - mean * factor), kept=0),
            "b itself is not in your new bias. The convolution added it before, and nothing else does so now.",
        ),
        Misconception(
            "shift past the kernel",
            _bias_with(lambda w, mean, factor, beta: beta - mean * factor),
            "You added the shift of the input channels to the bias of the output channels. It has to go through the "
            "kernel first, as every number that comes in.",
        ),
    ),
)
