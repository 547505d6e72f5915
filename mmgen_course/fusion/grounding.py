"""Word vectors and region features go in; for each word, how true it is of the picture comes out, and where it looked.

Built in lesson 05_attention: self-attention among the words of a caption, then cross-attention from words to regions.
"""

import math
from typing import NamedTuple

import torch
from einops import rearrange, repeat
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from mmgen_course.fusion.attention import MultiHeadAttention, attention, position_code


class Grounded(NamedTuple):
    """What N captions make of N pictures, word by word.

    `truth` (N, T) is a logit for each word: log of p / (1 - p), p the probability that the word is true of the
    picture. `weights` (N, T, regions) say where it looked; each word's sum to 1.
    """

    truth: Float[Tensor, "n t"]
    weights: Float[Tensor, "n t regions"]


class SelfAttentionBlock(nn.Module):
    """Words exchange what they know, (N, T, D) -> (N, T, D): attention among them, then a small network on each.

    Both are added to their input, after a normalisation.

    Source: A. Vaswani et al., "Attention Is All You Need", NIPS 2017, section 3.1; the normalisation stands first,
    as in R. Xiong et al., "On Layer Normalization in the Transformer Architecture", ICML 2020.

    Example:
        >>> SelfAttentionBlock(8, heads=2)(torch.zeros(1, 3, 8), torch.ones(1, 3, dtype=torch.bool)).shape
        torch.Size([1, 3, 8])
    """

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.attend = MultiHeadAttention(dim, dim, heads)
        self.before, self.between = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.think = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))

    def forward(self, x: Float[Tensor, "n t d"], mask: Bool[Tensor, "n t"]) -> Float[Tensor, "n t d"]:
        """`mask` is True where there is a word."""
        y = self.before(x)
        x = x + self.attend(y, y, rearrange(mask, "n s -> n 1 s"))[0]
        return x + self.think(self.between(x))


class Grounding(nn.Module):
    """Is each word of a caption true of a picture, and which region does it look at to find out?

    Words (word_dim each) get a code of their place in the sentence, then `blocks` of self-attention tell each word
    what it is about: *red* can learn whether it belongs to a circle. Regions (region_dim each) get a code of row and
    column. Then each word asks (a query) and each region offers (a key, which is its value, too). The dot product of
    query and key says where the word looks, and the dot product of the query and what it found how true the word is:
    a word that looks at the wrong place cannot be sure of itself. One head, so that there is one map for each word.

    Example:
        >>> model = Grounding(word_dim=50, region_dim=48)
        >>> words, mask = torch.zeros(2, 5, 50), torch.ones(2, 5, dtype=torch.bool)
        >>> truth, weights = model(words, mask, torch.zeros(2, 64, 48))
        >>> truth.shape, weights.shape
        (torch.Size([2, 5]), torch.Size([2, 5, 64]))
    """

    places: Tensor

    def __init__(
        self, word_dim: int, region_dim: int, dim: int = 48, heads: int = 4, blocks: int = 2, side: int = 8
    ) -> None:
        super().__init__()
        self.from_word = nn.Sequential(nn.LayerNorm(word_dim), nn.Linear(word_dim, dim))
        self.region_norm = nn.BatchNorm1d(region_dim, affine=False)
        self.from_region = nn.Linear(region_dim, dim)
        self.blocks = nn.ModuleList(SelfAttentionBlock(dim, heads) for _ in range(blocks))
        self.word_norm = nn.LayerNorm(dim)
        self.to_query, self.to_key, self.to_bias = nn.Linear(dim, dim), nn.Linear(dim, dim), nn.Linear(dim, 1)
        line = position_code(torch.arange(float(side)), dim // 2, longest=10.0)
        row, column = repeat(line, "r d -> (r c) d", c=side), repeat(line, "c d -> (r c) d", r=side)
        self.register_buffer("places", torch.cat([row, column], dim=1), persistent=False)  # (side * side, D)

    def forward(
        self,
        words: Float[Tensor, "n t word"],
        mask: Bool[Tensor, "n t"],
        regions: Float[Tensor, "n s region"],
        visible: Bool[Tensor, "n t s"] | None = None,
    ) -> Grounded:
        """Judge N captions of at most T words by N pictures of S = side * side regions.

        Args:
            words: vectors of the words, anything behind the last one of a caption.
            mask: True where there is a word.
            regions: row by row from the top left.
            visible: which regions each word may look at, to see what it misses; all of them without it.
        """
        x = self.from_word(words)
        x = x + position_code(torch.arange(x.shape[1]).to(x), x.shape[2], longest=100.0)
        for block in self.blocks:
            x = block(x, mask)
        x = self.word_norm(x)  # (N, T, D)
        y = rearrange(self.region_norm(rearrange(regions, "n s d -> n d s")), "n d s -> n s d")
        query, key = self.to_query(x), self.to_key(self.from_region(y) + self.places)
        found, weights = attention(query, key, key, visible)  # (N, T, D), (N, T, S)
        # z_t = q_t . o_t / sqrt(d) + b_t
        truth = (query * found).sum(dim=-1) / math.sqrt(query.shape[-1]) + rearrange(self.to_bias(x), "n t 1 -> n t")
        return Grounded(truth, weights)


def log_truth(truth: Float[Tensor, "n t"], mask: Bool[Tensor, "n t"]) -> Float[Tensor, " n"]:
    """The log-probability that each caption is true, in nats: every word must be, and each is judged by itself.

    Example:
        >>> log_truth(torch.zeros(1, 3), torch.tensor([[True, True, False]])).exp()
        tensor([0.2500])
    """
    # log p = sum_t m_t log sigma(z_t)
    return F.logsigmoid(truth).masked_fill(~mask, 0).sum(dim=1)


def word_loss(truth: Float[Tensor, "n t"], mask: Bool[Tensor, "n t"], true: Bool[Tensor, "n t"]) -> Float[Tensor, ""]:
    """Cross-entropy of the words' truth in nats: summed over the words of a caption, mean over captions.

    Args:
        truth: logits.
        mask: True where there is a word; the rest does not count.
        true: which words are true of the picture.

    Example:
        >>> mask = torch.tensor([[True, True, False]])
        >>> word_loss(torch.zeros(1, 3), mask, torch.tensor([[True, False, False]])).exp()
        tensor(4.)
    """
    each = F.binary_cross_entropy_with_logits(truth, true.to(truth), reduction="none")
    return each.masked_fill(~mask, 0).sum(dim=1).mean()
