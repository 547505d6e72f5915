"""Noise and the words of a caption go in, a picture comes out: the generator of lesson 10_text_to_image.

The regions of a map that is empty but for their places ask the words what to draw; so do the colours of the palette.
"""

from typing import NamedTuple

import torch
from einops import rearrange, repeat
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from mmgen_course.fusion import MultiHeadAttention, sentence
from mmgen_course.fusion.reader import TextReader
from mmgen_course.generators.vae_nets import Encoded, Grow, Whiten, by_numbers, looking


class Read(NamedTuple):
    """What is known of N captions: a vector for each word in its context, and which of the T are words."""

    words: Float[Tensor, "n t d"]
    mask: Bool[Tensor, "n t"]


class Layers(NamedTuple):
    """The scores of each pixel for each of K colours, the colours, and where each region looked at each question."""

    scores: Float[Tensor, "n k 32 32"]
    colours: Float[Tensor, "n k 3"]
    looked: list[Tensor]


class Asking(nn.Module):
    """Each region asks the words, adds what it is told, looks at its neighbours, and adds what it makes of them.

    Example:
        >>> asking, read = Asking(64, words=48), Read(torch.zeros(2, 5, 48), torch.ones(2, 5).bool())
        >>> maps, weights = asking(torch.zeros(2, 64, 8, 8), read)
        >>> maps.shape, weights.shape
        (torch.Size([2, 64, 8, 8]), torch.Size([2, 4, 64, 5]))
    """

    def __init__(self, width: int, words: int, heads: int = 4) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.ask = MultiHeadAttention(width, words, heads)
        self.think = nn.Sequential(
            nn.BatchNorm2d(width),
            nn.Conv2d(width, width, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(width, width, 3, padding=1),
        )

    def forward(self, maps: Float[Tensor, "n w row column"], read: Read) -> tuple[Tensor, Tensor]:
        """Maps of the same shape, and the weights (N, heads, regions, T) of each head."""
        regions = rearrange(maps, "n w row column -> n (row column) w")
        told, weights = self.ask(self.norm(regions), read.words, read.mask[:, None])
        maps = maps + rearrange(told, "n (row column) w -> n w row column", row=maps.shape[2])
        return maps + self.think(maps), weights


class Painter(nn.Module):
    """Latent points (N, latents) and captions of at most T words -> pictures (N, 3, 32, 32) in [-1, 1].

    It paints by numbers, as `SceneDecoder` does: convolutions say where each colour of a palette goes; and each colour
    asks the words what it is.

    Args:
        latents: how many numbers z has.
        words: components of a word vector.
        width: channels of the maps, and components of a word in its context.
        order: whether the order of the words is read; without it the caption is a bag of words.

    Example:
        >>> painter = Painter(latents=16)
        >>> painter(torch.zeros(2, 16), torch.zeros(2, 5, 50), torch.ones(2, 5).bool()).shape
        torch.Size([2, 3, 32, 32])
    """

    SIDE, COLOURS = 8, 6

    def __init__(self, latents: int, words: int = 50, width: int = 64, order: bool = True) -> None:
        super().__init__()
        self.latents = latents
        self.whiten = Whiten(words)
        self.reader = TextReader(words, width, width, order)
        self.places = nn.Parameter(torch.randn(width, self.SIDE, self.SIDE))
        self.start = nn.Sequential(
            nn.Linear(latents + width, width * 16),
            nn.SiLU(),
            nn.Unflatten(1, (width, 4, 4)),
            nn.Upsample(scale_factor=2),
        )
        self.asking = nn.ModuleList(Asking(width, width) for _ in range(2))
        self.code = nn.Sequential(nn.Linear(latents + width, 128), nn.SiLU())
        self.grow = Grow(width, 48, 128)
        self.where = nn.Sequential(nn.Conv2d(48, 4 * self.COLOURS, 3, padding=1), nn.PixelShuffle(2))
        self.palette = nn.Parameter(torch.randn(self.COLOURS, width))
        self.name_colours = MultiHeadAttention(width, width, heads=4)
        self.said_colours, self.own_colours = nn.Linear(width, 3), nn.Linear(latents, 3 * self.COLOURS, bias=False)

    def read(self, words: Float[Tensor, "n t d"], mask: Bool[Tensor, "n t"]) -> Read:
        """The words in their context; of a bag of words, the one vector of the caption for all."""
        words = self.whiten(words)
        if self.reader.order:
            return Read(self.reader.in_context(words, mask), mask)
        return Read(repeat(self.reader(words, mask), "n w -> n t w", t=1), mask[:, :1])

    def forward(
        self, z: Float[Tensor, "n d"], words: Float[Tensor, "n t w"], mask: Bool[Tensor, "n t"]
    ) -> Float[Tensor, "n 3 32 32"]:
        """Draw a picture from each latent point and caption; `mask` is True where there is a word."""
        return self.paint(z, self.read(words, mask))[0]

    def paint(
        self, z: Float[Tensor, "n d"], read: Read, enlarged: int = 1
    ) -> tuple[Float[Tensor, "n 3 s s"], list[Tensor]]:
        """Draw from captions that were read, and tell where each region looked, at each of its two questions.

        Args:
            z: latent points.
            read: what `read` made of the captions.
            enlarged: as for `by_numbers`.
        """
        scores, colours, looked = self.layers(z, read)
        return by_numbers(scores, colours, enlarged), looked

    def layers(self, z: Float[Tensor, "n d"], read: Read) -> Layers:
        """What a picture is made of, before it is coloured; see `paint`."""
        both = torch.cat([z, sentence(*read)], dim=1)
        maps, looked = self.places + self.start(both), []
        for asking in self.asking:
            maps, weights = asking(maps, read)
            looked.append(weights)
        scores = self.where(self.grow(maps, self.code(both)))
        told, _ = self.name_colours(repeat(self.palette, "k w -> n k w", n=len(z)), read.words, read.mask[:, None])
        own = rearrange(self.own_colours(z), "n (k r) -> n k r", r=3)
        return Layers(scores, torch.tanh(self.said_colours(F.silu(told + self.palette)) + own), looked)


class PainterVAE(nn.Module):
    """Pictures (N, 3, 32, 32) in [-1, 1] <-> latent points, given captions; p(x|z, c) has one learned sigma.

    Example:
        >>> vae = PainterVAE(latents=16)
        >>> read = vae.decode.read(torch.zeros(2, 5, 50), torch.ones(2, 5).bool())
        >>> vae.encode(torch.zeros(2, 3, 32, 32), read).mu.shape
        torch.Size([2, 16])
    """

    def __init__(self, latents: int, words: int = 50, order: bool = True, width: int = 64) -> None:
        super().__init__()
        self.latents = latents
        self.log_sigma = nn.Parameter(torch.tensor(-0.5))
        self.look = looking(32)
        self.judge = nn.Sequential(nn.Linear(32 * 16 + width, 192), nn.SiLU(), nn.Linear(192, 2 * latents))
        self.decode = Painter(latents, words, width, order)

    @property
    def sigma(self) -> Float[Tensor, ""]:
        """Standard deviation of a pixel about the painter's answer, in units of the range [-1, 1]."""
        return self.log_sigma.exp()

    def encode(self, images: Float[Tensor, "n 3 32 32"], read: Read) -> Encoded:
        """q(z|x, c) of each picture."""
        return Encoded(*self.judge(torch.cat([self.look(images), sentence(*read)], dim=1)).chunk(2, dim=1))
