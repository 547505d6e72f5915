"""One round of GAN training: an exercise of lesson 07_gan."""

from collections.abc import Callable
from functools import cache, partial

import torch
from torch import Tensor, nn

from mmgen_course.exercises.exercise import Exercise, Misconception
from mmgen_course.exercises.run_answer import Net
from mmgen_course.generators import gan


@cache
def _load_optimisers() -> None:
    """The first optimiser of a process imports for seconds: not on the clock of a learner who uses one."""
    torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)


def _players(generator: torch.Generator) -> tuple[Net, Net, Tensor, Tensor, float]:
    """A generator from 2 to 2 numbers and a judge of these; real samples of 2 batches and noise of 3; a rate."""
    _load_optimisers()
    n = int(torch.randint(3, 6, (), generator=generator))
    x, z = torch.randn(2, n, 2, generator=generator) + 1, torch.randn(3, n, 2, generator=generator)
    rate = 0.2 + 0.2 * torch.rand((), generator=generator).item()
    return Net.drawn((2, 4, 2), generator), Net.drawn((2, 6, 1), generator), x, z, rate


def _descend(players: tuple[nn.Module, ...], loss: Tensor, rate: float) -> None:
    """One step on all gradients that the players hold, with those of this loss added to them."""
    loss.backward()
    with torch.no_grad():
        for parameter in (p for player in players for p in player.parameters()):
            if parameter.grad is not None:
                parameter.sub_(rate * parameter.grad)


def _round(
    maker: nn.Module,
    judge: nn.Module,
    x: Tensor,
    z: Tensor,
    rate: float,
    *,
    loss: Callable[[Tensor], Tensor] = gan.non_saturating_loss,
    mistake: str = "",
) -> float:
    old = Net((2, 6, 1), {name: value.clone() for name, value in judge.state_dict().items()}).build()
    for real, noise in zip(x, z[:2], strict=True):
        if mistake not in ("accumulated", "never cleared"):
            judge.zero_grad()
        fake = maker(noise) if mistake == "attached" else maker(noise).detach()
        value = gan.value(judge(real), judge(fake))
        _descend((judge,), -value / 2 if mistake == "halved" else -value, rate)
    cost = loss((old if mistake == "old judge" else judge)(maker(z[1 if mistake == "old noise" else 2])))
    if mistake == "both":
        judge.zero_grad()
    if mistake != "judge alone":
        _descend((maker, judge) if mistake == "both" else (maker,), cost, rate)
    if mistake not in ("left", "never cleared"):
        maker.zero_grad()
    if mistake not in ("left", "never cleared", "left in the judge"):
        judge.zero_grad()
    return loss(judge(maker(z[2]))).item() if mistake == "late" else cost.item()


def _mistaken(mistake: str) -> Callable[..., float]:
    return partial(_round, mistake=mistake)


EXERCISE = Exercise(
    name="one_round",
    lesson="07_gan",
    number=4,
    points=4,
    minutes=20,
    difficulty=3,
    asks="one round: two steps of the judge on -V with x[0], z[0] and x[1], z[1], then one of the generator on -log D "
    "with z[2]; w <- w - rate times the gradient; no gradient is left behind. What you return is the "
    "generator's loss before its step; network 1 is the generator, network 2 the judge",
    inputs=_players,
    reference=_round,
    way="step",
    misconceptions=(
        Misconception(
            "saturating loss",
            partial(_round, loss=gan.saturating_loss),
            "Your generator minimises log(1 - D), which is nearly flat as long as the judge sees through it. Its loss "
            "here is -log D.",
        ),
        Misconception(
            "generator helps the judge",
            partial(_round, loss=lambda fake: -gan.saturating_loss(fake)),
            "Your generator minimises -log(1 - D): it makes samples that are found out more easily, as if both played "
            "on the same side. With which label must the judge be asked about them?",
        ),
        Misconception(
            "halved value",
            _mistaken("halved"),
            "Your judge's loss is the mean of its two halves, so its steps are half as long. The value is their sum.",
        ),
        Misconception(
            "samples not detached",
            _mistaken("attached"),
            "The judge's losses have left gradients in the generator, and its step follows these, too: it is pulled "
            "towards being found out. Keep the judge's loss away from the generator, or clear its gradients before its "
            "turn.",
        ),
        Misconception(
            "gradients of two steps added",
            _mistaken("accumulated"),
            "Your judge's second step still has the gradient of the first in it: backward() adds to what is there.",
        ),
        Misconception(
            "gradients never cleared",
            _mistaken("never cleared"),
            "You never clear a gradient: the judge's second step contains its first, the next round all of this one.",
        ),
        Misconception(
            "both moved by the generator's loss",
            _mistaken("both"),
            "Your judge moves in the generator's turn as well, and learns to be fooled. The gradient passes "
            "through it, but each player moves its own network only.",
        ),
        Misconception(
            "generator stands still",
            _mistaken("judge alone"),
            "Your generator has not moved. Its loss must reach its weights: here its samples may not be detached.",
        ),
        Misconception(
            "judge of before the round",
            _mistaken("old judge"),
            "Your generator plays against the judge of before this round. It has its turn after the judge's two steps, "
            "so ask the judge again.",
        ),
        Misconception(
            "noise used again",
            _mistaken("old noise"),
            "Your generator's step uses the noise of the judge's second step, on which the judge was just trained. "
            "Fresh noise is there, z[2].",
        ),
        Misconception(
            "loss after the step",
            _mistaken("late"),
            "Both networks are right. But what you return is the generator's loss after its step; asked for is the "
            "one before, whose gradient it followed.",
        ),
        Misconception(
            "gradient left in the judge",
            _mistaken("left in the judge"),
            "All weights are right, and the generator is clean. But its loss went through the judge, and has left a "
            "gradient there.",
        ),
        Misconception(
            "gradients left behind",
            _mistaken("left"),
            "All weights are right, but gradients are left behind. The generator's loss has put some into the judge, "
            "too, where the next round may add to them. Clear both.",
        ),
    ),
)
