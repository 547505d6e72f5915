"""Within one caption and between captions: how different its pictures are, and whether it finds them (R-precision).

Derived in lesson 09_evaluation.
"""

from collections import defaultdict
from collections.abc import Hashable, Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mmgen_course.evaluate.intervals import Estimate, mean
from mmgen_course.evaluate.neighbours import distances


def diversity(features: Float[Tensor, "n d"], captions: Sequence[Hashable]) -> Estimate:
    """How far pictures of one caption are apart: mean over its pairs, then over captions, whose spread is the interval.

    A generator that has one picture for each caption gets 0. Captions with a single picture do not count.

    Args:
        features: of N pictures.
        captions: what each was asked to show; equal captions make a group.

    Raises:
        ValueError: other numbers of pictures and captions, or fewer than two captions with two pictures.

    Source: the mean pairwise distance that J.-Y. Zhu et al., "Toward Multimodal Image-to-Image Translation", NIPS 2017,
    take over outputs of one input.

    Example:
        >>> features = torch.tensor([[0.0], [2.0], [5.0], [9.0]])
        >>> diversity(features, ["a star", "a star", "a circle", "a circle"]).value
        3.0
    """
    if len(features) != len(captions):
        raise ValueError(f"expected a caption for each picture; got {len(features)} and {len(captions)}")
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for i, caption in enumerate(captions):
        groups[caption].append(i)
    several = [features[group] for group in groups.values() if len(group) > 1]
    if len(several) < 2:
        raise ValueError(f"expected at least two captions with two pictures each; {len(several)} have two")
    # sum over i != j of |x_i - x_j|, divided by n (n - 1): the diagonal is 0
    spreads = [distances(x, x).sum() / (len(x) * (len(x) - 1)) for x in several]
    return mean(torch.stack(spreads))


def r_precision(similarity: Float[Tensor, "n m"], matches: Bool[Tensor, "n m"]) -> Estimate:
    """The share of right ones among the R best candidates of a query that has R right ones; mean over queries.

    Ties count against it: a wrong candidate stands before a right one of the same score. With one right candidate
    for each query it is recall at 1.

    Args:
        similarity: of N queries, such as captions, and M candidates, such as generated pictures.
        matches: which candidates are right, such as those that were made from the caption.

    Raises:
        ValueError: fewer than two queries, a query without a right candidate, a NaN, or tables of two shapes.

    Source: as a metric of generated pictures T. Xu et al., "AttnGAN: Fine-Grained Text to Image Generation with
    Attentional Generative Adversarial Networks", CVPR 2018, section 4.

    Example:
        >>> similarity = torch.tensor([[0.9, 0.8, 0.1], [0.2, 0.7, 0.6]])
        >>> matches = torch.tensor([[True, True, False], [False, False, True]])
        >>> r_precision(similarity, matches).value  # two of two, none of one
        0.5
    """
    if similarity.shape != matches.shape or matches.dtype != torch.bool:
        got = f"{tuple(similarity.shape)} and {tuple(matches.shape)} of {matches.dtype}"
        raise ValueError(f"expected scores (N, M) and, for each, whether it is right; got {got}")
    if similarity.isnan().any() or not matches.any(dim=1).all():
        alone = (~matches.any(dim=1)).nonzero().flatten().tolist()
        raise ValueError(f"expected scores without NaN, and a right candidate for each query; none have {alone[:5]}")
    wrong_first = matches.int().sort(dim=1, stable=True)
    scores = similarity.gather(1, wrong_first.indices)
    order = scores.sort(dim=1, descending=True, stable=True).indices
    right = wrong_first.values.gather(1, order)  # (N, M), 1 where the candidate at this place is right
    found = right.cumsum(dim=1).gather(1, matches.sum(dim=1, keepdim=True) - 1)  # among the R first
    return mean(found[:, 0].double() / matches.sum(dim=1))
