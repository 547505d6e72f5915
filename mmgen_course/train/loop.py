"""The loop of every training: players take turns, each moving its own model against its own loss.

One player is an ordinary training, two are a GAN. Lesson 03_cnn_features derives the first, 07_gan the second.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.utils import get_total_norm

from mmgen_course.train.parallel import mean_over_processes, shard, shared_gradients
from mmgen_course.train.player import Batch, Player, warmup_cosine
from mmgen_course.train.run import Run, Samples


def minimise(
    model: nn.Module,
    loss: Callable[..., Tensor],
    steps: int,
    rate: float = 3e-3,
    run: Run | None = None,
    batch: Batch | None = None,
) -> Iterator[float]:
    """Train one model for a number of steps, and yield the loss of each: `fit` with one player.

    AdamW, its learning rate following `warmup_cosine`, up to `rate`. For `loss` and `batch` see `Player`.

    Raises:
        FloatingPointError: as `fit` does.

    Source: I. Loshchilov, F. Hutter, "Decoupled Weight Decay Regularization", ICLR 2019, algorithm 2.

    Example:
        >>> from mmgen_course.train import seeded
        >>> model = seeded(lambda: nn.Linear(1, 1), seed=0)
        >>> x = torch.linspace(-1, 1, 8)[:, None]
        >>> losses = list(minimise(model, lambda: (model(x) - 3 * x).square().mean(), steps=200, rate=0.1))
        >>> losses[-1] < 1e-3 < losses[0]
        True
    """
    player = Player("loss", model, loss, torch.optim.AdamW(model.parameters(), lr=rate), warmup_cosine, batch=batch)
    for losses in fit([player], steps, run):
        yield losses["loss"]


def fit(
    players: Sequence[Player], steps: int, run: Run | None = None, samples: Samples | None = None
) -> Iterator[dict[str, float]]:
    """Train for a number of steps, and yield the losses of each by name; a player of several times gives its last.

    The players take turns in their order. All models are left in training mode. With a `run`, there is a checkpoint at
    each of its intervals, from which the training can go on; it ends early at Ctrl-C or at a loss that is not finite,
    with whole steps taken, and says so in `run.stopped`. Under `torchrun`, each process gets its shard of what a
    player's `batch` draws, and gradients and losses are means over all processes.

    Args:
        players: each with a name of its own.
        steps: how many, the ones before a checkpoint included.
        run: where checkpoints lie, and whether to go on from one.
        samples: images in [-1, 1] to look at, drawn at each interval of the run; they must not use `run.generator`.

    Raises:
        FloatingPointError: without a run, a loss or gradient is not finite; the message names the step. No step is
            taken with it.
        DataError: the checkpoint cannot be read, or belongs to another training: what differs is listed.
        ValueError: two players of one name.

    Example:
        >>> from mmgen_course.train import seeded
        >>> x, y = (seeded(lambda: nn.Linear(1, 1, bias=False), seed) for seed in (0, 1))
        >>> gap = lambda: (x.weight - y.weight).square().sum()  # one runs after the other, which runs away
        >>> players = [Player("near", x, gap, torch.optim.SGD(x.parameters(), lr=0.1))]
        >>> players += [Player("far", y, lambda: -gap(), torch.optim.SGD(y.parameters(), lr=0.1))]
        >>> [sorted(losses) for losses in fit(players, steps=2)]
        [['far', 'near'], ['far', 'near']]
    """
    if len({player.name for player in players}) < len(players):
        raise ValueError(f"expected a name of its own for each player; got {[player.name for player in players]}")
    rates = [[group["lr"] for group in player.optimiser.param_groups] for player in players]
    objectives = [shared_gradients(player.model, player.loss) for player in players]
    for player in players:
        player.model.train()
    run = run or Run()
    with run.begun(players, samples):
        while run.step < steps and not run.is_over():
            try:
                losses = {}
                for player, rate, objective in zip(players, rates, objectives, strict=True):
                    for group, highest in zip(player.optimiser.param_groups, rate, strict=True):
                        group["lr"] = highest * player.schedule(run.step, steps)
                    with _others_still(player, players):
                        for _ in range(player.times):
                            losses[player.name] = _step(player, objective, run)
            except FloatingPointError as error:
                run.fail(error)
                return
            run.after_step()
            yield losses


def _step(player: Player, objective: Callable[..., Tensor], run: Run) -> float:
    with torch.autocast(run.device.type, torch.bfloat16, enabled=run.bf16):
        drawn = player.batch() if player.batch else ()
        value = objective(*(shard(part).to(run.device) for part in drawn))
    got = mean_over_processes(value)
    if not math.isfinite(got):
        raise FloatingPointError(f"the loss '{player.name}' is {got} at step {run.step}: lower the learning rate")
    player.optimiser.zero_grad()
    value.backward()
    norm = get_total_norm([p.grad for p in player.model.parameters() if p.grad is not None]).item()
    if not math.isfinite(norm):
        raise FloatingPointError(
            f"the gradient of '{player.name}' is {norm} at step {run.step}: lower the learning rate"
        )
    player.optimiser.step()
    if player.average is not None:
        player.average.update_parameters(player.model)
    return got


@contextmanager
def _others_still(player: Player, players: Sequence[Player]) -> Iterator[None]:
    """No gradient reaches the parameters of the other players in this block: neither moved nor paid for."""
    own = set(player.model.parameters())
    still = [p for other in players for p in other.model.parameters() if p.requires_grad and p not in own]
    for parameter in still:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in still:
            parameter.requires_grad_(True)
