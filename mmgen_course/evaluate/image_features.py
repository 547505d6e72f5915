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


@torch.no_grad()
def classifier_features(images: Float[Tensor, "n 3 32 32"]) -> Float[Tensor, "n 48"]:
    """What the trunk of the shipped classifier makes of each picture, mean over its places: what, but not where.

    Raises:
        ValueError: no picture, or pixels that are not in [-1, 1].

    Example:
        >>> classifier_features(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 48])
    """
    check_pictures(images)
    return in_batches(shipped_classifier().trunk, images, of=500)


def coarse_pixels(images: Float[Tensor, "n c h w"], side: int = 4) -> Float[Tensor, "n d"]:
    """Each picture shrunk to `side` by `side` pixels, as one row: where it is light and coloured, and no network.

    Raises:
        ValueError: no picture, or pixels that are not in [-1, 1].

    Example:
        >>> coarse_pixels(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 48])
    """
    check_pictures(images)
    return rearrange(adaptive_avg_pool2d(images, side), "n c h w -> n (c h w)")


def check_pictures(images: Tensor) -> None:
    """Refuse what is no batch of pictures in [-1, 1].

    Raises:
        ValueError: no picture, or pixels that are not in [-1, 1]; the message says what it got.
    """
    if images.ndim != 4 or not len(images):
        raise ValueError(f"expected pictures (N, C, H, W), at least one; got {tuple(images.shape)}")
    low, high = images.min().item(), images.max().item()
    if not (low >= -1.001 and high <= 1.001):  # a NaN fails both
        raise ValueError(f"expected pixels in [-1, 1]; got {low:.3g} to {high:.3g}: rescale them, or clamp(-1, 1)")


@cache
def shipped_classifier() -> SceneClassifier:
    """The shipped classifier, loaded once; do not train it."""
    return load_classifier().requires_grad_(False)
