"""The networks of lesson 08_vae: pictures go in, q(z|x) comes out; latent points go in, pictures come out.

`DigitVAE` is for grey digits of 8x8, `SceneVAE` for scenes of 32x32, drawn from a latent point and a condition.
"""

from itertools import pairwise
from typing import NamedTuple

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


class Encoded(NamedTuple):
    """q(z|x) of n pictures: the mean and the log of the variance of each of d latent numbers."""

    mu: Float[Tensor, "n d"]
    logvar: Float[Tensor, "n d"]


class DigitVAE(nn.Module):
    """Grey pictures (N, 1, 8, 8) in [0, 1] <-> d latent numbers; p(x|z) = N(decode(z), sigma^2), one sigma, learned.

    Args:
        latents: d.
        width: channels of the widest map.

    Example:
        >>> vae = DigitVAE(latents=2)
        >>> vae.encode(torch.zeros(5, 1, 8, 8)).mu.shape, vae.decode(torch.zeros(5, 2)).shape
        (torch.Size([5, 2]), torch.Size([5, 1, 8, 8]))
    """

    def __init__(self, latents: int, width: int = 32) -> None:
        super().__init__()
        self.latents = latents
        self.log_sigma = nn.Parameter(torch.tensor(-1.0))
        self.encoder = nn.Sequential(
            nn.Conv2d(1, width // 2, 3, padding=1),  # (N, 16, 8, 8)
            nn.SiLU(),
            nn.Conv2d(width // 2, width, 3, stride=2, padding=1),  # (N, 32, 4, 4)
            nn.SiLU(),
            nn.Flatten(),
            nn.Linear(width * 16, 64),
            nn.SiLU(),
            nn.Linear(64, 2 * latents),
        )
        self.decoder = nn.Sequential(
            nn.Linear(latents, 64),
            nn.SiLU(),
            nn.Linear(64, width * 16),
            nn.SiLU(),
            nn.Unflatten(1, (width, 4, 4)),
            nn.Conv2d(width, width, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(width, 4, 3, padding=1),
            nn.PixelShuffle(2),  # four channels of 4x4 are one of 8x8
            nn.Sigmoid(),
        )

    @property
    def sigma(self) -> Float[Tensor, ""]:
        """Standard deviation of a pixel about the decoder's answer."""
        return self.log_sigma.exp()

    def encode(self, images: Float[Tensor, "n 1 8 8"]) -> Encoded:
        """q(z|x) of each picture."""
        return Encoded(*self.encoder(2 * images - 1).chunk(2, dim=1))

    def decode(self, z: Float[Tensor, "n d"]) -> Float[Tensor, "n 1 8 8"]:
        """The mean of p(x|z): a picture with values in [0, 1]."""
        return self.decoder(z)


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


class SceneDecoder(nn.Module):
    """A latent point and a condition -> a picture (N, 3, 32, 32) in [-1, 1]: the mean of p(x|z, c).

    It paints by numbers. Convolutions say where each of four colours goes (a softmax over four maps), and two small
    layers what the four colours are. What is where and which colour it has need not be learned together.

    Args:
        latents, condition: lengths of the two vectors.

    Example:
        >>> SceneDecoder(latents=12)(torch.zeros(2, 12), torch.zeros(2, 50)).shape
        torch.Size([2, 3, 32, 32])
    """

    COLOURS = 4

    def __init__(self, latents: int, condition: int = 50, widths: tuple[int, int, int] = (48, 64, 48)) -> None:
        super().__init__()
        self.latents = latents
        self.whiten = Whiten(condition)
        both = latents + condition
        self.start = nn.Sequential(nn.Linear(both, widths[0] * 16), nn.SiLU(), nn.Unflatten(1, (widths[0], 4, 4)))
        self.code = nn.Sequential(nn.Linear(both, 128), nn.SiLU())
        self.grow = nn.ModuleList([FiLMUpsample(a, b, 128) for a, b in pairwise(widths)])
        self.where = nn.Sequential(nn.Conv2d(widths[-1], 4 * self.COLOURS, 3, padding=1), nn.PixelShuffle(2))
        self.caption_colours = nn.Sequential(nn.Linear(condition, 48), nn.SiLU(), nn.Linear(48, 3 * self.COLOURS))
        self.latent_colours = nn.Linear(latents, 3 * self.COLOURS, bias=False)

    def forward(
        self, z: Float[Tensor, "n d"], condition: Float[Tensor, "n c"], enlarged: int = 1
    ) -> Float[Tensor, "n 3 s s"]:
        """Draw a picture from each latent point and condition; `enlarged` as for `mix_palette`."""
        condition = self.whiten(condition)
        both = torch.cat([z, condition], dim=1)
        maps, code = self.start(both), self.code(both)  # (N, 48, 4, 4), (N, 128)
        for grow in self.grow:
            maps = grow(maps, code)  # (N, 64, 8, 8), (N, 48, 16, 16)
        colours = torch.tanh(self.caption_colours(condition) + self.latent_colours(z))
        return mix_palette(self.where(maps), rearrange(colours, "n (k r) -> n k r", r=3), enlarged)


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


class SceneVAE(nn.Module):
    """Pictures (N, 3, 32, 32) in [-1, 1] <-> latent points, given a condition each; p(x|z, c) has one learned sigma.

    For a VAE without a condition give it a constant one: `condition=1` and ones (N, 1).

    Example:
        >>> vae = SceneVAE(latents=12)
        >>> q = vae.encode(torch.zeros(2, 3, 32, 32), torch.zeros(2, 50))
        >>> q.mu.shape, vae.decode(q.mu, torch.zeros(2, 50)).shape
        (torch.Size([2, 12]), torch.Size([2, 3, 32, 32]))
    """

    def __init__(self, latents: int, condition: int = 50) -> None:
        super().__init__()
        self.latents = latents
        self.log_sigma = nn.Parameter(torch.tensor(-0.5))
        self.look = conv_encoder(24)
        self.head = nn.Sequential(nn.Linear(24 * 16 + condition, 128), nn.SiLU(), nn.Linear(128, 2 * latents))
        self.decode = SceneDecoder(latents, condition)

    @property
    def sigma(self) -> Float[Tensor, ""]:
        """Standard deviation of a pixel about the decoder's answer, in units of the range [-1, 1]."""
        return self.log_sigma.exp()

    def encode(self, images: Float[Tensor, "n 3 32 32"], condition: Float[Tensor, "n c"]) -> Encoded:
        """q(z|x, c) of each picture."""
        seen = torch.cat([self.look(images), self.decode.whiten(condition)], dim=1)
        return Encoded(*self.head(seen).chunk(2, dim=1))
