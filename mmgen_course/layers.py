"""Many pictures from a network, some at a time: the maps of all at once would not fit, or not into the cache."""

from collections.abc import Callable

import torch
from torch import Tensor


def in_batches(network: Callable[..., Tensor], *batches: Tensor, of: int = 250) -> Tensor:
    """What a network makes of batches of N, `of` elements at a time: the same as at once, if each is on its own.

    Raises:
        ValueError: the batches need different numbers of parts.

    Example:
        >>> in_batches(torch.add, torch.arange(5), torch.ones(5), of=2)
        tensor([1., 2., 3., 4., 5.])
    """
    return torch.cat([network(*part) for part in zip(*(batch.split(of) for batch in batches), strict=True)])
