"""Layers that several networks share: masked means, whitening, FiLM, palettes, convolutions; and batching."""

from collections.abc import Callable

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F


def masked_mean(words: Float[Tensor, "n t d"], mask: Bool[Tensor, "n t"]) -> Float[Tensor, "n d"]:
    """One vector a caption: the mean over its words, without padding.

    Raises:
        ValueError: a caption without words.

    Example:
        >>> masked_mean(torch.tensor([[[2.0], [4.0], [99.0]]]), torch.tensor([[True, True, False]]))
        tensor([[3.]])
    """
    if not mask.any(dim=1).all():
        raise ValueError(f"{int((~mask.any(dim=1)).sum())} of {len(mask)} captions have no word")
    return words.masked_fill(~mask[..., None], 0).sum(dim=1) / mask.sum(dim=1, keepdim=True)


class Whiten(nn.Module):
    """Shift and turn conditions so that all directions that vary have variance 1 and none goes with another.

    Mean word vectors vary a million times more in some directions than in others, and what a caption says lies in all
    of them. Directions whose variance is below a floor are left small: they would amplify words never seen.

    Example:
        >>> whiten = Whiten(2)
        >>> whiten.measure(torch.tensor([[1.0, 0.0], [3.0, 0.0], [2.0, 10.0], [2.0, -10.0]]), floor=0.0)
        >>> whiten(torch.tensor([[2.0, 10.0]])).abs().sum().round(decimals=2)
        tensor(1.2200)
    """

    mean: Tensor
    matrix: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("matrix", torch.eye(dim))

    def measure(self, conditions: Float[Tensor, "n d"], floor: float = 0.03) -> None:
        """Take mean and directions from a sample; `floor` is added to the variance of each direction."""
        covariance = torch.atleast_2d(conditions.double().T.cov())  # of a single number it is a scalar
        variances, directions = torch.linalg.eigh(covariance)
        self.mean.copy_(conditions.mean(dim=0))
        self.matrix.copy_(directions * (variances + floor).rsqrt())

    def forward(self, condition: Float[Tensor, "*n d"]) -> Float[Tensor, "*n d"]:
        """(condition - mean) @ matrix."""
        return (condition - self.mean) @ self.matrix


class FiLMUpsample(nn.Module):
    """A map (N, a, H, W) becomes (N, b, 2 H, 2 W), scaled and shifted channel by channel as a code wants (FiLM)."""

    def __init__(self, a: int, b: int, code: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(a, b, 3, padding=1)
        self.norm = nn.BatchNorm2d(b, affine=False)  # the code scales and shifts
        self.film = nn.Linear(code, 2 * b)
        self.second = nn.Conv2d(b, b, 3, padding=1)

    def forward(self, maps: Float[Tensor, "n a h w"], code: Float[Tensor, "n code"]) -> Tensor:
        """Enlarge, convolve, modulate, and add a second convolution."""
        maps = self.norm(self.first(F.interpolate(maps, scale_factor=2)))
        gamma, beta = rearrange(self.film(code), "n (two b) -> two n b 1 1", two=2)
        maps = F.silu((1 + gamma) * maps + beta)
        return maps + F.silu(self.second(maps))


def mix_palette(
    scores: Float[Tensor, "n k h w"], colours: Float[Tensor, "n k 3"], enlarged: int = 1
) -> Float[Tensor, "n 3 s t"]:
    """Give each pixel the mean of K colours, weighted by a softmax over its K scores.

    Args:
        scores: of each pixel for each colour.
        colours: in any range; each pixel stays within it.
        enlarged: how many pixels wide a pixel becomes. The scores are enlarged and made as much steeper, not the
            colours: edges stay as sharp, from pixel to pixel, as they were.

    Example:
        >>> black_and_white = torch.tensor([[[-1.0] * 3, [1.0] * 3]])
        >>> mix_palette(torch.zeros(1, 2, 4, 4), black_and_white, enlarged=8).shape
        torch.Size([1, 3, 32, 32])
    """
    if enlarged > 1:
        scores = enlarged * F.interpolate(scores, scale_factor=enlarged, mode="bicubic")
    return torch.einsum("nkhw,nkr->nrhw", scores.softmax(dim=1), colours)


def conv_encoder(features: int) -> nn.Sequential:
    """Convolutions (N, 3, 32, 32) -> (N, features * 16): what an encoder sees of a scene, at 4x4 places.

    Example:
        >>> conv_encoder(24)(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 384])
    """
    return nn.Sequential(
        nn.Conv2d(3, 32, 4, stride=2, padding=1),  # (N, 32, 16, 16)
        nn.SiLU(),
        nn.Conv2d(32, 48, 3, stride=2, padding=1),  # (N, 48, 8, 8)
        nn.BatchNorm2d(48),
        nn.SiLU(),
        nn.Conv2d(48, 64, 3, stride=2, padding=1),  # (N, 64, 4, 4)
        nn.BatchNorm2d(64),
        nn.SiLU(),
        nn.Conv2d(64, features, 1),
        nn.Flatten(),
    )


def in_batches(network: Callable[..., Tensor], *batches: Tensor, of: int = 250) -> Tensor:
    """What a network makes of batches of N, `of` elements at a time: the same as at once, if each is on its own.

    Raises:
        ValueError: the batches need different numbers of parts.

    Example:
        >>> in_batches(torch.add, torch.arange(5), torch.ones(5), of=2)
        tensor([1., 2., 3., 4., 5.])
    """
    return torch.cat([network(*part) for part in zip(*(batch.split(of) for batch in batches), strict=True)])
