"""Attention: for each query a mean of the values, weighted by how well its keys fit; by heads, and as a block.

Derived in lesson 05_attention. A. Vaswani et al., "Attention Is All You Need", NIPS 2017, arXiv 1706.03762.
"""

import math

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn


def attention(
    q: Float[Tensor, "... l d"],
    k: Float[Tensor, "... s d_k"],
    v: Float[Tensor, "... s_v e"],
    mask: Tensor | None = None,
) -> tuple[Float[Tensor, "... l e"], Float[Tensor, "... l s"]]:
    """Look up each of L queries among S keys: the output is the mean of the values, weighted by how well keys fit.

    The weights of a query are a softmax over the keys, so they sum to 1. A query that may attend to no key at all has
    weights, output and gradients of exactly 0, never NaN; so has `torch.nn.functional.scaled_dot_product_attention`
    from PyTorch 2.5 on, while `torch.nn.MultiheadAttention` gives NaN there.

    Args:
        q, k, v: queries (..., L, d), keys (..., S, d), values (..., S, e); the axes in front are broadcast.
        mask: boolean, broadcastable to (..., L, S); True where a query may attend to a key. A padding mask (N, S) of
            the keys is given as `mask[:, None, :]`.

    Returns:
        The output (..., L, e) and the weights (..., L, S).

    Raises:
        ValueError: the shapes do not fit, or a mask that is not boolean or does not fit.

    Source: Vaswani et al. 2017, equation 1.

    Example:
        >>> q, k, v = torch.tensor([[9.0]]), torch.tensor([[9.0], [-9.0]]), torch.tensor([[1.0, 2.0], [5.0, 5.0]])
        >>> attention(q, k, v)
        (tensor([[1., 2.]]), tensor([[1., 0.]]))
    """
    _check(q, k, v, mask)
    # A = softmax(Q K^T / sqrt(d)), over the keys; Q is divided first: in half precision Q K^T may be too large
    scores = q / math.sqrt(q.shape[-1]) @ k.mT  # (..., L, S)
    if mask is None:
        weights = scores.softmax(dim=-1)
    else:
        # where nothing is allowed, softmax would be 0 / 0: let it see everything, and forget what it saw
        empty = ~mask.any(dim=-1, keepdim=True)
        weights = scores.masked_fill(~(mask | empty), -math.inf).softmax(dim=-1).masked_fill(empty, 0)
    return weights @ v, weights


def _check(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> None:
    got = f"got q {tuple(q.shape)}, k {tuple(k.shape)}, v {tuple(v.shape)}"
    if q.shape[-1] != k.shape[-1] or q.shape[-1] == 0:
        raise ValueError(f"queries and keys need the same number of components, at least one; {got}")
    if k.shape[-2] != v.shape[-2]:
        raise ValueError(f"each key needs one value: {k.shape[-2]} keys, {v.shape[-2]} values; {got}")
    try:
        batch = np.broadcast_shapes(q.shape[:-2], k.shape[:-2], v.shape[:-2])
    except ValueError:
        raise ValueError(f"the axes before the last two must agree or be 1; {got}") from None
    if mask is None:
        return
    if mask.dtype != torch.bool:
        raise ValueError(f"expected a boolean mask, True = may attend; got {mask.dtype}: for 0 and 1 give mask.bool()")
    want = (*batch, q.shape[-2], k.shape[-2])
    try:
        fits = np.broadcast_shapes(mask.shape, want) == want
    except ValueError:
        fits = False
    if not fits:
        hint = "a mask (N, S) of the keys is given as mask[:, None, :]"
        raise ValueError(f"expected a mask that broadcasts to {want}; got {tuple(mask.shape)}; {hint}")


def causal_mask(n: int) -> Bool[Tensor, "n n"]:
    """The mask of a sequence whose positions see themselves and what comes before: True on and below the diagonal.

    Example:
        >>> causal_mask(3).int().tolist()
        [[1, 0, 0], [1, 1, 0], [1, 1, 1]]
    """
    return torch.ones(n, n, dtype=torch.bool).tril()


def position_code(positions: Float[Tensor, "*n"], dim: int, longest: float = 10_000.0) -> Float[Tensor, "*n {dim}"]:
    """A vector for each position: dim / 2 sines, then as many cosines, from short waves to long ones.

    The wavelengths grow geometrically from 2 pi to almost 2 pi * `longest`; every code has length sqrt(dim / 2), and
    the dot product of two codes depends on the distance of their positions alone.

    Args:
        positions: any numbers, such as 0, 1, 2, ...
        dim: an even number of components.
        longest: the longest wavelength, in units of 2 pi.

    Raises:
        ValueError: `dim` is odd or below 2.

    Source: Vaswani et al. 2017, section 3.5; there sines and cosines take turns.

    Example:
        >>> position_code(torch.tensor([0.0]), 4)
        tensor([[0., 0., 1., 1.]])
    """
    if dim < 2 or dim % 2:
        raise ValueError(f"a code is made of pairs, a sine and a cosine: give an even number of components, not {dim}")
    # omega_i = longest^(-2 i / dim)
    omega = longest ** (-torch.arange(0, dim, 2).to(positions) / dim)
    angle = positions[..., None] * omega  # (..., dim / 2)
    return torch.cat([angle.sin(), angle.cos()], dim=-1)


class MultiHeadAttention(nn.Module):
    """Several attentions side by side, each in its own dim / heads directions; their outputs are mixed by a matrix.

    With itself as context it is self-attention, with another modality as context cross-attention. Equal to
    `torch.nn.MultiheadAttention` with the same weights, except that a query without any key gives the bias of the
    last layer there, not NaN.

    Args:
        dim: D, the components of queries and outputs.
        context_dim: C, the components of what is attended to.
        heads: how many attentions; it divides D.

    Raises:
        ValueError: `heads` does not divide D.

    Source: Vaswani et al. 2017, section 3.2.2.

    Example:
        >>> words, regions = torch.zeros(2, 5, 8), torch.zeros(2, 64, 48)
        >>> output, weights = MultiHeadAttention(8, context_dim=48, heads=2)(words, regions)
        >>> output.shape, weights.shape
        (torch.Size([2, 5, 8]), torch.Size([2, 2, 5, 64]))
    """

    def __init__(self, dim: int, context_dim: int, heads: int) -> None:
        super().__init__()
        if heads < 1 or dim % heads:
            raise ValueError(f"{heads} heads cannot share {dim} components evenly; give a divisor of {dim}")
        self.heads = heads
        self.to_q, self.out = nn.Linear(dim, dim), nn.Linear(dim, dim)
        self.to_k, self.to_v = nn.Linear(context_dim, dim), nn.Linear(context_dim, dim)

    def forward(
        self, x: Float[Tensor, "*batch l dim"], context: Float[Tensor, "*batch s c"], mask: Tensor | None = None
    ) -> tuple[Float[Tensor, "*batch l dim"], Float[Tensor, "*batch heads l s"]]:
        """Output (..., L, D) and the weights of each head (..., heads, L, S).

        Args:
            x: (..., L, D), what the queries are made of.
            context: (..., S, C), what keys and values are made of; x itself for self-attention.
            mask: as for `attention`, the same for all heads: broadcastable to (..., L, S).
        """
        q, k, v = (
            rearrange(y, "... n (h d) -> ... h n d", h=self.heads)
            for y in (self.to_q(x), self.to_k(context), self.to_v(context))
        )
        if mask is not None and mask.ndim > 2:
            mask = mask.unsqueeze(-3)  # (..., 1, L, S)
        mixed, weights = attention(q, k, v, mask)
        return self.out(rearrange(mixed, "... h l d -> ... l (h d)")), weights


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
        self.attention = MultiHeadAttention(dim, dim, heads)
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))

    def forward(self, x: Float[Tensor, "n t d"], mask: Bool[Tensor, "n t"]) -> Float[Tensor, "n t d"]:
        """`mask` is True where there is a word."""
        y = self.norm1(x)
        x = x + self.attention(y, y, rearrange(mask, "n s -> n 1 s"))[0]
        return x + self.mlp(self.norm2(x))
