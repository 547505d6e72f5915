"""A one-sided gradient penalty: an exercise of lesson 07_gan."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from mmgen_course.exercises.exercise import Exercise, Misconception


def _critic_and_samples(generator: torch.Generator) -> tuple[Tensor, ...]:
    """A critic with 5 hidden numbers, some of whose slopes are above 1 and some below, and 4 to 6 pairs of samples."""
    n, d = (int(torch.randint(low, high, (), generator=generator)) for low, high in ((4, 7), (2, 5)))
    inner, outer = torch.randn(5, d, generator=generator), torch.randn(5, generator=generator).sign()
    real, fake = torch.randn(n, d, generator=generator), torch.randn(n, d, generator=generator) + 1
    return inner, outer, real, fake, torch.rand(n, 1, generator=generator)


def _slopes(inner: Tensor, outer: Tensor, x: Tensor) -> Tensor:
    """The gradients by x of outer . tanh(inner x), (n, d)."""
    return ((1 - (x @ inner.mT).tanh().square()) * outer) @ inner


def _above_1(norms: Tensor) -> Tensor:
    return F.relu(norms - 1).square().mean()


def _one_sided(
    inner: Tensor,
    outer: Tensor,
    real: Tensor,
    fake: Tensor,
    epsilon: Tensor,
    cost: Callable[[Tensor], Tensor] = lambda slopes: _above_1(slopes.norm(dim=1)),
) -> Tensor:
    x = (epsilon * real + (1 - epsilon) * fake).detach()
    return cost(_slopes(inner, outer, x))


def _reaches_samples(inner: Tensor, outer: Tensor, real: Tensor, fake: Tensor, epsilon: Tensor) -> Tensor:
    return _above_1(_slopes(inner, outer, epsilon * real + (1 - epsilon) * fake).norm(dim=1))


EXERCISE = Exercise(
    name="one_sided_penalty",
    lesson="07_gan",
    number=3,
    points=3,
    minutes=15,
    difficulty=3,
    asks="the mean over n points x = epsilon real + (1 - epsilon) fake of max(0, |grad f(x)| - 1)^2 for the critic "
    "f(x) = v . tanh(W x), so that a step on it changes W and v but no sample: compared are its value, and its "
    "gradients by the five arguments W, v, real, fake, epsilon",
    inputs=_critic_and_samples,
    reference=_one_sided,
    way="gradient",
    misconceptions=(
        Misconception(
            "slope is a constant",
            lambda *case: _one_sided(*case).detach(),
            "The value is right, but no gradient reaches W and v: your critic would never get less steep. The slope is "
            "itself to be differentiated, and PyTorch keeps no graph of a gradient unless you ask for it.",
        ),
        Misconception(
            "penalty reaches the samples",
            _reaches_samples,
            "The value is right, but its gradient also reaches the samples. In a training the generated ones hang on "
            "the generator, which would be moved by the critic's penalty. Cut that thread.",
        ),
        Misconception(
            "squared norm",
            partial(_one_sided, cost=lambda slopes: _above_1(slopes.square().sum(dim=1))),
            "You compared the squared norm with 1: a slope of 3 costs 64 instead of 4.",
        ),
        Misconception(
            "not squared",
            partial(_one_sided, cost=lambda slopes: F.relu(slopes.norm(dim=1) - 1).mean()),
            "Your cost grows in proportion to what is above 1; asked for is its square. A slope of 3 costs 4, and 2 "
            "with you.",
        ),
        Misconception(
            "summed over points",
            partial(_one_sided, cost=lambda slopes: len(slopes) * _above_1(slopes.norm(dim=1))),
            "Your penalty is a sum over the points, and grows with the batch. Of the slopes the sum is taken, of the "
            "costs the mean.",
        ),
        Misconception(
            "norm over the points",
            partial(_one_sided, cost=lambda slopes: _above_1(slopes.norm(dim=0))),
            "Your norms run over the points, one for each coordinate. A slope is the norm of one point's gradient.",
        ),
        Misconception(
            "two-sided",
            partial(_one_sided, cost=lambda slopes: (slopes.norm(dim=1) - 1).square().mean()),
            "You punish slopes below 1, too. A function with a slope of at most 1 may be flat.",
        ),
        Misconception(
            "slope of the mean",
            partial(_one_sided, cost=lambda slopes: _above_1(slopes.norm(dim=1) / len(slopes))),
            "You differentiated the mean of f over the batch: each slope comes out n times too small, and the penalty "
            "sleeps. Of what must the gradient be taken, so that each sample keeps its own slope?",
        ),
        Misconception(
            "one norm for the batch",
            partial(_one_sided, cost=lambda slopes: _above_1(slopes.norm())),
            "You took one norm over the whole batch. Each point has its own slope: the norm runs over its numbers.",
        ),
        Misconception(
            "at the real samples",
            lambda inner, outer, real, fake, epsilon: _one_sided(inner, outer, real, fake, torch.ones_like(epsilon)),
            "You asked for the slope at the real samples, as R1 does. This penalty looks between real and generated "
            "ones, where the critic has to climb.",
        ),
        Misconception(
            "epsilon on the other side",
            lambda inner, outer, real, fake, epsilon: _one_sided(inner, outer, fake, real, epsilon),
            "Your points lie at 1 - epsilon. On average that is the same, but not for the epsilon that is given.",
        ),
    ),
)
