"""Images go in, a vector for each region comes out; captions go in, a vector for each word.

What fusion joins: the trunk of the recogniser (lesson 03) for images, the word vectors of lesson 04 for text.
"""

from collections.abc import Sequence

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor

from mmgen_course.features.cnn import SmallCNN
from mmgen_course.features.vectors import WordVectors
from mmgen_course.preprocess.text import tokenize


@torch.no_grad()
def region_features(images: Float[Tensor, "n 3 h w"], trunk: SmallCNN) -> Float[Tensor, "n regions d"]:
    """A vector of d >= 0 for each region of each image, row by row from the top left; the trunk does not learn.

    Args:
        images: N images in [-1, 1].
        trunk: such as `load_classifier().trunk`, in evaluation mode: 32x32 pixels give 8x8 regions.

    Raises:
        ValueError: the trunk is in training mode, where an image's features depend on the others of its batch.

    Example:
        >>> region_features(torch.zeros(2, 3, 32, 32), SmallCNN((8, 16)).eval()).shape
        torch.Size([2, 64, 16])
    """
    if trunk.training:
        raise ValueError("the trunk is in training mode: call trunk.eval() first")
    return rearrange(trunk.maps(images), "n d row column -> n (row column) d")


def word_features(captions: Sequence[str], vectors: WordVectors) -> tuple[Float[Tensor, "n t d"], Bool[Tensor, "n t"]]:
    """A vector for each word of each caption, zeros behind the last, and a mask: True where there is a word.

    Raises:
        ValueError: no caption, one without words, or words that have no vector; the message names them.

    Example:
        >>> vectors = WordVectors(["red", "star"], torch.eye(2))
        >>> features, mask = word_features(["red star", "star"], vectors)
        >>> features.shape, mask.tolist()
        (torch.Size([2, 2, 2]), [[True, True], [True, False]])
    """
    tokens = [tokenize(caption) for caption in captions]
    if not all(tokens) or not tokens:
        raise ValueError(f"expected at least one caption, each with a word; got {list(captions)[:5]}")
    if unknown := sorted({word for words in tokens for word in words} - vectors.index.keys()):
        raise ValueError(f"{len(unknown)} words have no vector among {len(vectors)}: {unknown[:5]}")
    longest = max(map(len, tokens))
    mask = torch.arange(longest) < torch.tensor([[len(words)] for words in tokens])  # (N, T)
    features = torch.zeros(*mask.shape, vectors.matrix.shape[1])
    features[mask] = torch.stack([vectors[word] for words in tokens for word in words])
    return features, mask
