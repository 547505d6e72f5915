"""InfoNCE with remembered negatives: an exercise of lesson 06_shared_space."""

import torch
from torch import Tensor

from mmgen_course.exercises.exercise import Exercise, Misconception
from mmgen_course.exercises.lessons.lesson_06 import diagonal_cross_entropy, features_and_memory
from mmgen_course.fusion import cosine_similarity, unit


def _with_memory(f: Tensor, g: Tensor, memory: Tensor, tau: float) -> Tensor:
    return diagonal_cross_entropy(cosine_similarity(f, torch.cat([g, memory])) / tau)


EXERCISE = Exercise(
    name="info_nce_with_memory",
    lesson="06_shared_space",
    number=3,
    points=3,
    minutes=12,
    difficulty=2,
    asks="InfoNCE, the mean over n pictures f (n, d) with n captions g (n, d) and m remembered ones (m, d) to choose "
    "from; compared are the loss that you return and its gradients by f, g and the remembered ones",
    inputs=features_and_memory,
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
            lambda f, g, memory, tau: diagonal_cross_entropy(unit(f) @ torch.cat([unit(g), memory.detach()]).T / tau),
            "Remembered captions keep their lengths, so long ones push harder. A cosine needs both lengths to be 1.",
        ),
        Misconception(
            "dot products for cosines",
            lambda f, g, memory, tau: diagonal_cross_entropy(f @ torch.cat([g, memory.detach()]).T / tau),
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
