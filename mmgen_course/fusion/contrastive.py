"""Contrastive alignment of images and captions: the loss, its gradient, and measures of what was reached.

Derived in lesson 06_shared_space. A. Radford et al., "Learning Transferable Visual Models From Natural Language
Supervision", ICML 2021, arXiv 2103.00020; A. van den Oord et al., "Representation Learning with Contrastive Predictive
Coding", 2018, arXiv 1807.03748.
"""

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import normalize


def unit(x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n d"]:
    """Each vector brought to length 1: only its direction is kept.

    Raises:
        ValueError: a vector has no direction: it is zero or not finite; the message counts them.

    Example:
        >>> unit(torch.tensor([3.0, 4.0]))
        tensor([0.6000, 0.8000])
    """
    length = x.norm(dim=-1)
    bad = ~((length > 0) & length.isfinite())
    if bad.any():
        raise ValueError(f"expected vectors with a direction; {int(bad.sum())} of {bad.numel()} are zero or not finite")
    return normalize(x, dim=-1, eps=0)


def cosine_similarity(x: Float[Tensor, "n d"], y: Float[Tensor, "m d"]) -> Float[Tensor, "n m"]:
    """s_ij, the cosine of the angle between x_i and y_j, in [-1, 1].

    Raises:
        ValueError: a vector is zero or not finite.

    Example:
        >>> cosine_similarity(torch.tensor([[2.0, 0.0]]), torch.tensor([[3.0, 0.0], [0.0, 5.0]]))
        tensor([[1., 0.]])
    """
    return unit(x) @ unit(y).mT


def info_nce(similarity: Float[Tensor, "n m"], temperature: float | Float[Tensor, ""]) -> Float[Tensor, ""]:
    """How hard it is to find each row's positive among N candidates, in nats, mean over the N rows.

    Row i's positive is column i. N equal scores give log N.

    Args:
        similarity: s_ij, such as the cosine of image i and caption j.
        temperature: tau > 0; the scores are divided by it.

    Raises:
        ValueError: not square, or a temperature that is not positive.

    Source: van den Oord et al. 2018, equation 4.

    Example:
        >>> info_nce(torch.zeros(8, 8), temperature=1.0).exp().round()
        tensor(8.)
    """
    scores = _scores(similarity, temperature)
    # -1/N sum_i log ( exp(s_ii / tau) / sum_j exp(s_ij / tau) )
    return (scores.logsumexp(dim=1) - scores.diagonal()).mean()


def contrastive_loss(similarity: Float[Tensor, "n m"], temperature: float | Float[Tensor, ""]) -> Float[Tensor, ""]:
    """CLIP's loss: find each image's caption and each caption's image; in nats, mean over all 2N questions.

    Args:
        similarity: s_ij of image i and caption j; positives stand on the diagonal.
        temperature: tau > 0; the scores are divided by it.

    Raises:
        ValueError: not square, or a temperature that is not positive.

    Source: Radford et al. 2021, figure 3.

    Example:
        >>> contrastive_loss(torch.eye(4), temperature=0.01) < 1e-6
        tensor(True)
    """
    return (info_nce(similarity, temperature) + info_nce(similarity.mT, temperature)) / 2


def contrastive_gradient(similarity: Float[Tensor, "n m"], temperature: float) -> Float[Tensor, "n n"]:
    """The derivative of `contrastive_loss` by each s_ij, in closed form.

    p is the softmax over the captions of an image, q over the images of a caption: where p_ij + q_ij is more than a
    positive has (2) or a negative (0), the similarity is pushed down.

    Raises:
        ValueError: not square, or a temperature that is not positive.

    Example:
        >>> contrastive_gradient(torch.zeros(2, 2), temperature=1.0)
        tensor([[-0.2500,  0.2500],
                [ 0.2500, -0.2500]])
    """
    scores = _scores(similarity, temperature)
    n = len(scores)
    p, q = scores.softmax(dim=1), scores.softmax(dim=0)
    # dL/ds_ij = (p_ij + q_ij - 2 [i = j]) / (2 N tau)
    return (p + q - 2 * torch.eye(n).to(scores)) / (2 * n * temperature)


def information_bound(loss: float, n: int) -> float:
    """log N - L, in nats: on average no more than what image and caption tell of each other, and never above log N.

    Args:
        loss: L, the mean of `info_nce` or `contrastive_loss` over fresh batches; on the batches that a model was
            trained on it proves nothing.
        n: N, the pairs in a batch, drawn independently of each other.

    Raises:
        ValueError: N below 1, or a negative loss.

    Source: B. Poole et al., "On Variational Bounds of Mutual Information", ICML 2019, arXiv 1905.06922,
    section 2.3.

    Example:
        >>> information_bound(loss=0.0, n=1) == 0
        True
    """
    if n < 1 or not loss >= 0:
        raise ValueError(f"expected N >= 1 pairs and a loss of at least 0 nats; got N = {n} and {loss}")
    return math.log(n) - loss


def ranks(similarity: Float[Tensor, "n m"], matches: Bool[Tensor, "n m"] | None = None) -> Int[Tensor, " n"]:
    """The place of the best right answer in each row's list of candidates, from 1; ties count against it.

    A candidate that matches never pushes another one down, so with several right answers, such as several captions of
    an image, the first of them counts. A tie with a wrong candidate puts the wrong one first: a model that gives all
    candidates one score earns nothing.

    Args:
        similarity: of N queries and M candidates.
        matches: which candidates are right; without it, candidate i for query i.

    Raises:
        ValueError: a NaN, a row without a right candidate, or no `matches` where N is not M.

    Example:
        >>> ranks(torch.tensor([[0.9, 0.1], [0.9, 0.1]])), ranks(torch.zeros(3, 3))
        (tensor([1, 2]), tensor([3, 3, 3]))
    """
    if not similarity.is_floating_point():
        similarity = similarity.double()  # whole numbers have no infinity
    if similarity.isnan().any():
        raise ValueError(f"expected numbers to sort by; {int(similarity.isnan().sum())} similarities are NaN")
    if matches is None:
        if similarity.shape[0] != similarity.shape[1]:
            raise ValueError(f"give `matches`: {similarity.shape[0]} queries have {similarity.shape[1]} candidates")
        matches = torch.eye(len(similarity), dtype=torch.bool, device=similarity.device)
    if not matches.any(dim=1).all():
        alone = (~matches.any(dim=1)).nonzero().flatten().tolist()
        raise ValueError(f"each query needs a right candidate; {len(alone)} have none: {alone[:5]}")
    best = similarity.masked_fill(~matches, -math.inf).amax(dim=1, keepdim=True)
    return 1 + ((similarity >= best) & ~matches).sum(dim=1)


def recall_at_k(similarity: Float[Tensor, "n m"], k: int, matches: Bool[Tensor, "n m"] | None = None) -> float:
    """The share of queries whose right answer is among the k best candidates; see `ranks` for ties and `matches`.

    Chance is k / M if each query has one right answer among M.

    Raises:
        ValueError: k outside 1 to M, or as for `ranks`.

    Example:
        >>> similarity = torch.tensor([[0.9, 0.1], [0.9, 0.1]])
        >>> recall_at_k(similarity, 1), recall_at_k(similarity, 2)
        (0.5, 1.0)
    """
    if not 1 <= k <= similarity.shape[1]:
        raise ValueError(f"expected k from 1 to the {similarity.shape[1]} candidates; got {k}")
    return (ranks(similarity, matches) <= k).double().mean().item()


def modality_gap(x: Float[Tensor, "n d"], y: Float[Tensor, "m d"]) -> float:
    """The distance between the means of two clouds of directions, from 0 (one cloud) to 2 (two opposite points).

    Raises:
        ValueError: a vector is zero or not finite.

    Source: W. Liang et al., "Mind the Gap: Understanding the Modality Gap in Multi-modal Contrastive Representation
    Learning", NeurIPS 2022, arXiv 2203.02053.

    Example:
        >>> modality_gap(torch.tensor([[1.0, 0.0]]), torch.tensor([[-5.0, 0.0]]))
        2.0
    """
    return (unit(x).mean(dim=0) - unit(y).mean(dim=0)).norm().item()


def _scores(similarity: Tensor, temperature: float | Tensor) -> Tensor:
    if similarity.ndim != 2 or similarity.shape[0] != similarity.shape[1]:
        raise ValueError(f"expected N images and their N captions, (N, N); got {tuple(similarity.shape)}")
    if not temperature > 0:
        raise ValueError(f"expected a temperature above 0; got {float(temperature)}")
    return similarity / temperature
