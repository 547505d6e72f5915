"""Exercises of lesson 06_shared_space: two losses with other strangers."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from mmgen_course.exercises.exercise import Exercise, Misconception
from mmgen_course.fusion import contrastive_loss, cosine_similarity, unit

LESSON = "06_shared_space"


def _remembered(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, float]:
    """Pictures and captions (n, 4), captions of earlier batches (m, 4), and a temperature."""
    n, m = (int(x) for x in torch.randint(5, 9, (2,), generator=generator))
    x = 2 * torch.randn(2 * n + m, 4, generator=generator)
    return x[:n], x[n : 2 * n], x[2 * n :], 0.2 + torch.rand((), generator=generator).item() / 2


def _own(s: Tensor) -> Tensor:
    return F.cross_entropy(s, torch.arange(len(s)))


def _with_memory(f: Tensor, g: Tensor, memory: Tensor, tau: float) -> Tensor:
    return _own(cosine_similarity(f, torch.cat([g, memory])) / tau)


INFO_NCE_WITH_MEMORY = Exercise(
    name="info_nce_with_memory",
    lesson=LESSON,
    points=3,
    minutes=12,
    difficulty=2,
    asks="InfoNCE, the mean over n pictures f (n, d) with n captions g (n, d) and m remembered ones (m, d) to choose "
    "from; compared are the loss that you return and its gradients by f, g and the remembered ones",
    inputs=_remembered,
    reference=lambda f, g, memory, tau: _with_memory(f, g, memory.detach(), tau),
    misconceptions=(
        Misconception(
            "memory learns",
            _with_memory,
            "Your value is right, but a gradient flows into the memory. Its graph is long gone: it is a constant.",
        ),
        Misconception(
            "captions of the batch detached",
            lambda f, g, memory, tau: _with_memory(f, g.detach(), memory.detach(), tau),
            "The captions of this batch get no gradient: you cut off too much. Who reads them would never learn.",
        ),
        Misconception(
            "memory as long as it came",
            lambda f, g, memory, tau: _own(unit(f) @ torch.cat([unit(g), memory.detach()]).T / tau),
            "Remembered captions keep their lengths, so long ones push harder. A cosine needs both lengths to be 1.",
        ),
        Misconception(
            "dot products for cosines",
            lambda f, g, memory, tau: _own(f @ torch.cat([g, memory.detach()]).T / tau),
            "Your scores are plain dot products, so a caption can win by its length. Only the directions count.",
        ),
        Misconception(
            "nothing learns",
            lambda f, g, memory, tau: _with_memory(f, g, memory, tau).detach(),
            "Your value is right, and no gradient flows at all. Only the memory is a constant.",
        ),
        Misconception(
            "wrong partner",
            lambda f, g, memory, tau: _with_memory(f, memory.detach(), g, tau),
            "With the memory in front, candidate i is a remembered caption. Which number has the partner now?",
        ),
        Misconception(
            "batch left out",
            lambda f, g, memory, tau: torch.stack(
                [_with_memory(f[i : i + 1], g[i : i + 1], memory.detach(), tau) for i in range(len(f))]
            ).mean(),
            "Your only strangers are remembered. The other captions of the batch are strangers, too.",
        ),
    ),
    way="gradient",
)


def _twins(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, float]:
    """Pictures and captions (n, 4), the number of each caption, with equal ones among them, and a temperature."""
    f, g, _, tau = _remembered(generator)
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


TWINS_LOSS = Exercise(
    name="twins_loss",
    lesson=LESSON,
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
            _twins_loss(lambda s, same: _own(s - 1e9 * (same.tril(-1) | same.triu(1)))),
            "You took the other right answers out of the test. They are not strangers, but partners to be found.",
        ),
        Misconception(
            "one way only",
            _twins_loss(_shared, ways=1),
            "You ask pictures for captions alone. CLIP asks captions for pictures, too.",
        ),
    ),
)

EXERCISES = (INFO_NCE_WITH_MEMORY, TWINS_LOSS)
