"""A model and its loss go in; the loss of each step comes out while the model learns: the one loop of the course.

Lesson 03_cnn_features writes it out before it imports it.
"""

import math
from collections.abc import Callable, Iterator
from typing import TypeVar

import torch
from torch import Tensor, nn

Model = TypeVar("Model", bound=nn.Module)


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


def rate_at(step: int, steps: int) -> float:
    """The learning rate at a step, counted from 0, as a share of the highest: a line up, then half a cosine down to 0.

    The rise takes the first tenth of the steps, at least one.

    Source: I. Loshchilov, F. Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR 2017, equation 5,
    for the fall.

    Example:
        >>> [round(rate_at(step, 20), 2) for step in (0, 1, 2, 11, 19)]
        [0.5, 1.0, 1.0, 0.5, 0.01]
    """
    rise = max(1, steps // 10)
    if step < rise:
        return (step + 1) / rise
    return (1 + math.cos(math.pi * (step - rise) / (steps - rise))) / 2


def minimise(model: nn.Module, loss: Callable[[], Tensor], steps: int, rate: float = 3e-3) -> Iterator[float]:
    """Train for a number of steps, and yield the loss of each; `loss` draws its own batch at every call.

    AdamW, its learning rate following `rate_at`, up to `rate`. The model is left in training mode.

    Raises:
        FloatingPointError: the loss is no longer finite; the message names the step, and that step is not taken.

    Source: I. Loshchilov, F. Hutter, "Decoupled Weight Decay Regularization", ICLR 2019, algorithm 2.

    Example:
        >>> model = seeded(lambda: nn.Linear(1, 1), seed=0)
        >>> x = torch.linspace(-1, 1, 8)[:, None]
        >>> losses = list(minimise(model, lambda: (model(x) - 3 * x).square().mean(), steps=200, rate=0.1))
        >>> losses[-1] < 1e-3 < losses[0]
        True
    """
    optimiser = torch.optim.AdamW(model.parameters(), lr=rate)
    model.train()
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = rate * rate_at(step, steps)
        value = loss()
        if not math.isfinite(value.item()):
            raise FloatingPointError(f"the loss is {value.item()} at step {step}: lower the rate {rate}")
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        yield value.item()
