"""The exercises of lesson 06_shared_space, one a file, and what several of them share."""

import torch
from torch import Tensor
from torch.nn import functional as F


def features_and_memory(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, float]:
    """Pictures and captions (n, 4), captions of earlier batches (m, 4), and a temperature."""
    n, m = (int(x) for x in torch.randint(5, 9, (2,), generator=generator))
    x = 2 * torch.randn(2 * n + m, 4, generator=generator)
    return x[:n], x[n : 2 * n], x[2 * n :], 0.2 + torch.rand((), generator=generator).item() / 2


def diagonal_cross_entropy(s: Tensor) -> Tensor:
    """Cross-entropy of scores (n, m) whose right answers stand on the diagonal, the mean over n rows."""
    return F.cross_entropy(s, torch.arange(len(s)))
