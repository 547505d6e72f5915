"""The networks of lesson 08_vae: encoders q(z|x), decoders p(x|z), and the loaders of the weights that ship.

`DigitVAE` is for grey digits of 8x8, `SceneVAE` for scenes of 32x32, drawn from a latent point and a condition.
"""

from itertools import pairwise
from typing import NamedTuple

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from mmgen_course.data import shipped
from mmgen_course.data.weights import load_weights
from mmgen_course.layers import FiLMUpsample, Whiten, conv_encoder, mix_palette

SCENE_LATENTS = 12  # of the networks of scenes that ship


class Encoded(NamedTuple):
    """q(z|x) of n pictures: the mean and the log of the variance of each of d latent variables."""

    mu: Float[Tensor, "n d"]
    logvar: Float[Tensor, "n d"]


class DigitVAE(nn.Module):
    """Grey pictures (N, 1, 8, 8) in [0, 1] <-> d latent variables; p(x|z) = N(decode(z), sigma^2), one sigma, learned.

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


class SceneDecoder(nn.Module):
    """A latent point and a condition -> a picture (N, 3, 32, 32) in [-1, 1]: the mean of p(x|z, c).

    It mixes a palette. Convolutions say where each of four colours goes (a softmax over four maps), and two small
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
        self.upsample = nn.ModuleList([FiLMUpsample(a, b, 128) for a, b in pairwise(widths)])
        self.scores = nn.Sequential(nn.Conv2d(widths[-1], 4 * self.COLOURS, 3, padding=1), nn.PixelShuffle(2))
        self.caption_colours = nn.Sequential(nn.Linear(condition, 48), nn.SiLU(), nn.Linear(48, 3 * self.COLOURS))
        self.latent_colours = nn.Linear(latents, 3 * self.COLOURS, bias=False)

    def forward(
        self, z: Float[Tensor, "n d"], condition: Float[Tensor, "n c"], enlarged: int = 1
    ) -> Float[Tensor, "n 3 s s"]:
        """Draw a picture from each latent point and condition; `enlarged` as for `mix_palette`."""
        condition = self.whiten(condition)
        both = torch.cat([z, condition], dim=1)
        maps, code = self.start(both), self.code(both)  # (N, 48, 4, 4), (N, 128)
        for upsample in self.upsample:
            maps = upsample(maps, code)  # (N, 64, 8, 8), (N, 48, 16, 16)
        colours = torch.tanh(self.caption_colours(condition) + self.latent_colours(z))
        return mix_palette(self.scores(maps), rearrange(colours, "n (k r) -> n k r", r=3), enlarged)


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
        self.encoder = conv_encoder(24)
        self.head = nn.Sequential(nn.Linear(24 * 16 + condition, 128), nn.SiLU(), nn.Linear(128, 2 * latents))
        self.decode = SceneDecoder(latents, condition)

    @property
    def sigma(self) -> Float[Tensor, ""]:
        """Standard deviation of a pixel about the decoder's answer, in units of the range [-1, 1]."""
        return self.log_sigma.exp()

    def encode(self, images: Float[Tensor, "n 3 32 32"], condition: Float[Tensor, "n c"]) -> Encoded:
        """q(z|x, c) of each picture."""
        features = torch.cat([self.encoder(images), self.decode.whiten(condition)], dim=1)
        return Encoded(*self.head(features).chunk(2, dim=1))


def load_digits_vae(file: str = "weights/digits-vae.safetensors", latents: int = 2) -> DigitVAE:
    """One of the three networks of digits that ship, in evaluation mode.

    Args:
        file: below data/: that of the VAE whose latent space can be drawn, `weights/digits-vae-wide.safetensors`, or
            `weights/digits-autoencoder.safetensors`, the plain autoencoder; the last two have 16 latent variables.
        latents: of the network whose weights these are.

    Raises:
        DataError: the file of its weights is missing or was changed, or holds those of another network.

    Example:
        >>> load_digits_vae().latents
        2
    """
    vae = DigitVAE(latents)
    load_weights(vae, shipped(file))
    return vae.eval()


def load_scene_vae(file: str = "weights/scene-vae.safetensors") -> SceneVAE:
    """The VAE of scenes that ships, in evaluation mode; its decoder is `load_scene_vae().decode(z, condition)`.

    Args:
        file: below data/: that of the VAE with full captions, or `weights/scene-vae-brief.safetensors`.

    Raises:
        DataError: the file of its weights is missing or was changed, or holds those of another network.

    Example:
        >>> load_scene_vae().latents
        12
    """
    vae = SceneVAE(SCENE_LATENTS)
    load_weights(vae, shipped(file))
    return vae.eval()
