"""A tensor (..., C, H, W) goes in; the same picture on another grid comes out, or a part of it.

Derived in lesson 01_images, which takes these functions from `preprocess.image`.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

Size = int | tuple[int, int]


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
        ValueError: a side would have less than one pixel.

    Source: `torchvision.transforms.v2.functional.resize`, bilinear, which this equals up to rounding. (With
    antialias, torch 2.15 fills a result of one column with copies of its first row; this does not.)

    Example:
        >>> resize(torch.rand(2, 3, 48, 64), 24).shape
        torch.Size([2, 3, 24, 32])
    """
    height, width = _height_width(image, size)
    rows = resize_matrix(image.shape[-2], height, antialias).to(image)
    columns = resize_matrix(image.shape[-1], width, antialias).to(image)
    return rows @ image @ columns.mT


def lowpass(image: Float[Tensor, "*batch c h w"], size: Size) -> Float[Tensor, "*batch c h w"]:
    """Keep the part of an image, at its own size, that a grid of `size` can hold; where no side shrinks, all.

    The image is a sum of cosine waves (its discrete cosine transform); h rows can tell the h slowest apart.
    The sharp cut overshoots at edges, so the range may grow a little. `size` is as in `resize`.

    Raises:
        ValueError: a side of `size` has less than one pixel.

    Source: Ahmed, Natarajan and Rao, "Discrete Cosine Transform" (1974), IEEE Transactions on Computers C-23.

    Example:
        >>> stripes = torch.tensor([0.0, 1.0]).repeat(1, 8, 4)  # the finest there are: 8 pixels, 4 periods
        >>> lowpass(stripes, (8, 1)).unique()
        tensor([0.5000])
    """
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
        ValueError: a side of `size` has less than one pixel.

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
