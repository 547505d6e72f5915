"""The exercises of lesson 09_evaluation, one a file, and what several of them share."""

import torch


def between(low: float, high: float, generator: torch.Generator) -> float:
    """A number drawn uniformly from low to high."""
    return low + (high - low) * torch.rand((), generator=generator).item()
