"""The exercises of lesson 06_shared_space: two losses of a shared space, a hard question, and a fusion."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from mmgen_course.exercises.exercise import Exercise, Misconception
from mmgen_course.fusion import contrastive_loss, cosine_similarity, unit

LESSON = "06_shared_space"


def _maps(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Maps (C, C, C, C), so that a wrong axis does not stop with an error, and parameters (C, 2C)."""
    c = int(torch.randint(3, 6, (), generator=generator))
    return torch.randn(c, c, c, c, generator=generator), torch.randn(c, 2 * c, generator=generator)


def _film(maps: Tensor, ab: Tensor) -> Tensor:
    a, b = ab[:, :, None, None].chunk(2, dim=1)
    return (1 + a) * maps + b


FILM_MAP = Exercise(
    name="film_map",
    lesson=LESSON,
    points=2,
    minutes=8,
    difficulty=1,
    asks="maps (N, C, H, W), each channel multiplied by 1 + a and then shifted by b, where parameters (N, 2C) hold the "
    "C numbers a and then the C numbers b",
    inputs=_maps,
    reference=_film,
    misconceptions=(
        Misconception(
            "scale without its 1",
            lambda maps, ab: _film(maps, ab) - maps,
            "With all parameters 0 your map is black. A network that says nothing yet should change nothing.",
        ),
        Misconception(
            "1 added to the shift too",
            lambda maps, ab: _film(maps, ab) + 1,
            "You added 1 to all parameters. A scale that changes nothing is 1; a shift that changes nothing is not.",
        ),
        Misconception(
            "halves exchanged",
            lambda maps, ab: _film(maps, ab.roll(maps.shape[1], dims=1)),
            "You scale by the second half and shift by the first.",
        ),
        Misconception(
            "axes missing",
            lambda maps, ab: (1 + ab[:, : len(maps)]) * maps + ab[:, len(maps) :],
            "Your numbers meet rows and columns of pixels, not samples and channels: axes are matched from the last "
            "one on. These maps happen to be C long in all directions, so nothing stops you.",
        ),
        Misconception(
            "shifted first",
            lambda maps, ab: _film(maps, ab) + ab.unflatten(1, (2, -1)).prod(1)[:, :, None, None],
            "You shift before you scale, so the shift is scaled, too.",
        ),
    ),
)


def _questions(generator: torch.Generator) -> tuple[Tensor]:
    """Similarities (n, 2, 2) in steps of 0.1, so that there are ties; own captions lie nearer more often than not."""
    n = int(torch.randint(25, 41, (), generator=generator))
    return ((torch.randint(4, (n, 2, 2), generator=generator) + 2 * torch.eye(2)) / 10,)


def _judged(s: Tensor, right: Callable[[Tensor, Tensor], Tensor] = torch.gt) -> tuple[Tensor, Tensor]:
    """Of each pair, the answers for two pictures and for two captions, (n, 2) each."""
    own = s.diagonal(dim1=1, dim2=2)
    return right(own, s[:, (0, 1), (1, 0)]), right(own, s[:, (1, 0), (0, 1)])


def _shares(*flags: Tensor) -> tuple[float, ...]:
    return tuple(flag.double().mean().item() for flag in flags)


def _binding(s: Tensor, right: Callable[[Tensor, Tensor], Tensor] = torch.gt) -> tuple[float, ...]:
    text, image = (answers.all(1) for answers in _judged(s, right))
    return _shares(text, image, text & image)


BINDING_SCORES = Exercise(
    name="binding_scores",
    lesson=LESSON,
    points=3,
    minutes=10,
    difficulty=2,
    asks="three shares of n pairs: both pictures prefer their own caption, both captions prefer their own picture, and "
    "all four; from s (n, 2, 2), s[i, a, b] of picture a and caption b; a tie is no preference",
    inputs=_questions,
    reference=_binding,
    misconceptions=(
        Misconception(
            "text and image exchanged",
            lambda s: _binding(s.mT),
            "Your first two shares are exchanged. A picture compares captions: its row.",
        ),
        Misconception(
            "ties count",
            lambda s: _binding(s, torch.ge),
            "Ties count as right with you: a space that gives everything one similarity would get full marks.",
        ),
        Misconception(
            "single questions counted",
            lambda s: _shares(*_judged(s), torch.cat(_judged(s), dim=1)),
            "You count single questions, where a coin gets one half. A pair counts if all of its questions are right.",
        ),
        Misconception(
            "shares multiplied",
            lambda s: (*_binding(s)[:2], _binding(s)[0] * _binding(s)[1]),
            "Your third share is the product of the others, as if they were independent. They are of the same pairs.",
        ),
        Misconception(
            "first of each pair",
            lambda s: _shares(*(x[:, 0] for x in _judged(s)), torch.stack(_judged(s))[..., 0].all(0)),
            "You ask about picture 0 and caption 0 alone. The other half of each pair has a say, too.",
        ),
    ),
)


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
    "from; compared are the loss that you return (part 1) and its gradients by f, g and the remembered ones (part 2)",
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


def _twins_loss(one_way: Callable[[Tensor, Tensor], Tensor], ways: int = 2) -> Callable[..., Tensor]:
    """The mean over both ways of a loss of the scores (n, n) and of who has whose caption."""

    def loss(f: Tensor, g: Tensor, caption: Tensor, tau: float) -> Tensor:
        s, same = cosine_similarity(f, g) / tau, caption[:, None] == caption
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

EXERCISES = (FILM_MAP, BINDING_SCORES, INFO_NCE_WITH_MEMORY, TWINS_LOSS)
