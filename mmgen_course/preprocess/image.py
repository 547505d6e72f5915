"""A picture of bytes goes in; a float tensor (..., C, H, W) in [-1, 1] comes out, scaled, cropped, mirrored.

Derived in lesson 01_images.
"""

from collections.abc import Sequence

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from mmgen_course.preprocess.image import aliasing_error, center_crop, crop, lowpass, random_crop, resize, resize_matrix
from mmgen_course.preprocess.text import mirror_words

__all__ = [
    "aliasing_error", "center_crop", "crop", "denormalise", "flip", "flip_image", "lowpass", "normalise",
    "random_crop", "resize", "resize_matrix", "to_image", "to_tensor",
]  # fmt: skip


def to_tensor(image: Image.Image | np.ndarray | Tensor) -> Float[Tensor, "c h w"]:
    """Turn a picture of bytes into a float32 tensor (C, H, W) in [0, 1], C = 3 or 1; `to_image` undoes it.

    It takes a PIL image of mode RGB or L, or an array or tensor (H, W, 3) or (H, W) of uint8 in [0, 255].

    Raises:
        ValueError: another mode, dtype or shape.

    Source: `torchvision.transforms.v2.functional.to_dtype(..., scale=True)`, equal up to the last bit.

    Example:
        >>> to_tensor(np.array([[0, 51, 255]], dtype=np.uint8))
        tensor([[[0.0000, 0.2000, 1.0000]]])
    """
    if isinstance(image, Image.Image) and image.mode not in ("RGB", "L"):
        raise ValueError(f"expected mode RGB or L, got {image.mode}: call image.convert('RGB') first")
    pixels = image if isinstance(image, Tensor) else np.array(image)
    if str(pixels.dtype).removeprefix("torch.") != "uint8":
        raise ValueError(f"expected uint8 in [0, 255], got {pixels.dtype}: convert the values first")
    if 0 in pixels.shape or not (pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)):
        raise ValueError(f"expected (H, W, 3) or (H, W), got {tuple(pixels.shape)}: put the channels last")
    return rearrange(torch.as_tensor(pixels), "h w ... -> (...) h w") / 255


def to_image(tensor: Float[Tensor, "c h w"]) -> np.ndarray:
    """Turn a tensor (C, H, W) in [0, 1] into a uint8 array (H, W, 3), or (H, W) where C is 1.

    Each value goes to the nearest of 256 levels, so `to_image(to_tensor(x))` is `x`, byte for byte.

    Raises:
        ValueError: C is neither 3 nor 1, or a value lies outside [0, 1].

    Example:
        >>> to_image(torch.tensor([[[0.0, 0.2, 1.0]]])).tolist()
        [[0, 51, 255]]
    """
    if tensor.shape[0] not in (1, 3):
        raise ValueError(f"expected 3 channels or 1, got {tuple(tensor.shape)}: the layout is (C, H, W)")
    if not bool(((tensor >= 0) & (tensor <= 1)).all()):  # NaN is outside, too
        low, high = tensor.min().item(), tensor.max().item()
        raise ValueError(f"expected values in [0, 1], got [{low:.3g}, {high:.3g}]: denormalise or clamp first")
    levels = (255 * tensor).round().to(torch.uint8).cpu()
    return rearrange(levels, "c h w -> h w c").numpy() if len(levels) == 3 else levels[0].numpy()


def normalise(
    image: Float[Tensor, "*batch c h w"],
    mean: float | Sequence[float] = 0.5,
    std: float | Sequence[float] = 0.5,
) -> Float[Tensor, "*batch c h w"]:
    """Shift and scale each channel, (image - mean) / std; by default from [0, 1] to [-1, 1].

    `mean` and `std` are one number, or one for each channel.

    Raises:
        ValueError: a std is not positive, or there are neither one nor C numbers.

    Source: `torchvision.transforms.v2.functional.normalize`, which this equals.

    Example:
        >>> normalise(torch.tensor([[[0.0, 0.5, 1.0]]]))
        tensor([[[-1.,  0.,  1.]]])
    """
    return (image - _per_channel(mean, image)) / _positive(_per_channel(std, image))


def denormalise(
    image: Float[Tensor, "*batch c h w"],
    mean: float | Sequence[float] = 0.5,
    std: float | Sequence[float] = 0.5,
) -> Float[Tensor, "*batch c h w"]:
    """Undo `normalise` of the same mean and std, image * std + mean; by default from [-1, 1] to [0, 1].

    It is exact up to the rounding of floats, and so exact in bytes: `to_image` of it gives the first picture.

    Raises:
        ValueError: a std is not positive, or there are neither one nor C numbers.

    Example:
        >>> denormalise(torch.tensor([[[-1.0, 0.0, 1.0]]]))
        tensor([[[0.0000, 0.5000, 1.0000]]])
    """
    return image * _positive(_per_channel(std, image)) + _per_channel(mean, image)


def flip_image(image: Float[Tensor, "*batch c h w"]) -> Float[Tensor, "*batch c h w"]:
    """Mirror an image left to right; its own inverse. With a caption, call `flip`.

    Example:
        >>> flip_image(torch.tensor([[[1.0, 2.0, 3.0]]]))
        tensor([[[3., 2., 1.]]])
    """
    return image.flip(-1)


def flip(image: Float[Tensor, "*batch c h w"], caption: str) -> tuple[Float[Tensor, "*batch c h w"], str]:
    """Mirror an image left to right and exchange left and right in its caption, so that it stays true.

    It is its own inverse; for the caption as far as `text.mirror_words` says.

    Example:
        >>> flip(torch.tensor([[[1.0, 0.0]]]), "a white dot on the left")
        (tensor([[[0., 1.]]]), 'a white dot on the right')
    """
    return flip_image(image), mirror_words(caption)


def _per_channel(values: float | Sequence[float], image: Tensor) -> Tensor:
    numbers = torch.as_tensor(values, dtype=image.dtype, device=image.device)
    if numbers.ndim and len(numbers) != image.shape[-3]:
        raise ValueError(f"{len(numbers)} values for {image.shape[-3]} channels: give one number, or one for each")
    return numbers.reshape(-1, 1, 1)


def _positive(std: Tensor) -> Tensor:
    if not bool((std > 0).all()):
        raise ValueError(f"expected std > 0, got {std.flatten().tolist()}: use 1.0 for no scaling")
    return std
