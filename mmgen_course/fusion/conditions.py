"""A map of image regions and the words of a caption go in; a map that knows of both comes out, in four ways.

Derived and compared in lesson 06_shared_space. Concatenation, FiLM and convolution see the caption as one vector;
cross-attention lets each region look at each word. `Matcher` puts a classifier behind one of them: is the caption true?
"""

from collections.abc import Callable
from math import isqrt

import torch
from einops import rearrange, reduce, repeat
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from mmgen_course.fusion.attention import MultiHeadAttention
from mmgen_course.layers import masked_mean

Regions = Float[Tensor, "n r c"]
Words = Float[Tensor, "n t d"]
Mask = Bool[Tensor, "n t"]
Fused = Float[Tensor, "n r w"]


def concat(regions: Regions, text: Float[Tensor, "n d"]) -> Float[Tensor, "n r c_plus_d"]:
    """The caption's vector written behind each region's: [h_r; t].

    Example:
        >>> concat(torch.zeros(1, 2, 1), torch.ones(1, 1)).tolist()
        [[[0.0, 1.0], [0.0, 1.0]]]
    """
    return torch.cat([regions, repeat(text, "n d -> n r d", r=regions.shape[1])], dim=-1)


def film(regions: Regions, gamma: Float[Tensor, "n c"], beta: Float[Tensor, "n c"]) -> Regions:
    """Each channel scaled and shifted as the caption wants, the same in all regions: gamma * h_r + beta.

    Source: E. Perez et al., "FiLM: Visual Reasoning with a General Conditioning Layer", AAAI 2018, arXiv 1709.07871,
    equation 2.

    Example:
        >>> film(torch.tensor([[[1.0], [2.0]]]), torch.tensor([[10.0]]), torch.tensor([[3.0]])).flatten()
        tensor([13., 23.])
    """
    return gamma[:, None] * regions + beta[:, None]


def text_convolution(maps: Float[Tensor, "n c h w"], kernels: Float[Tensor, "n c k k"]) -> Float[Tensor, "n c h w"]:
    """Each channel of each map cross-correlated with a kernel of its own, which the caption has written.

    The border is padded with zeros, so that the map keeps its size. Kernels of size 1 are FiLM without a shift; larger
    ones see what lies beside, above and below.

    Raises:
        ValueError: the kernel's size is even: it has no middle.

    Source: X. Jia, B. De Brabandere et al., "Dynamic Filter Networks", NIPS 2016, arXiv 1605.09673; here by channels.

    Example:
        >>> to_the_left = torch.tensor([[[[0.0, 0, 0], [0, 0, 1], [0, 0, 0]]]])  # takes from the right
        >>> text_convolution(torch.tensor([[[[1.0, 2.0, 3.0]]]]), to_the_left).flatten()
        tensor([2., 3., 0.])
    """
    n, c, k, _ = kernels.shape
    if k % 2 == 0:
        raise ValueError(f"expected kernels of odd size, with a middle; got {k} x {k}")
    # one group a channel of an image: y_p = sum over u of K_u h_(p + u)
    flat = rearrange(maps, "n c h w -> 1 (n c) h w")
    mixed = F.conv2d(flat, rearrange(kernels, "n c a b -> (n c) 1 a b"), padding=k // 2, groups=n * c)
    return rearrange(mixed, "1 (n c) h w -> n c h w", n=n)


class Concat(nn.Module):
    """y_r = W [h_r; t] + b: the caption adds the same vector to all regions.

    Example:
        >>> Concat(48, 64, width=32)(torch.zeros(2, 16, 48), torch.zeros(2, 5, 64), torch.ones(2, 5).bool()).shape
        torch.Size([2, 16, 32])
    """

    def __init__(self, regions: int, words: int, width: int) -> None:
        super().__init__()
        self.mix = nn.Linear(regions + words, width)

    def forward(self, regions: Regions, words: Words, mask: Mask) -> Fused:
        """(N, R, C) regions and (N, T, D) words -> (N, R, W)."""
        return self.mix(concat(regions, masked_mean(words, mask)))


class FiLM(nn.Module):
    """y_r = gamma(t) * (W h_r) + beta(t): the caption turns channels up, down and over.

    Example:
        >>> FiLM(48, 64, width=32)(torch.zeros(2, 16, 48), torch.zeros(2, 5, 64), torch.ones(2, 5).bool()).shape
        torch.Size([2, 16, 32])
    """

    def __init__(self, regions: int, words: int, width: int) -> None:
        super().__init__()
        self.mix = nn.Linear(regions, width, bias=False)
        self.gamma, self.beta = nn.Linear(words, width), nn.Linear(words, width)

    def forward(self, regions: Regions, words: Words, mask: Mask) -> Fused:
        """(N, R, C) regions and (N, T, D) words -> (N, R, W)."""
        t = masked_mean(words, mask)
        return film(self.mix(regions), self.gamma(t), self.beta(t))


class TextConvolution(nn.Module):
    """y_p = sum over u of K_u(t) * (W h_(p + u)) + b: the caption writes a 3 x 3 kernel for each channel.

    The regions are taken for a square, row by row.

    Example:
        >>> fusion = TextConvolution(48, 64, width=32)
        >>> fusion(torch.zeros(2, 16, 48), torch.zeros(2, 5, 64), torch.ones(2, 5).bool()).shape
        torch.Size([2, 16, 32])
    """

    def __init__(self, regions: int, words: int, width: int) -> None:
        super().__init__()
        self.mix = nn.Linear(regions, width, bias=False)
        self.kernels = nn.Linear(words, 9 * width)
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, regions: Regions, words: Words, mask: Mask) -> Fused:
        """(N, R, C) regions and (N, T, D) words -> (N, R, W)."""
        kernels = rearrange(self.kernels(masked_mean(words, mask)), "n (c a b) -> n c a b", a=3, b=3)
        maps = rearrange(self.mix(regions), "n (h w) c -> n c h w", h=isqrt(regions.shape[1]))
        return rearrange(text_convolution(maps, kernels), "n c h w -> n (h w) c") + self.bias


class CrossAttention(nn.Module):
    """y_r = W h_r + sum over words s of A_rs v_s: each region is a query to the words, and the output is added.

    Example:
        >>> fusion = CrossAttention(48, 64, width=32)
        >>> fusion(torch.zeros(2, 16, 48), torch.zeros(2, 5, 64), torch.ones(2, 5).bool()).shape
        torch.Size([2, 16, 32])
    """

    def __init__(self, regions: int, words: int, width: int, heads: int = 4) -> None:
        super().__init__()
        self.mix = nn.Linear(regions, width, bias=False)
        self.attention = MultiHeadAttention(width, words, heads)

    def forward(self, regions: Regions, words: Words, mask: Mask) -> Fused:
        """(N, R, C) regions and (N, T, D) words -> (N, R, W)."""
        h = self.mix(regions)
        output, _ = self.attention(h, words, mask[:, None])
        return h + output


class Matcher(nn.Module):
    """Is the caption true of the picture? Places are added to the regions, words are fused in, a head answers.

    The head is the same whatever the fusion: two linear layers at each region, and between them the mean over regions.

    Args:
        fuse: one of the four classes above.
        regions: (R, C), how many regions and how many components each.
        words: D, the components of a word.
        width: W, of the fused map and of the head; it decides the number of parameters.

    Example:
        >>> matcher = Matcher(FiLM, regions=(16, 48), words=64, width=32)
        >>> matcher(torch.zeros(2, 16, 48), torch.zeros(2, 5, 64), torch.ones(2, 5).bool()).shape
        torch.Size([2])
    """

    def __init__(
        self, fuse: Callable[[int, int, int], nn.Module], regions: tuple[int, int], words: int, width: int
    ) -> None:
        super().__init__()
        self.places = nn.Parameter(torch.randn(regions) / 2)
        self.fuse = fuse(regions[1], words, width)
        self.head, self.logit = nn.Linear(width, width), nn.Linear(width, 1)

    def forward(self, regions: Regions, words: Words, mask: Mask) -> Float[Tensor, " n"]:
        """A logit for each of N pairs of a picture (N, R, C) and a caption (N, T, D): above 0 means true."""
        fused = self.fuse(regions + self.places, words, mask).relu()  # (N, R, W)
        hidden = self.head(fused).relu()  # (N, R, W)
        return self.logit(reduce(hidden, "n r w -> n w", "mean")).squeeze(-1)


def text_share(true: Float[Tensor, " n"], false: Float[Tensor, " n"]) -> float:
    """The share of an output's variance that the picture leaves open: 0 if the caption changes nothing, at most 1.

    Args:
        true: z_i+, the output for picture i with its true caption.
        false: z_i-, with the false one.

    Raises:
        ValueError: all outputs are equal: there is no variance to share.

    Source: the law of total variance, Var z = E[Var(z | x)] + Var E[z | x].

    Example:
        >>> text_share(torch.tensor([1.0, 1.0]), torch.tensor([0.0, 0.0])), text_share(*[torch.tensor([0.0, 1.0])] * 2)
        (1.0, 0.0)
    """
    z = torch.stack([true, false]).double()
    if (total := z.var(unbiased=False)) == 0:
        raise ValueError(f"all {z.numel()} outputs are {z[0, 0].item()}: they have no variance to share")
    # T = E[Var(z | x)] / Var(z), where Var(z | x_i) = (z_i+ - z_i-)^2 / 4
    return (z.var(dim=0, unbiased=False).mean() / total).item()
