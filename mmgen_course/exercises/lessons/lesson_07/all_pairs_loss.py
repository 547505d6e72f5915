"""A matching-aware discriminator's loss over all pairs of a batch: an exercise of lesson 07_gan."""

import torch
from torch import Tensor
from torch.nn import functional as F

from mmgen_course.exercises.exercise import Exercise, Misconception
from mmgen_course.generators import gan


def _pairs(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Logits of all pairs of 4 to 6 pictures and captions, and of 3 generated ones; captions 0 and 1 are equal."""
    n = int(torch.randint(4, 7, (), generator=generator))
    captions = torch.randint(3, (n,), generator=generator)
    captions[1], captions[2] = captions[0], (captions[0] + 1) % 3
    logits, fake = 1.5 * torch.randn(n, n, generator=generator), 1.5 * torch.randn(3, generator=generator)
    return logits, fake, captions[torch.randperm(n, generator=generator)]


def _equal(captions: Tensor) -> Tensor:
    return captions[:, None] == captions


def _loss(logits: Tensor, fake: Tensor, right: Tensor, wrong: Tensor) -> Tensor:
    return F.softplus(-logits[right]).mean() + (F.softplus(logits[wrong]).mean() + F.softplus(fake).mean()) / 2


def _all_pairs(logits: Tensor, fake: Tensor, captions: Tensor) -> Tensor:
    return _loss(logits, fake, _equal(captions), ~_equal(captions))


def _on_diagonal(logits: Tensor) -> Tensor:
    return torch.eye(len(logits), dtype=torch.bool)


def _hinge_of_pairs(logits: Tensor, fake: Tensor, captions: Tensor) -> Tensor:
    right = _equal(captions)
    return gan.matching_discriminator_loss(logits[right], logits[~right], fake)


def _masked_by_products(logits: Tensor, fake: Tensor, captions: Tensor) -> Tensor:
    right = _equal(captions).to(logits)
    of_wrong = (F.softplus(logits) * (1 - right)).mean()
    return (F.softplus(-logits) * right).mean() + (of_wrong + F.softplus(fake).mean()) / 2


def _one_table(logits: Tensor, fake: Tensor, captions: Tensor) -> Tensor:
    of_pairs = F.binary_cross_entropy_with_logits(logits, _equal(captions).to(logits))
    return of_pairs + F.softplus(fake).mean() / 2


def _masked_logits(logits: Tensor, fake: Tensor, captions: Tensor) -> Tensor:
    right = _equal(captions).to(logits)
    of_wrong = F.softplus(logits * (1 - right)).mean()
    return F.softplus(-logits * right).mean() + (of_wrong + F.softplus(fake).mean()) / 2


def _pooled_lies(logits: Tensor, fake: Tensor, captions: Tensor) -> Tensor:
    right = _equal(captions)
    return F.softplus(-logits[right]).mean() + F.softplus(torch.cat([logits[~right], fake])).mean()


EXERCISE = Exercise(
    name="all_pairs_loss",
    lesson="07_gan",
    number=2,
    points=3,
    minutes=12,
    difficulty=2,
    asks="the discriminator's loss with logarithms over all pairs of n real pictures and n captions: mean -log D of "
    "the right pairs, half of mean -log(1 - D) of the wrong ones, half of that of the generated ones, from logits "
    "(n, n) and (m,) and the numbers of the captions (n,)",
    inputs=_pairs,
    reference=_all_pairs,
    misconceptions=(
        Misconception(
            "equal captions taken for lies",
            lambda logits, fake, captions: _loss(logits, fake, _on_diagonal(logits), ~_on_diagonal(logits)),
            "You took every pair off the diagonal for a lie. Some pictures have the same caption: your discriminator "
            "is punished for believing what is true.",
        ),
        Misconception(
            "equal captions left out",
            lambda logits, fake, captions: _loss(logits, fake, _on_diagonal(logits), ~_equal(captions)),
            "Your right pairs are the diagonal alone. A picture with the caption of another one is a right pair, too, "
            "where the two captions are equal.",
        ),
        Misconception(
            "right and wrong exchanged",
            lambda logits, fake, captions: _loss(logits, fake, ~_equal(captions), _equal(captions)),
            "You reward wrong captions and punish right ones: the mask is inverted.",
        ),
        Misconception(
            "signs of the logits turned",
            lambda logits, fake, captions: _all_pairs(-logits, -fake, captions),
            "Every sign is turned: your loss is small if D is near 0 for right pairs and near 1 for lies. -log D falls "
            "as the logit grows.",
        ),
        Misconception(
            "hinge",
            _hinge_of_pairs,
            "This is the hinge loss over the right sets of pairs. Here the terms are logarithms: no margin, and nobody "
            "is left alone.",
        ),
        Misconception(
            "divided by all pairs",
            _masked_by_products,
            "You multiplied by a mask and took the mean over all n^2 pairs. The zeros count in that mean; each term "
            "shall be a mean over its own pairs.",
        ),
        Misconception(
            "one cross-entropy for the table",
            _one_table,
            "You took one cross-entropy over the whole table. Most pairs are wrong, so it hardly hears the right ones. "
            "Take a mean over each kind of pair, then weigh them.",
        ),
        Misconception(
            "mask on the logits",
            _masked_logits,
            "You set logits to 0 before the logarithm. A logit of 0 is D = 1/2, which costs log 2: hide the loss of a "
            "pair, not its logit.",
        ),
        Misconception(
            "lies in one mean",
            _pooled_lies,
            "You took one mean over all lies. There are far more wrong captions than generated pictures, so these "
            "hardly count; each kind of lie has a weight of 1/2, whatever its number.",
        ),
        Misconception(
            "lies not halved",
            lambda logits, fake, captions: (
                2 * _all_pairs(logits, fake, captions) - F.softplus(-logits[_equal(captions)]).mean()
            ),
            "Each kind of lie counts in full in yours, and the truth only once. Together the lies shall weigh as much "
            "as the truth.",
        ),
    ),
)
