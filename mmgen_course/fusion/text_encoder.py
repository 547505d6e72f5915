"""The text encoder of lessons 06_shared_space and 10_text_to_image: word vectors in, words in their context out."""

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn

from mmgen_course.fusion.attention import SelfAttentionBlock, position_code
from mmgen_course.layers import masked_mean


class TextEncoder(nn.Module):
    """Words in their order -> one vector: each looks at its two neighbours, then at all others, twice; then the mean.

    Without `order` there is no position code and no attention: a bag of words.

    Example:
        >>> encoder = TextEncoder()
        >>> encoder(torch.zeros(2, 5, 50), torch.ones(2, 5, dtype=torch.bool)).shape
        torch.Size([2, 64])
    """

    def __init__(self, words: int = 50, width: int = 64, dim: int = 64, order: bool = True) -> None:
        super().__init__()
        self.embed, self.order = nn.Linear(words, width), order
        if order:
            self.conv = nn.Conv1d(width, width, 3, padding=1)
            self.blocks = nn.ModuleList(SelfAttentionBlock(width, heads=4) for _ in range(2))
        else:
            self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.ReLU(), nn.Linear(4 * width, width))
        self.norm, self.out = nn.LayerNorm(width), nn.Linear(width, dim)

    def forward(self, words: Float[Tensor, "n t c"], mask: Bool[Tensor, "n t"]) -> Float[Tensor, "n d"]:
        """A vector for each of N captions, of any length; `mask` is True where there is a word."""
        if self.order:
            return self.out(masked_mean(self.in_context(words, mask), mask))
        bag = masked_mean(self.embed(words), mask)
        return self.out(self.norm(bag + self.mlp(bag)))

    def in_context(self, words: Float[Tensor, "n t c"], mask: Bool[Tensor, "n t"]) -> Float[Tensor, "n t width"]:
        """A vector for each word that knows of the others and of their order."""
        x = self.embed(words).masked_fill(~mask[..., None], 0)
        x = x + rearrange(self.conv(rearrange(x, "n t d -> n d t")).relu(), "n d t -> n t d")
        x = x + position_code(torch.arange(x.shape[1]).to(x), x.shape[2], longest=100.0)
        for block in self.blocks:
            x = block(x, mask)
        return self.norm(x)
