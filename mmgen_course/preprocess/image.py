"""Pictures as tensors: bytes to floats (..., C, H, W) in [-1, 1] and back, scaled, resized, cropped, mirrored.

Derived in lesson 01_images.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from mmgen_course.preprocess.text import mirror_words

Size = int | tuple[int, int]


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
        ValueError: C is neither 3 nor 1, a value lies outside [0, 1], or they are no floats.

    Example:
        >>> to_image(torch.tensor([[[0.0, 0.2, 1.0]]])).tolist()
        [[0, 51, 255]]
    """
    _require_floats(tensor)
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
        ValueError: a std is not positive, there are neither one nor C numbers, or the image is of whole numbers.

    Source: `torchvision.transforms.v2.functional.normalize`, which this equals.

    Example:
        >>> normalise(torch.tensor([[[0.0, 0.5, 1.0]]]))
        tensor([[[-1.,  0.,  1.]]])
    """
    _require_floats(image)
    return (image - _per_channel(mean, image)) / _positive(_per_channel(std, image))


def denormalise(
    image: Float[Tensor, "*batch c h w"],
    mean: float | Sequence[float] = 0.5,
    std: float | Sequence[float] = 0.5,
) -> Float[Tensor, "*batch c h w"]:
    """Undo `normalise` of the same mean and std, image * std + mean; by default from [-1, 1] to [0, 1].

    It is exact up to the rounding of floats, and so exact in bytes: `to_image` of it gives the first picture.

    Raises:
        ValueError: a std is not positive, there are neither one nor C numbers, or the image is of whole numbers.

    Example:
        >>> denormalise(torch.tensor([[[-1.0, 0.0, 1.0]]]))
        tensor([[[0.0000, 0.5000, 1.0000]]])
    """
    _require_floats(image)
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


def resize_matrix(n_in: int, n_out: int, antialias: bool) -> Float[Tensor, "n_out n_in"]:
    """Weights (n_out, n_in), float64, that take a line of n_in pixels to n_out; rows are >= 0 and sum to 1.

    Output pixel i looks at the place (i + 1/2) n_in / n_out of the line and weighs the pixels there by a
    triangle. It reaches one input pixel to each side or, with `antialias`, one output pixel if that is wider.

    Raises:
        ValueError: n_in or n_out is below 1.

    Source: the "bilinear" of `torch.nn.functional.interpolate(..., antialias=antialias)`.

    Example:
        >>> resize_matrix(4, 2, antialias=True) * 7
        tensor([[3., 3., 1., 0.],
                [0., 1., 3., 3.]], dtype=torch.float64)
    """
    if n_in < 1 or n_out < 1:
        raise ValueError(f"expected at least one pixel, got {n_in} -> {n_out}")
    scale = n_in / n_out
    reach = max(scale, 1.0) if antialias else 1.0
    centres = (torch.arange(n_out, dtype=torch.float64) + 0.5) * scale
    pixels = torch.arange(n_in, dtype=torch.float64) + 0.5
    # w_ij = max(0, 1 - |pixel_j - centre_i| / reach)
    weights = (1 - (pixels - centres[:, None]).abs() / reach).clamp(min=0)
    return weights / weights.sum(dim=1, keepdim=True)  # at the border a part of the triangle is cut off


def resize(
    image: Float[Tensor, "*batch c h w"], size: Size, antialias: bool = True
) -> Float[Tensor, "*batch c new_h new_w"]:
    """Sample an image anew on a grid of `size`: one matrix for the rows, one for the columns.

    `size` is (height, width), or one number for the shorter side; the longer one then keeps the aspect,
    rounded down. Each new value is a weighted mean of old ones, so the range stays.

    Raises:
        ValueError: a side would have less than one pixel, or the image is of whole numbers.

    Source: `torchvision.transforms.v2.functional.resize`, bilinear, which this equals up to rounding. (With
    antialias, torch 2.15 fills a result of one column with copies of its first row; this does not.)

    Example:
        >>> resize(torch.rand(2, 3, 48, 64), 24).shape
        torch.Size([2, 3, 24, 32])
    """
    _require_floats(image)
    height, width = _height_width(image, size)
    rows = resize_matrix(image.shape[-2], height, antialias).to(image)
    columns = resize_matrix(image.shape[-1], width, antialias).to(image)
    return rows @ image @ columns.mT


def lowpass(image: Float[Tensor, "*batch c h w"], size: Size) -> Float[Tensor, "*batch c h w"]:
    """Keep the part of an image, at its own size, that a grid of `size` can hold; where no side shrinks, all.

    The image is a sum of cosine waves (its discrete cosine transform); h rows can tell the h slowest apart.
    The sharp cut overshoots at edges, so the range may grow a little. `size` is as in `resize`.

    Raises:
        ValueError: a side of `size` has less than one pixel, or the image is of whole numbers.

    Source: Ahmed, Natarajan and Rao, "Discrete Cosine Transform" (1974), IEEE Transactions on Computers C-23.

    Example:
        >>> stripes = torch.tensor([0.0, 1.0]).repeat(1, 8, 4)  # the finest there are: 8 pixels, 4 periods
        >>> lowpass(stripes, (8, 1)).unique()
        tensor([0.5000])
    """
    _require_floats(image)
    height, width = _height_width(image, size)
    rows = _cosines(image.shape[-2], height).to(image)
    columns = _cosines(image.shape[-1], width).to(image)
    return rows.mT @ (rows @ image @ columns.mT) @ columns


def aliasing_error(image: Float[Tensor, "*batch c h w"], size: Size, antialias: bool) -> float:
    """Measure the false detail in `resize(image, size, antialias)`, a root mean square in the image's unit.

    detail = image - lowpass(image, size) is what the small grid cannot hold. Resizing is linear, so the small
    picture is resize(lowpass) + resize(detail), and the second term should be 0: what is left of it poses as
    slower waves. The mean is over all pixels, channels and images. 0 if no side shrinks or there is no such
    detail, at most the largest |detail|; for an image in [0, 1], 0.05 is 5 % of the way from black to white.

    Raises:
        ValueError: a side of `size` has less than one pixel, or the image is of whole numbers.

    Source: our own; why it matters: Parmar, Zhang and Zhu, "On Aliased Resizing" (2022), arXiv 2104.11222.

    Example:
        >>> stripes = torch.tensor([0.0, 1.0]).repeat(1, 30, 15)
        >>> [round(aliasing_error(stripes, 10, antialias), 2) for antialias in (False, True)]
        [0.54, 0.07]
    """
    detail = image - lowpass(image, size)
    return resize(detail, size, antialias).square().mean().sqrt().item()


def crop(
    image: Float[Tensor, "*batch c h w"], top: int, left: int, height: int, width: int
) -> Float[Tensor, "*batch c {height} {width}"]:
    """Cut out `height` rows from row `top` on and `width` columns from column `left` on, counted from 0.

    Raises:
        ValueError: the window has no pixel, or does not lie inside the image.

    Example:
        >>> crop(torch.arange(12.0).reshape(1, 3, 4), top=1, left=2, height=2, width=2)
        tensor([[[ 6.,  7.],
                 [10., 11.]]])
    """
    *_, rows, columns = _window(image, (height, width))
    if not (0 <= top <= rows and 0 <= left <= columns):
        raise ValueError(f"expected top in 0..{rows} and left in 0..{columns}, got {top} and {left}")
    return image[..., top : top + height, left : left + width]


def center_crop(image: Float[Tensor, "*batch c h w"], size: Size) -> Float[Tensor, "*batch c new_h new_w"]:
    """Cut out the middle; `size` is (height, width) or one number for a square.

    An offset that ends in one half is rounded to the even number.

    Raises:
        ValueError: the window has no pixel or does not fit.

    Source: `torchvision.transforms.v2.functional.center_crop`, which this equals wherever the window fits.

    Example:
        >>> center_crop(torch.arange(5.0).reshape(1, 1, 5), (1, 3))
        tensor([[[1., 2., 3.]]])
    """
    height, width, rows, columns = _window(image, size)
    return crop(image, round(rows / 2), round(columns / 2), height, width)


def random_crop(
    image: Float[Tensor, "*batch c h w"], size: Size, generator: torch.Generator
) -> Float[Tensor, "*batch c new_h new_w"]:
    """Cut out a window of `size`, as in `center_crop`; each place is equally likely, one for a whole batch.

    Raises:
        ValueError: the window has no pixel or does not fit.

    Example:
        >>> random_crop(torch.rand(3, 40, 60), 32, torch.Generator().manual_seed(0)).shape
        torch.Size([3, 32, 32])
    """
    height, width, *spare = _window(image, size)
    top, left = (int(torch.randint(n + 1, (), generator=generator)) for n in spare)
    return crop(image, top, left, height, width)


def _require_floats(image: Tensor) -> None:
    """Whole numbers would wrap around, or become 0."""
    if not image.is_floating_point():
        raise ValueError(f"expected floats, got {image.dtype}: of bytes `to_tensor` makes floats in [0, 1]")


def _per_channel(values: float | Sequence[float], image: Tensor) -> Tensor:
    numbers = torch.as_tensor(values, dtype=image.dtype, device=image.device)
    if numbers.ndim and len(numbers) != image.shape[-3]:
        raise ValueError(f"{len(numbers)} values for {image.shape[-3]} channels: give one number, or one for each")
    return numbers.reshape(-1, 1, 1)


def _positive(std: Tensor) -> Tensor:
    if not bool((std > 0).all()):
        raise ValueError(f"expected std > 0, got {std.flatten().tolist()}: use 1.0 for no scaling")
    return std


def _height_width(image: Tensor, size: Size) -> tuple[int, int]:
    height, width = image.shape[-2:]
    if isinstance(size, int):
        short = min(height, width)
        size = (size * height // short, size * width // short)
    if min(size) < 1:
        raise ValueError(f"expected at least 1x1 pixels, got size {size}")
    return size


def _cosines(n: int, n_kept: int) -> Float[Tensor, "kept n"]:
    """The slowest min(n, n_kept) of the n cosine waves on n pixels, as orthonormal rows."""
    pixel = torch.arange(n, dtype=torch.float64) + 0.5
    k = torch.arange(min(n, n_kept), dtype=torch.float64)[:, None]
    # c_k(j) = sqrt(2 / n) cos(pi k (j + 1/2) / n), and sqrt(1 / n) for k = 0
    waves = math.sqrt(2 / n) * torch.cos(math.pi * k * pixel / n)
    waves[0] /= math.sqrt(2)
    return waves


def _window(image: Tensor, size: Size) -> tuple[int, int, int, int]:
    """Height and width of a crop, and how many rows and columns it leaves over."""
    height, width = (size, size) if isinstance(size, int) else size
    rows, columns = image.shape[-2:]
    if not (1 <= height <= rows and 1 <= width <= columns):
        raise ValueError(f"a crop of {height}x{width} does not fit an image of {rows}x{columns}: resize first")
    return height, width, rows - height, columns - width
