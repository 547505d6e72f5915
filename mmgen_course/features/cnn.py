"""A batch of images (N, C, H, W) goes in; feature maps, or one vector of features an image, come out.

Derived in lesson 03_cnn_features: convolution as a sum, as a matrix, then as a layer of a small residual network.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from einops import rearrange, reduce
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import pad

Pair = int | tuple[int, int]


def output_size(n: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """Count the places at which a window of `kernel` pixels, `dilation` apart, fits on a line of n pixels.

    Raises:
        ValueError: kernel, stride or dilation is below 1, padding below 0, or the window does not fit even once.

    Source: Dumoulin and Visin, "A guide to convolution arithmetic for deep learning" (2016), arXiv 1603.07285.

    Example:
        >>> output_size(32, kernel=3, stride=2, padding=1)
        16
    """
    if min(kernel, stride, dilation) < 1 or padding < 0:
        got = f"{kernel=}, {stride=}, {dilation=}, {padding=}"
        raise ValueError(f"expected a padding of at least 0, the others of at least 1, got {got}")
    reach = dilation * (kernel - 1) + 1
    if reach > n + 2 * padding:
        raise ValueError(f"a window of {reach} pixels does not fit {n} pixels and a padding of {padding} at each end")
    # n_out = floor((n + 2 p - d (k - 1) - 1) / s) + 1
    return (n + 2 * padding - reach) // stride + 1


def conv2d(
    x: Float[Tensor, "*batch c h w"],
    weight: Float[Tensor, "k c_in kernel_h kernel_w"],
    bias: Float[Tensor, " c_out"] | None = None,
    stride: Pair = 1,
    padding: Pair = 0,
    dilation: Pair = 1,
) -> Float[Tensor, "*batch k h_out w_out"]:
    """Slide a kernel over an image without turning it round (cross-correlation): one weighted sum at each place.

    The images have C channels of any range, and so has each of the K kernels; `bias` is K numbers or None. From
    place to place it is `stride` pixels, from weight to weight `dilation`, and `padding` zeros surround the image:
    each is one number or (vertical, horizontal).

    Raises:
        ValueError: channels of image, kernel and bias do not agree, or see `output_size`.

    Source: `torch.nn.functional.conv2d` with groups=1, which this equals in value and gradient.

    Example:
        >>> step = torch.tensor([[0.0, 0.0, 1.0, 1.0]]).reshape(1, 1, 1, 4)
        >>> conv2d(step, torch.tensor([[[[-1.0, 1.0]]]]))
        tensor([[[[0., 1., 0.]]]])
    """
    shapes = f"images {tuple(x.shape)} and kernels {tuple(weight.shape)}"
    if x.shape[-3] != weight.shape[1]:
        raise ValueError(f"{shapes} differ in channels: {x.shape[-3]} and {weight.shape[1]}")
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"{shapes} need a bias of shape ({weight.shape[0]},), got {tuple(bias.shape)}")
    axes = list(zip(x.shape[-2:], weight.shape[2:], *map(_pair, (stride, padding, dilation)), strict=True))
    for axis in axes:
        output_size(*axis)  # refuses what does not fit

    p_h, p_w = _pair(padding)
    windows = pad(x, (p_w, p_w, p_h, p_h))
    for _, kernel, step, _, gap in axes:  # unfold replaces an axis by its windows, and adds their pixels at the end
        windows = windows.unfold(-2, gap * (kernel - 1) + 1, step)[..., ::gap]  # at last (..., C, i, j, u, v)
    # y_kij = b_k + sum_cuv w_kcuv x_c,(i s + u d),(j s + v d)
    y = torch.einsum("...cijuv,kcuv->...kij", windows, weight)
    return y if bias is None else y + rearrange(bias, "k -> k 1 1")


def conv_matrix(
    weight: Float[Tensor, "k c kernel_h kernel_w"], size: Pair, stride: Pair = 1, padding: Pair = 0, dilation: Pair = 1
) -> Float[Tensor, "outputs inputs"]:
    """Unroll a kernel to the matrix W of y = W x + b: (K * H_out * W_out, C * H * W), for images of `size` (H, W).

    Each row holds the kernel's weights once, at the pixels that its output looks at, and zeros elsewhere; weights
    that fall on padding are left out. So W is far larger than the kernel, and almost all of it is 0 or a repeat.

    Raises:
        ValueError: see `output_size`.

    Source: Dumoulin and Visin (2016), arXiv 1603.07285, section 4.1; its transpose is `conv_transpose2d`.

    Example:
        >>> conv_matrix(torch.tensor([[[[-1.0, 1.0]]]]), size=(1, 4))
        tensor([[-1.,  1.,  0.,  0.],
                [ 0., -1.,  1.,  0.],
                [ 0.,  0., -1.,  1.]])
    """
    axes = zip(_pair(size), weight.shape[2:], *map(_pair, (stride, padding, dilation)), strict=True)
    rows, columns = (_selection(*axis).to(weight) for axis in axes)
    # W_kij,chw = sum_uv w_kcuv [h = i s + u d - p] [w = j s + v d - p]
    matrix = torch.einsum("kcuv,iuh,jvw->kijchw", weight, rows, columns)
    return rearrange(matrix, "k i j c h w -> (k i j) (c h w)")


class Window(NamedTuple):
    """How a layer looks at the one below, in its pixels: a convolution or a pooling, along one axis."""

    kernel: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1


class ReceptiveField(NamedTuple):
    """Output i depends on the `size` input pixels from `start + i * jump` on; `start` < 0 where padding counts."""

    size: int
    jump: int
    start: int


def receptive_field(layers: Iterable[Window]) -> ReceptiveField:
    """Compute which input pixels an output can depend on, layer by layer from the image upwards.

    Source: Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional Neural Networks" (2019), Distill.

    Example:
        >>> receptive_field([Window(3, stride=2, padding=1), Window(3, padding=1)])
        ReceptiveField(size=7, jump=2, start=-3)
    """
    size, jump, start = 1, 1, 0
    for kernel, stride, padding, dilation in layers:
        size += (kernel - 1) * dilation * jump
        start -= padding * jump
        jump *= stride
    return ReceptiveField(size, jump, start)


def measured_receptive_field(network: nn.Module, size: tuple[int, int, int]) -> ReceptiveField:
    """Measure along the vertical axis which pixels move the two middle rows of outputs: d output / d input != 0.

    The network maps (N, C, H, W) to (N, K, H_out, W_out). It is measured in evaluation mode, on eight noise
    images of `size` (C, H, W), since a relu or a maximum hides a pixel in one image but hardly in all. Only the
    first and the last pixel count, so holes between dilated weights belong to the field. A weight of 0 hides what
    it multiplies: the branches of new `Residual` blocks are not heard.

    Raises:
        ValueError: the images are so small that the field meets a border, or that the output has a single row.

    Source: Luo, Li, Urtasun and Zemel (2016), arXiv 1701.04128, where the gradient's size is kept as well.

    Example:
        >>> measured_receptive_field(nn.Conv2d(1, 1, kernel_size=3, stride=2, padding=1), size=(1, 9, 9))
        ReceptiveField(size=3, jump=2, start=-1)
    """
    noise = torch.randn(8, *size, generator=torch.Generator().manual_seed(0))
    images = noise.to(next(network.parameters(), noise)).requires_grad_()
    training = network.training
    output = network.eval()(images)
    network.train(training)
    middle = output.shape[-2] // 2
    if middle == 0:
        raise ValueError(f"two rows of outputs are compared; images of {size} give outputs {tuple(output.shape)}")
    spans = []
    for row in (middle - 1, middle):
        heard = output[..., row, :].square().sum()  # squares, so that channels cannot cancel
        (gradient,) = torch.autograd.grad(heard, images, retain_graph=True)
        pixels = reduce(gradient.abs(), "n c h w -> h", "sum").nonzero().flatten().tolist()
        if not pixels or pixels[0] == 0 or pixels[-1] == size[1] - 1:
            raise ValueError(f"output row {row} depends on rows {pixels} of images {size}: more rows must surround it")
        spans.append((pixels[0], pixels[-1]))
    (first, last), (following, _) = spans
    jump = following - first
    return ReceptiveField(last - first + 1, jump, first - (middle - 1) * jump)


class Residual(nn.Module):
    """Two 3x3 convolutions whose result is added to their input: relu(shortcut(x) + branch(x)).

    (N, C_in, H, W) -> (N, C_out, H / stride, W / stride), rounded up, all >= 0. The shortcut is the identity where
    that fits, else a 1x1 convolution. The branch begins as 0, so that a new block passes on what it gets.

    Source: He, Zhang, Ren and Sun (2015), arXiv 1512.03385, equations 1 and 2; zero start: arXiv 1706.02677, 5.1.

    Example:
        >>> Residual(3, 8, stride=2)(torch.rand(2, 3, 32, 32)).shape
        torch.Size([2, 8, 16, 16])
    """

    def __init__(self, c_in: int, c_out: int, stride: int = 1) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv2d(c_in, c_out, 3, stride, padding=1, bias=False),  # the norm's shift serves as bias
            nn.BatchNorm2d(c_out),
            nn.ReLU(),
            nn.Conv2d(c_out, c_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(c_out),
        )
        nn.init.zeros_(self.branch[-1].weight)  # type: ignore[arg-type]
        self.shortcut = nn.Identity() if (c_in, stride) == (c_out, 1) else nn.Conv2d(c_in, c_out, 1, stride)

    def forward(self, x: Float[Tensor, "n c_in h w"]) -> Float[Tensor, "n c_out h_out w_out"]:
        """Add the branch to the shortcut."""
        return torch.relu(self.shortcut(x) + self.branch(x))


class SmallCNN(nn.Module):
    """A small residual network: images (N, 3, H, W) in [-1, 1] -> features (N, d) >= 0, before any classifier.

    A stem halves the picture, each width is a stage of two blocks, and each stage but the first halves again, e.g.
    32 or 64 pixels to 4 or 8. The last width is d, kept as `dim`.

    Source: a ResNet (He et al., 2015, arXiv 1512.03385) cut down to what a laptop's processor trains in minutes.

    Example:
        >>> network = SmallCNN()
        >>> network(torch.rand(2, 3, 32, 32)).shape, network.maps(torch.rand(2, 3, 64, 64)).shape
        (torch.Size([2, 128]), torch.Size([2, 128, 8, 8]))
    """

    def __init__(self, widths: Sequence[int] = (32, 64, 128)) -> None:
        super().__init__()
        self.dim = widths[-1]
        convolution = nn.Conv2d(3, widths[0], 3, stride=2, padding=1, bias=False)
        self.stem = nn.Sequential(convolution, nn.BatchNorm2d(widths[0]), nn.ReLU())
        stages = zip([widths[0], *widths], widths, [1, *(2 for _ in widths)], strict=False)
        self.stages = nn.Sequential(*(nn.Sequential(Residual(a, b, s), Residual(b, b)) for a, b, s in stages))

    def maps(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n d rows columns"]:
        """Features at each place, (N, d, H / 2 ** stages, W / 2 ** stages), rounded up: what is where."""
        return self.stages(self.stem(images))

    def forward(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n d"]:
        """Features of the whole picture: the mean over places, which forgets where."""
        return reduce(self.maps(images), "n d rows columns -> n d", "mean")


def _pair(value: Pair) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value


def _selection(n: int, kernel: int, stride: int, padding: int, dilation: int) -> Tensor:
    """1 where weight u of output i falls on pixel h, else 0: (n_out, kernel, n); on padding there is no pixel."""
    place = torch.arange(output_size(n, kernel, stride, padding, dilation))
    pixel = place[:, None] * stride + torch.arange(kernel) * dilation - padding
    return pixel[..., None] == torch.arange(n)
