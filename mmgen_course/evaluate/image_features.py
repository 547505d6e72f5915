"""What metrics compare pictures by: features of pictures (N, 3, H, W) in [-1, 1].

A metric sees of a picture what its features hold, and nothing else: so there are two kinds here. See lesson 09.
"""

from functools import cache

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from mmgen_course.features.classifier import SceneClassifier, load_classifier
from mmgen_course.layers import in_batches

READ_SIDE = 32  # pixels of a picture that the shipped classifier was trained on


@torch.no_grad()
def classifier_features(images: Float[Tensor, "n 3 32 32"], *, allow_light: bool = False) -> Float[Tensor, "n 48"]:
    """What the trunk of the shipped classifier makes of each picture, mean over its places: what, but not where.

    Raises:
        ValueError: as for `check_pictures`, of 32 pixels a side.

    Example:
        >>> classifier_features(-torch.ones(2, 3, 32, 32)).shape
        torch.Size([2, 48])
    """
    check_pictures(images, READ_SIDE, allow_light)
    return in_batches(shipped_classifier().trunk, images, of=500)


def coarse_pixels(
    images: Float[Tensor, "n c h w"], side: int = 4, *, allow_light: bool = False
) -> Float[Tensor, "n d"]:
    """Each picture shrunk to `side` by `side` pixels, as one row: where it is light and coloured, and no network.

    Raises:
        ValueError: as for `check_pictures`.

    Example:
        >>> coarse_pixels(-torch.ones(2, 3, 32, 32)).shape
        torch.Size([2, 48])
    """
    check_pictures(images, allow_light=allow_light)
    return rearrange(adaptive_avg_pool2d(images, side), "n c h w -> n (c h w)")


def check_pictures(images: Tensor, side: int | None = None, allow_light: bool = False) -> None:
    """Refuse what is no batch of pictures in [-1, 1].

    A batch of which no pixel is below 0 is refused, too: so look pictures in [0, 1], and a metric of them is a number
    that means nothing.

    Args:
        images: N pictures.
        side: of colour pictures that must be so many pixels high and wide; without it any size is allowed.
        allow_light: whether all pixels may be 0 or more, as a network that has hardly trained may well draw them.

    Raises:
        ValueError: no picture, another size, or pixels that are not in [-1, 1]; the message says what it got.
    """
    if images.ndim != 4 or not images.numel():
        raise ValueError(f"expected pictures (N, C, H, W), at least one; got {tuple(images.shape)}")
    if side and images.shape[1:] != (3, side, side):
        remedy = f"resize them, `preprocess.image.resize(images, {side})`"
        raise ValueError(f"expected pictures (N, 3, {side}, {side}); got {tuple(images.shape)}: {remedy}")
    if not images.is_floating_point():
        raise ValueError(f"expected floats in [-1, 1]; got {images.dtype}: `to_tensor` and `normalise` make them")
    low, high = images.min().item(), images.max().item()
    if not (low >= -1.001 and high <= 1.001):  # a NaN fails both
        raise ValueError(f"expected pixels in [-1, 1]; got {low:.3g} to {high:.3g}: rescale them, or clamp(-1, 1)")
    if low >= 0 and not allow_light:
        remedy = "of pictures in [0, 1] give `normalise(images)`, which is 2 * images - 1"
        remedy += "; light ones in [-1, 1] need allow_light=True"
        raise ValueError(f"expected pixels in [-1, 1], some below 0; got {low:.3g} to {high:.3g}: {remedy}")


@cache
def shipped_classifier() -> SceneClassifier:
    """The shipped classifier, loaded once; do not train it."""
    return load_classifier().requires_grad_(False)
