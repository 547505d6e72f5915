"""The pixels that each unit depends on: an exercise of lesson 03_cnn_features."""

from collections.abc import Sequence

import torch

from mmgen_course.exercises.exercise import Exercise, Misconception
from mmgen_course.exercises.lessons import whole_number
from mmgen_course.features.cnn import Window, output_size, receptive_field

Layer = tuple[int, int, int, int]


def _line_and_layers(generator: torch.Generator) -> tuple[int, list[Layer]]:
    """n pixels and two layers (k, s, p, d) with holes: the first leaves a pixel over, the second sees padding.

    Neighbouring weights of the second meet pixels in common.
    """
    kernel, places = whole_number(3, 4, generator), whole_number(7, 10, generator)
    stride = whole_number(2, kernel - 1, generator)
    n = 2 * (kernel - 1) + 1 + stride * (places - 1) + 1
    return n, [(kernel, stride, 0, 2), (3, whole_number(1, 2, generator), 2, 2)]


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


EXERCISE = Exercise(
    name="pixels_of_units",
    lesson="03_cnn_features",
    number=1,
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
