"""What fusion joins: a vector for each region of an image, by a trunk (lesson 03), and for each word (lesson 04).

Where one vector a caption is enough, `caption_conditions` takes the mean over its words.
"""

from collections.abc import Sequence
from functools import cache

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor

from mmgen_course.features.cnn import SmallCNN
from mmgen_course.features.glove import load_scene_vectors
from mmgen_course.features.vectors import WordVectors
from mmgen_course.layers import masked_mean
from mmgen_course.preprocess.text import tokenize
from mmgen_course.scenes import caption, splits


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
    tokens = [tokenize(text) for text in captions]
    if not all(tokens) or not tokens:
        raise ValueError(f"expected at least one caption, each with a word; got {list(captions)[:5]}")
    if unknown := sorted({word for words in tokens for word in words} - vectors.index.keys()):
        raise ValueError(f"{len(unknown)} words have no vector among {len(vectors)}: {unknown[:5]}")
    longest = max(map(len, tokens))
    mask = torch.arange(longest) < torch.tensor([[len(words)] for words in tokens])  # (N, T)
    features = torch.zeros(*mask.shape, vectors.matrix.shape[1])
    features[mask] = torch.stack([vectors[word] for words in tokens for word in words])
    return features, mask


def caption_conditions(captions: Sequence[str]) -> Float[Tensor, "n 50"]:
    """The condition of each caption: the mean of its word vectors, standardised.

    Each component has mean 0 and variance 1 over captions of the training scenes of one object.

    Raises:
        ValueError: a caption without words, or with words that have no vector; the message names them.

    Example:
        >>> caption_conditions(["a large red circle", "a star"]).shape
        torch.Size([2, 50])
    """
    mean, std = _mean_and_std()
    return (_mean_vectors(captions) - mean) / std


def _mean_vectors(captions: Sequence[str]) -> Float[Tensor, "n 50"]:
    return masked_mean(*word_features(captions, _vectors()))


@cache
def _vectors() -> WordVectors:
    return load_scene_vectors()


@cache
def _mean_and_std() -> tuple[Float[Tensor, " 50"], Float[Tensor, " 50"]]:
    generator = torch.Generator().manual_seed(0)
    alone = [scene for scene in splits()["train"] if len(scene.objects) == 1]
    means = _mean_vectors([caption(scene, generator) for scene in alone])
    return means.mean(dim=0), means.std(dim=0)
