"""A critic and a generator, with a gradient penalty, trained for a few steps: by one process or under torchrun.

    torchrun --nproc-per-node 2 tests/two_processes.py OUT.json ...

writes the losses and what was learned into each file, one training after the other, and goes on from a checkpoint if
there is one. tests/test_train_parallel.py compares it with `train` in one process.
"""

import json
import sys
from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import softplus

from mmgen_course.train import Player, Run, ema, fit, is_first, processes, seeded

STEPS, BATCH = 12, 8


class Late(nn.Module):
    """Adds a learned number, but not in the first half of the training."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.run, self.number = run, nn.Parameter(torch.zeros(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x if self.run.step < STEPS // 2 else x + self.number


def players(run: Run) -> list[Player]:
    d = seeded(lambda: nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 1)), 1)
    g = seeded(lambda: nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 2), Late(run)), 2)

    def noise() -> torch.Tensor:
        return torch.randn(BATCH, 2, generator=run.generator)

    def critic(real_noise: torch.Tensor, fake_noise: torch.Tensor) -> torch.Tensor:
        x = (real_noise + 2).requires_grad_()
        real = d(x)
        (slope,) = torch.autograd.grad(real.sum(), x, create_graph=True)
        penalty = slope.square().sum(1).mean()
        return (softplus(-real) + softplus(d(g(fake_noise)))).mean() + penalty / 2

    def generator_net(z: torch.Tensor) -> torch.Tensor:
        return softplus(-d(g(z))).mean()

    adam = {model: torch.optim.Adam(model.parameters(), lr=0.02) for model in (d, g)}
    return [
        Player("critic", d, critic, adam[d], times=2, batch=lambda: (noise(), noise())),
        Player("generator", g, generator_net, adam[g], average=ema(g, 0.9), batch=lambda: (noise(),)),
    ]


def train(out: Path, until: int = STEPS) -> None:
    """Train, write what came of it, and abandon it after step `until`."""
    run = Run(out.with_suffix(".weights"), STEPS, every=5, resume=True)
    both = players(run)
    losses = []
    for values in fit(both, STEPS, run):
        losses.append(values)
        if run.step == until:
            break
    weights = [p.tolist() for player in both for p in player.model.parameters()]
    if is_first():
        out.write_text(json.dumps({"losses": losses, "weights": weights}))
    else:
        out.with_suffix(".second").write_text(json.dumps(weights))


if __name__ == "__main__":
    torch.set_num_threads(1)
    with processes():
        for name in sys.argv[1:]:
            train(Path(name))
