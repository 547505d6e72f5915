"""Exercises of lesson 03_cnn_features: a field with its holes, and a normalisation that a kernel takes in."""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from einops import rearrange
from torch import Tensor

from mmgen_course.exercises.exercise import Exercise, Misconception
from mmgen_course.features.cnn import Window, output_size, receptive_field

LESSON = "03_cnn_features"
Layer = tuple[int, int, int, int]


def _integer(low: int, high: int, generator: torch.Generator) -> int:
    """One of low, ..., high."""
    return int(torch.randint(low, high + 1, (), generator=generator))


def _line_and_layers(generator: torch.Generator) -> tuple[int, list[Layer]]:
    """n pixels and two layers (k, s, p, d) with holes: the first leaves a pixel over, the second sees padding.

    Neighbouring weights of the second meet pixels in common.
    """
    kernel, places = _integer(3, 4, generator), _integer(7, 10, generator)
    stride = _integer(2, kernel - 1, generator)
    n = 2 * (kernel - 1) + 1 + stride * (places - 1) + 1
    return n, [(kernel, stride, 0, 2), (3, _integer(1, 2, generator), 2, 2)]


def _pixels(n: int, layers: Sequence[Layer], existing: bool = True, shifted: int = 1) -> list[list[int]]:
    sizes = [n]
    for k, s, p, d in layers:
        sizes.append(output_size(sizes[-1], *Window(k, s, p, d)))
    found = []
    for unit in range(sizes[-1]):
        places = {unit}
        for (k, s, p, d), size in zip(reversed(layers), reversed(sizes[:-1]), strict=True):
            below = {s * i + d * u - shifted * p for i in places for u in range(k)}
            places = {i for i in below if 0 <= i < size or not existing}
        found.append(sorted(i for i in places if 0 <= i < n))
    return found


def _with_repetitions(n: int, layers: Sequence[Layer]) -> list[list[int]]:
    (k, s, p, d), last = layers[0], layers[1:]
    units = _pixels(output_size(n, *Window(k, s, p, d)), last)
    seen = [[s * i + d * u - p for i in places for u in range(k)] for places in units]
    return [sorted(i for i in pixels if 0 <= i < n) for pixels in seen]


def _without_holes(n: int, layers: Sequence[Layer]) -> list[list[int]]:
    return [list(range(pixels[0], pixels[-1] + 1)) for pixels in _pixels(n, layers)]


def _by_formula(n: int, layers: Sequence[Layer]) -> list[list[int]]:
    field, units = receptive_field(Window(*layer) for layer in layers), len(_pixels(n, layers))
    starts = [field.start + i * field.jump for i in range(units)]
    return [list(range(max(0, start), min(n, start + field.size))) for start in starts]


PIXELS = Exercise(
    name="pixels_of_units",
    lesson=LESSON,
    points=3,
    minutes=12,
    difficulty=2,
    asks="for each unit of the last layer, in their order, the sorted list of the pixels 0 ... n - 1 that it depends "
    "on, each once; layers (k, s, p, d) from the bottom up, along one axis",
    inputs=_line_and_layers,
    reference=_pixels,
    misconceptions=(
        Misconception(
            "units outside of the map",
            lambda n, layers: _pixels(n, layers, existing=False),
            "You went down through places of the middle layer that do not exist. What a window finds beyond the end of "
            "that layer is a zero, which depends on no pixel: look at your last units.",
        ),
        Misconception(
            "padding does not shift",
            lambda n, layers: _pixels(n, layers, shifted=0),
            "Your windows begin at s i. With p zeros in front of the line, window 0 begins before its first pixel.",
        ),
        Misconception(
            "pixels listed twice",
            _with_repetitions,
            "Some pixels stand twice in a list. Two places of the middle layer can see the same one: a unit depends on "
            "it by two ways, and still it is one pixel.",
        ),
        Misconception(
            "holes filled",
            _without_holes,
            "You listed all from the first pixel to the last. A dilated window skips places, and what it skips it "
            "does not see: the width of a field is not the number of its pixels.",
        ),
        Misconception(
            "field by the formula",
            _by_formula,
            "You listed the whole receptive field. It holds what lies in the holes between the weights, and at the end "
            "of the line pixels that only places outside of the middle layer would see.",
        ),
        Misconception(
            "dilation ignored",
            lambda n, layers: _pixels(n, [(k, s, p, 1) for k, s, p, d in layers]),
            "Your weights lie side by side. In the dilated layer they lie d places apart, and fewer windows fit.",
        ),
        Misconception(
            "layers upside down",
            lambda n, layers: _pixels(n, layers[::-1]),
            "You took the last layer for the one that looks at the pixels. The lowest is the first of the list.",
        ),
        Misconception(
            "padding numbered as pixels",
            lambda n, layers: [
                [pixel + sum(layer[2] for layer in layers) for pixel in pixels] for pixels in _pixels(n, layers)
            ],
            "Your numbers are too large by the padding: pixel 0 is the first pixel of the picture, not the first zero.",
        ),
        Misconception(
            "one layer alone",
            lambda n, layers: _pixels(output_size(n, *Window(*layers[0])), layers[1:]),
            "You listed places of the layer below the last. Each of them sees a window of pixels: go down all the way.",
        ),
    ),
)


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


FOLD = Exercise(
    name="fold_norm_before",
    lesson=LESSON,
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

EXERCISES = (PIXELS, FOLD)
