"""Fused attention for each head and caption."""

import torch
from torch import nn
from torch.nn import functional as F


class HeadPool(nn.Module):
    """One call of the fused attention for each head, and only for captions that have words."""

    def __init__(self, dim, heads):
        super().__init__()
        self.queries = nn.Parameter(torch.zeros(heads, dim // heads))
        self.to_k, self.to_v = nn.Linear(dim, dim), nn.Linear(dim, dim)

    def forward(self, words, mask):
        pooled = []
        for caption, is_word in zip(words, mask, strict=True):
            known = caption[is_word]
            keys, values = (layer(known).chunk(len(self.queries), dim=1) for layer in (self.to_k, self.to_v))
            heads = [
                F.scaled_dot_product_attention(q[None], k, v)[0] if len(known) else torch.zeros_like(q)
                for q, k, v in zip(self.queries, keys, values, strict=True)
            ]
            pooled.append(torch.cat(heads))
        return torch.stack(pooled)
