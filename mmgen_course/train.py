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


def minimise(model: nn.Module, loss: Callable[[], Tensor], steps: int, rate: float = 3e-3) -> Iterator[float]:
    """Train for a number of steps, and yield the loss of each; `loss` draws its own batch at every call.

    AdamW; the learning rate rises to `rate` for the first tenth of the steps, then falls to 0 as a cosine does.
    The model is left in training mode.

    Raises:
        ValueError: fewer than 2 steps.
        FloatingPointError: the loss is no longer finite; the message names the step, and that step is not taken.

    Source: I. Loshchilov, F. Hutter, "Decoupled Weight Decay Regularization", ICLR 2019, arXiv 1711.05101;
    L. N. Smith, N. Topin, arXiv 1708.07120, for the rise and fall (`torch.optim.lr_scheduler.OneCycleLR`).

    Example:
        >>> model = seeded(lambda: nn.Linear(1, 1), seed=0)
        >>> x = torch.linspace(-1, 1, 8)[:, None]
        >>> losses = list(minimise(model, lambda: (model(x) - 3 * x).square().mean(), steps=200, rate=0.1))
        >>> losses[-1] < 1e-3 < losses[0]
        True
    """
    if steps < 2:
        raise ValueError(f"expected at least 2 steps, so that the rate can rise and fall; came {steps}")
    optimiser = torch.optim.AdamW(model.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=rate, total_steps=steps, pct_start=0.1)
    model.train()
    for step in range(steps):
        value = loss()
        if not math.isfinite(value.item()):
            raise FloatingPointError(f"the loss is {value.item()} at step {step}: lower the rate {rate}")
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        schedule.step()
        yield value.item()
