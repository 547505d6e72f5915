"""A player of a training: a model, its loss, its optimiser; and what most trainings share in setting one up.

An ordinary training has one player, a GAN two. `loop` lets them take turns.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

Model = TypeVar("Model", bound=nn.Module)
Batch = Callable[[], Sequence[Tensor]]  # the tensors of one step; their first axes are equal


def seeded(build: Callable[[], Model], seed: int) -> Model:
    """Build a model whose first weights depend on the seed alone; the global random state stays as it was.

    Example:
        >>> a, b = (seeded(lambda: nn.Linear(2, 2), seed=1) for _ in range(2))
        >>> torch.equal(a.weight, b.weight)
        True
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()


def constant(step: int, steps: int) -> float:
    """The whole learning rate at every step.

    Example:
        >>> constant(0, 20), constant(19, 20)
        (1.0, 1.0)
    """
    return 1.0


def warmup_cosine(step: int, steps: int) -> float:
    """The learning rate at a step, counted from 0, as a share of the highest: a line up, then half a cosine down to 0.

    The rise takes the first tenth of the steps, at least one.

    Source: I. Loshchilov, F. Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR 2017, equation 5,
    for the fall.

    Example:
        >>> [round(warmup_cosine(step, 20), 2) for step in (0, 1, 2, 11, 19)]
        [0.5, 1.0, 1.0, 0.5, 0.01]
    """
    rise = max(1, steps // 10)
    if step < rise:
        return (step + 1) / rise
    return (1 + math.cos(math.pi * (step - rise) / (steps - rise))) / 2


def ema(model: nn.Module, decay: float) -> AveragedModel:
    """A copy of a model that follows it slowly: after each step, decay times the copy plus 1 - decay times the model.

    Buffers, such as running means, are averaged like the weights. The copy itself is `.module`.

    Source: Y. Yazıcı et al., "The Unusual Effectiveness of Averaging in GAN Training", ICLR 2019, equation 2.

    Example:
        >>> model = nn.Linear(1, 1)
        >>> average = ema(model, decay=0.9)
        >>> average.update_parameters(model)  # the first one copies
        >>> torch.equal(average.module.weight, model.weight)
        True
    """
    return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)


@dataclass
class Player:
    """One player of a training: it moves the parameters of its own model to lower its own loss, and no others.

    Attributes:
        name: of its loss, in what `fit` yields.
        model: what learns.
        loss: gives a scalar, of what `batch` drew; without a `batch` it takes nothing, and draws its own at every call.
            Other models that it uses stand still.
        optimiser: over the model's parameters.
        schedule: (step, steps) -> share of the optimiser's learning rate; `constant` or `warmup_cosine`.
        times: how many steps it takes in each step of the training.
        average: from `ema`, updated after each of its steps.
        batch: draws the tensors of a step, on the CPU; `fit` deals them out to the processes, and moves them to the
            device of the run.
    """

    name: str
    model: nn.Module
    loss: Callable[..., Tensor]
    optimiser: torch.optim.Optimizer
    schedule: Callable[[int, int], float] = constant
    times: int = 1
    average: AveragedModel | None = None
    batch: Batch | None = None
