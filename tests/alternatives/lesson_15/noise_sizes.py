"""The layers themselves, on longer and longer noise."""

import torch
from torch.nn import functional as F


def noise_sizes(sizes, layers):
    """The layers themselves, on longer and longer noise."""
    made, n = {}, 0
    while not made or max(made) < max(sizes):
        n += 1
        x = torch.zeros(1, 1, n)
        for kernel, stride, padding in layers:
            x = F.conv_transpose1d(x, torch.zeros(1, 1, kernel), stride=stride, padding=padding)
        made[x.shape[2]] = n
    return tuple(made.get(size) for size in sizes)
