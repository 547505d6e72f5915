"""The shared space of lesson 06_shared_space: an image encoder and a text encoder, into the same 64 dimensions.

They stand on frozen features: the classifier's regions (lesson 03) and the vectors of words (lesson 04).
"""

import math

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from mmgen_course.data import shipped
from mmgen_course.data.weights import load_weights
from mmgen_course.fusion.contrastive import contrastive_loss, cosine_similarity
from mmgen_course.fusion.text_encoder import TextEncoder


class ImageEncoder(nn.Module):
    """8x8 regions of an image -> one vector: nine windows, half as wide as the image, then all of them at once.

    Example:
        >>> ImageEncoder()(torch.zeros(2, 64, 48)).shape
        torch.Size([2, 64])
    """

    def __init__(self, regions: int = 48, width: int = 64, dim: int = 64) -> None:
        super().__init__()
        self.window = nn.Conv2d(regions, width, 4, stride=2)  # 8x8 -> 3x3
        self.out = nn.Linear(9 * width, dim)

    def forward(self, regions: Float[Tensor, "n 64 c"]) -> Float[Tensor, "n d"]:
        """A vector for each of N images, of any length."""
        windows = self.window(rearrange(regions, "n (h w) c -> n c h w", h=8)).relu()
        return self.out(rearrange(windows, "n c h w -> n (c h w)"))


class SharedSpace(nn.Module):
    """Two encoders, one space, one learned temperature.

    Example:
        >>> space = SharedSpace()
        >>> round(space.temperature.item(), 2)
        0.07
    """

    def __init__(self, order: bool = True) -> None:
        super().__init__()
        self.image, self.text = ImageEncoder(), TextEncoder(order=order)
        self.log_scale = nn.Parameter(torch.tensor(-math.log(0.07)))  # as CLIP begins

    @property
    def temperature(self) -> Float[Tensor, ""]:
        """tau, above 0 whatever is learned."""
        return (-self.log_scale).exp()

    def loss(self, regions: Tensor, words: Tensor, mask: Tensor) -> Float[Tensor, ""]:
        """`contrastive_loss` of N images and their N captions."""
        similarity = cosine_similarity(self.image(regions), self.text(words, mask))
        return contrastive_loss(similarity, self.temperature)


def load_shared_space(file: str = "weights/shared-space.safetensors", order: bool = True) -> SharedSpace:
    """The space that ships with the course, in evaluation mode, or one of the two that were trained for comparison.

    Args:
        file: below data/; `weights/shared-space-bag.safetensors` and `weights/shared-space-easy.safetensors` are the
            others.
        order: of the text encoder whose weights these are: False for the bag of words.

    Raises:
        DataError: the file of its weights is missing or was changed, or holds those of another network.

    Example:
        >>> load_shared_space().training
        False
    """
    space = SharedSpace(order)
    load_weights(space, shipped(file))
    return space.eval()
