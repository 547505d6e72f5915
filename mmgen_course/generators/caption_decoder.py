"""The text-to-image network of lesson 10_text_to_image: a conditional VAE whose decoder attends to a caption's words.

Queries come from the regions of a map that is empty but for their places, and from the colours of a palette; keys and
values from the words.
"""

from typing import NamedTuple

import torch
from einops import rearrange, repeat
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from mmgen_course.data import shipped
from mmgen_course.data.weights import load_weights
from mmgen_course.fusion import MultiHeadAttention
from mmgen_course.fusion.text_encoder import TextEncoder
from mmgen_course.generators.vae_nets import Encoded
from mmgen_course.layers import FiLMUpsample, Whiten, conv_encoder, masked_mean, mix_palette

LATENTS = 16  # of the models that ship


class EncodedText(NamedTuple):
    """N captions, encoded: a vector for each word in its context, and which of the T are words."""

    words: Float[Tensor, "n t d"]
    mask: Bool[Tensor, "n t"]


class PaletteScores(NamedTuple):
    """The scores of each pixel for each of K colours, the colours, and the attention weights of each block."""

    scores: Float[Tensor, "n k 32 32"]
    colours: Float[Tensor, "n k 3"]
    weights: list[Tensor]


class CrossAttentionBlock(nn.Module):
    """Cross-attention from regions to words, then convolutions between neighbours; each is added to its input.

    Example:
        >>> text = EncodedText(torch.zeros(2, 5, 48), torch.ones(2, 5).bool())
        >>> maps, weights = CrossAttentionBlock(64, words=48)(torch.zeros(2, 64, 8, 8), text)
        >>> maps.shape, weights.shape
        (torch.Size([2, 64, 8, 8]), torch.Size([2, 4, 64, 5]))
    """

    def __init__(self, width: int, words: int, heads: int = 4) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.attention = MultiHeadAttention(width, words, heads)
        self.convolutions = nn.Sequential(
            nn.BatchNorm2d(width),
            nn.Conv2d(width, width, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(width, width, 3, padding=1),
        )

    def forward(self, maps: Float[Tensor, "n w row column"], text: EncodedText) -> tuple[Tensor, Tensor]:
        """Maps of the same shape, and the weights (N, heads, regions, T) of each head."""
        regions = rearrange(maps, "n w row column -> n (row column) w")
        output, weights = self.attention(self.norm(regions), text.words, text.mask[:, None])
        maps = maps + rearrange(output, "n (row column) w -> n w row column", row=maps.shape[2])
        return maps + self.convolutions(maps), weights


class CaptionDecoder(nn.Module):
    """Latent points (N, latents) and captions of at most T words -> pictures (N, 3, 32, 32) in [-1, 1].

    It mixes a palette, as `SceneDecoder` does: convolutions say where each of its colours goes; and each colour is a
    query to the words.

    Args:
        latents: how many numbers z has.
        words: components of a word vector.
        width: channels of the maps, and components of a word in its context.
        order: whether the order of the words is read; without it the caption is a bag of words.

    Example:
        >>> decoder = CaptionDecoder(latents=16)
        >>> decoder(torch.zeros(2, 16), torch.zeros(2, 5, 50), torch.ones(2, 5).bool()).shape
        torch.Size([2, 3, 32, 32])
    """

    SIDE, COLOURS = 8, 6

    def __init__(self, latents: int, words: int = 50, width: int = 64, order: bool = True) -> None:
        super().__init__()
        self.latents = latents
        self.whiten = Whiten(words)
        self.text_encoder = TextEncoder(words, width, width, order)
        self.places = nn.Parameter(torch.randn(width, self.SIDE, self.SIDE))
        self.start = nn.Sequential(
            nn.Linear(latents + width, width * 16),
            nn.SiLU(),
            nn.Unflatten(1, (width, 4, 4)),
            nn.Upsample(scale_factor=2),
        )
        self.cross_attention = nn.ModuleList(CrossAttentionBlock(width, width) for _ in range(2))
        self.code = nn.Sequential(nn.Linear(latents + width, 128), nn.SiLU())
        self.upsample = FiLMUpsample(width, 48, 128)
        self.scores = nn.Sequential(nn.Conv2d(48, 4 * self.COLOURS, 3, padding=1), nn.PixelShuffle(2))
        self.palette = nn.Parameter(torch.randn(self.COLOURS, width))
        self.palette_attention = MultiHeadAttention(width, width, heads=4)
        self.caption_colours = nn.Linear(width, 3)
        self.latent_colours = nn.Linear(latents, 3 * self.COLOURS, bias=False)

    def encode_text(self, words: Float[Tensor, "n t d"], mask: Bool[Tensor, "n t"]) -> EncodedText:
        """The words in their context; of a bag of words, the one vector of the caption for all."""
        words = self.whiten(words)
        if self.text_encoder.order:
            return EncodedText(self.text_encoder.in_context(words, mask), mask)
        return EncodedText(repeat(self.text_encoder(words, mask), "n w -> n t w", t=1), mask[:, :1])

    def forward(
        self, z: Float[Tensor, "n d"], words: Float[Tensor, "n t w"], mask: Bool[Tensor, "n t"]
    ) -> Float[Tensor, "n 3 32 32"]:
        """Draw a picture from each latent point and caption; `mask` is True where there is a word."""
        return self.draw(z, self.encode_text(words, mask))[0]

    def draw(
        self, z: Float[Tensor, "n d"], text: EncodedText, enlarged: int = 1
    ) -> tuple[Float[Tensor, "n 3 s s"], list[Tensor]]:
        """Pictures from captions that were encoded, and the attention weights (N, heads, 64, T) of each block.

        Args:
            z: latent points.
            text: what `encode_text` made of the captions.
            enlarged: as for `mix_palette`.
        """
        scores, colours, weights = self.palette_scores(z, text)
        return mix_palette(scores, colours, enlarged), weights

    def palette_scores(self, z: Float[Tensor, "n d"], text: EncodedText) -> PaletteScores:
        """What a picture is made of, before it is coloured; see `draw`."""
        both = torch.cat([z, masked_mean(*text)], dim=1)
        maps, of_blocks = self.places + self.start(both), []
        for block in self.cross_attention:
            maps, weights = block(maps, text)
            of_blocks.append(weights)
        scores = self.scores(self.upsample(maps, self.code(both)))
        palette = repeat(self.palette, "k w -> n k w", n=len(z))
        output, _ = self.palette_attention(palette, text.words, text.mask[:, None])
        own = rearrange(self.latent_colours(z), "n (k r) -> n k r", r=3)
        return PaletteScores(scores, torch.tanh(self.caption_colours(F.silu(output + self.palette)) + own), of_blocks)


class CaptionVAE(nn.Module):
    """Pictures (N, 3, 32, 32) in [-1, 1] <-> latent points, given captions; p(x|z, c) has one learned sigma.

    Example:
        >>> vae = CaptionVAE(latents=16)
        >>> text = vae.decode.encode_text(torch.zeros(2, 5, 50), torch.ones(2, 5).bool())
        >>> vae.encode(torch.zeros(2, 3, 32, 32), text).mu.shape
        torch.Size([2, 16])
    """

    def __init__(self, latents: int, words: int = 50, order: bool = True, width: int = 64) -> None:
        super().__init__()
        self.latents = latents
        self.log_sigma = nn.Parameter(torch.tensor(-0.5))
        self.encoder = conv_encoder(32)
        self.head = nn.Sequential(nn.Linear(32 * 16 + width, 192), nn.SiLU(), nn.Linear(192, 2 * latents))
        self.decode = CaptionDecoder(latents, words, width, order)

    @property
    def sigma(self) -> Float[Tensor, ""]:
        """Standard deviation of a pixel about the decoder's answer, in units of the range [-1, 1]."""
        return self.log_sigma.exp()

    def encode(self, images: Float[Tensor, "n 3 32 32"], text: EncodedText) -> Encoded:
        """q(z|x, c) of each picture."""
        return Encoded(*self.head(torch.cat([self.encoder(images), masked_mean(*text)], dim=1)).chunk(2, dim=1))


def load_text_to_image(
    file: str = "weights/text-to-image.safetensors", words: int = 50, order: bool = True
) -> CaptionDecoder:
    """The decoder that ships with the course, in evaluation mode, or one of those trained for comparison.

    Args:
        file: below data/.
        words, order: of the `CaptionDecoder` whose weights these are.

    Raises:
        DataError: the file of its weights is missing or was changed, or holds those of another network.

    Example:
        >>> load_text_to_image().latents
        16
    """
    decoder = CaptionDecoder(LATENTS, words, order=order)
    load_weights(decoder, shipped(file))
    return decoder.eval()
