"""One region after another, over the words that are there."""

import torch
from torch import nn


class WordsOrNothing(nn.Module):
    """One region after another, over the words that are there alone."""

    def __init__(self, width, dim):
        super().__init__()
        self.nothing = nn.Parameter(torch.zeros(dim))
        self.to_v, self.to_k = (nn.Linear(dim, width, bias=False) for _ in range(2))
        self.to_q = nn.Linear(width, width, bias=False)

    def forward(self, regions, words, mask):
        pictures = zip(regions, words, mask.tolist(), strict=True)
        return torch.stack([torch.stack([self.told(h, said, there) for h in rows]) for rows, said, there in pictures])

    def told(self, region, words, there):
        heard = [self.nothing, *(word for word, is_word in zip(words, there, strict=True) if is_word)]
        rated = [(torch.dot(self.to_q(region), self.to_k(word)) / len(region) ** 0.5).exp() for word in heard]
        return region + sum(r * self.to_v(word) for r, word in zip(rated, heard, strict=True)) / sum(rated)
