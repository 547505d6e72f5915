"""Grounding, built in lesson 05_attention: which words of a caption are true of a picture, and of which of its regions.

Self-attention among the words of a caption, then cross-attention from words to regions.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from einops import rearrange, repeat
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from mmgen_course.data import shipped
from mmgen_course.data.weights import load_weights
from mmgen_course.features.classifier import load_classifier
from mmgen_course.features.cnn import SmallCNN
from mmgen_course.features.encoders import region_features, word_features
from mmgen_course.features.glove import load_scene_vectors
from mmgen_course.features.vectors import WordVectors
from mmgen_course.fusion.attention import SelfAttentionBlock, attention, position_code


class GroundingOutput(NamedTuple):
    """What N captions of at most T words make of N pictures, word by word.

    `truth` (N, T) is a logit for each word: log of p / (1 - p), p the probability that the word is true of the
    picture. `weights` (N, T, regions) are its attention over the regions, row by row from the top left; they sum to 1.
    `mask` (N, T) is True where there is a word.
    """

    truth: Float[Tensor, "n t"]
    weights: Float[Tensor, "n t regions"]
    mask: Bool[Tensor, "n t"]

    @property
    def probability(self) -> Float[Tensor, " n"]:
        """That each caption is true: the product over its words."""
        return log_truth(self.truth, self.mask).exp()


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
        >>> output = model(words, mask, torch.zeros(2, 64, 48))
        >>> output.truth.shape, output.weights.shape
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
    ) -> GroundingOutput:
        """Compare N captions of at most T words with N pictures of S = side * side regions.

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
        return GroundingOutput(truth, weights, mask)


def log_truth(truth: Float[Tensor, "n t"], mask: Bool[Tensor, "n t"]) -> Float[Tensor, " n"]:
    """The log-probability that each caption is true, in nats: every word must be, independently of the others.

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


class GroundingModel(NamedTuple):
    """The network with all that turns pictures and captions into its input.

    Example:
        >>> from mmgen_course.scenes import parse, render
        >>> text = "a red circle left of a blue square"
        >>> output = load_grounding()(render([parse(text).complete()]), [text])
        >>> output.weights.shape, (output.probability > 0.5).tolist()
        (torch.Size([1, 8, 64]), [True])
    """

    model: Grounding
    trunk: SmallCNN
    vectors: WordVectors

    @torch.no_grad()
    def __call__(
        self,
        pictures: Float[Tensor, "n 3 32 32"],
        captions: Sequence[str],
        visible: Bool[Tensor, "n t regions"] | None = None,
    ) -> GroundingOutput:
        """Compare N captions with N pictures in [-1, 1].

        Args:
            pictures, captions: N of each.
            visible: which regions each word may attend to; all of them without it.

        Raises:
            ValueError: a caption without words, or with words that have no vector; the message names them.
        """
        words, mask = word_features(captions, self.vectors)
        return self.model(words, mask, region_features(pictures, self.trunk), visible)


def load_grounding() -> GroundingModel:
    """The grounding model that ships with the course; how good it is stands in the data card.

    Raises:
        DataError: a file of weights or vectors is missing or was changed.
    """
    vectors, trunk = load_scene_vectors(), load_classifier().trunk
    model = Grounding(vectors.matrix.shape[1], trunk.dim)
    load_weights(model, shipped("weights/grounding.safetensors"))
    return GroundingModel(model.eval(), trunk, vectors)
