"""A list of (image, caption) pairs becomes one `TokenBatch` of tensors, as a DataLoader needs it.

Derived in lesson 02_text.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mmgen_course.preprocess.text import Vocabulary


@dataclass(frozen=True)
class TokenBatch:
    """N images and their captions; row n of each field belongs to sample n.

    `images` (N, 3, H, W) in the range that the samples had; `tokens` (N, T), the ids of each caption, padded;
    `mask` (N, T), True where a token is real; `captions`, the N texts.

    Example:
        >>> vocabulary = Vocabulary(["red"])
        >>> batch = collate([(torch.zeros(3, 8, 8), "red")], vocabulary)
        >>> batch.captions, batch.tokens.tolist()
        (['red'], [[2, 4, 3]])
    """

    images: Float[Tensor, "n 3 h w"]
    tokens: Int[Tensor, "n t"]
    mask: Bool[Tensor, "n t"]
    captions: list[str]


def collate(samples: Sequence[tuple[Float[Tensor, "c h w"], str]], vocabulary: Vocabulary) -> TokenBatch:
    """Stack N samples, each an image (3, H, W) and its caption, into one `TokenBatch`.

    With `num_workers > 0` every worker counts unknown words in its own copy of the vocabulary.

    Raises:
        ValueError: there is no sample; an image is not (3, H, W), or not of the shape of sample 0.

    Example:
        >>> from functools import partial
        >>> from torch.utils.data import DataLoader
        >>> samples = [(torch.zeros(3, 8, 8), "red"), (torch.ones(3, 8, 8), "red red")]
        >>> to_batch = partial(collate, vocabulary=Vocabulary(["red"]))
        >>> batch = next(iter(DataLoader(samples, batch_size=2, collate_fn=to_batch)))
        >>> batch.images.shape, batch.tokens.shape
        (torch.Size([2, 3, 8, 8]), torch.Size([2, 4]))
    """
    if not samples:
        raise ValueError("an empty list has no shape: give at least one (image, caption)")
    images = [image for image, _ in samples]
    captions = [caption for _, caption in samples]
    _require_same_shape(images)
    tokens, mask = vocabulary.pad_batch([vocabulary.encode(caption) for caption in captions])
    return TokenBatch(torch.stack(images), tokens, mask, captions)


def _require_same_shape(images: list[Tensor]) -> None:
    expected = (3, *images[0].shape[-2:])
    for i, image in enumerate(images):
        if image.shape != expected:
            raise ValueError(
                f"sample {i}: expected an image of shape {expected}, the size of sample 0, "
                f"got {tuple(image.shape)}: make it RGB, resize and crop it first"
            )
