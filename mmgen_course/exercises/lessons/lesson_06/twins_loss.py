"""The loss of CLIP where several captions are right: an exercise of lesson 06_shared_space."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from mmgen_course.exercises.exercise import Exercise, Misconception
from mmgen_course.exercises.lessons.lesson_06 import diagonal_cross_entropy, features_and_memory
from mmgen_course.fusion import contrastive_loss, cosine_similarity


def _twins(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, float]:
    """Pictures and captions (n, 4), the number of each caption, with equal ones among them, and a temperature."""
    f, g, _, tau = features_and_memory(generator)
    return f, g, torch.randint(3, (len(f),), generator=generator), tau


Pairwise = Callable[[Tensor, Tensor], Tensor]


def _twins_loss(one_way: Pairwise, ways: int = 2, alike: Pairwise = cosine_similarity) -> Callable[..., Tensor]:
    """The mean over both ways of a loss of the scores (n, n) and of who has whose caption."""

    def loss(f: Tensor, g: Tensor, caption: Tensor, tau: float) -> Tensor:
        s, same = alike(f, g) / tau, caption[:, None] == caption
        return torch.stack([one_way(s, same), one_way(s.mT, same)][:ways]).mean()

    return loss


def _shared(s: Tensor, same: Tensor) -> Tensor:
    return F.cross_entropy(s, same / same.sum(1, keepdim=True))


EXERCISE = Exercise(
    name="twins_loss",
    lesson="06_shared_space",
    number=4,
    points=4,
    minutes=15,
    difficulty=3,
    asks="the loss of CLIP for features f, g (n, d) where captions with the same number are all right answers: of k "
    "right ones each should get 1/k; mean over the questions, both ways",
    inputs=_twins,
    reference=_twins_loss(_shared),
    misconceptions=(
        Misconception(
            "diagonal alone",
            lambda f, g, caption, tau: contrastive_loss(cosine_similarity(f, g), tau),
            "Only the diagonal is right with you: equal captions are pushed away as strangers.",
        ),
        Misconception(
            "dot products for cosines",
            _twins_loss(_shared, alike=lambda f, g: f @ g.T),
            "Your scores are plain dot products, so a long vector can win by its length. Only the directions count.",
        ),
        Misconception(
            "ways added",
            lambda *given: 2 * _twins_loss(_shared)(*given),
            "You added the two ways. The loss of CLIP is their mean.",
        ),
        Misconception(
            "right answers summed",
            _twins_loss(lambda s, same: F.cross_entropy(s, same.float())),
            "You add up the right answers of a question, so a picture with four counts four times.",
        ),
        Misconception(
            "every pair counts the same",
            _twins_loss(lambda s, same: -s.log_softmax(1)[same].mean()),
            "Your mean runs over all right pairs at once: questions with many right answers weigh more than others.",
        ),
        Misconception(
            "logarithm of the sum",
            _twins_loss(lambda s, same: -(s.softmax(1) * same).sum(1).log().mean()),
            "You ask what the right answers get together: one of them may take it all. Each is to get its share.",
        ),
        Misconception(
            "twins left out",
            _twins_loss(lambda s, same: diagonal_cross_entropy(s - 1e9 * (same.tril(-1) | same.triu(1)))),
            "You took the other right answers out of the test. They are not strangers, but partners to be found.",
        ),
        Misconception(
            "one way only",
            _twins_loss(_shared, ways=1),
            "You ask pictures for captions alone. CLIP asks captions for pictures, too.",
        ),
    ),
)
