"""The exercises of lesson 08_vae, one a file, and what several of them share."""

import torch
from torch import Tensor


def encoded(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """mu and log sigma^2 of 6 pictures and 4 latent numbers."""
    draw = torch.randn(2, 6, 4, generator=generator)
    return draw[0], draw[1] / 2 - 1
