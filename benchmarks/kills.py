"""Kills a training with SIGKILL at random moments, many times, and looks at what is left on the disk.

    python benchmarks/kills.py --kills 200

After each kill the checkpoint must be whole and at most one interval old, and the next training goes on from it. One
that reaches its end must have the weights of a training that nobody killed, bit for bit. The control is a writer that
writes over the old file in place: the same kills leave it unreadable.
"""

import argparse
import json
import multiprocessing
import random
import signal
import time
from collections.abc import Callable, Mapping
from ctypes import c_long
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn
from tqdm import tqdm

from mmgen_course.data.errors import DataError
from mmgen_course.data.weights import read_tensors
from mmgen_course.train import Player, Run, fit, seeded

EVERY, STEPS = 2, 100
Writer = Callable[[Mapping[str, Tensor], Path, Mapping[str, Any]], None]


def in_place(tensors: Mapping[str, Tensor], path: Path, about: Mapping[str, Any]) -> None:
    """The control: as many programs write a checkpoint, over the old one."""
    whole = save(dict(tensors), {"about": json.dumps(about)})
    with path.open("wb") as stream:
        for start in range(0, len(whole), 1 << 16):
            stream.write(whole[start : start + (1 << 16)])


def train(path: str, taken: Any, writer: Writer | None) -> None:
    """Train a layer of a million weights until somebody kills this process; `taken` counts its steps for the killer."""
    from mmgen_course.train import checkpoint

    torch.set_num_threads(1)
    if writer is not None:
        checkpoint.write_tensors = writer
    run = Run(Path(path), STEPS, every=EVERY if writer is None else 1, resume=writer is None)
    model = seeded(lambda: nn.Linear(1000, 1000), 0)

    def loss() -> Tensor:
        x = torch.randn(4, 1000, generator=run.generator)
        return (model(x) - x).square().mean()

    for _ in fit([Player("loss", model, loss, torch.optim.AdamW(model.parameters()))], STEPS, run):
        taken.value = run.step


@dataclass
class Toll:
    """What so many kills left behind."""

    kills: int = 0
    unreadable: int = 0
    worst_loss: int = 0  # steps
    ended: int = 0
    ended_otherwise: int = 0


def kill_often(kills: int, folder: Path, writer: Writer | None = None, seed: int = 0) -> Toll:
    """Kill trainings so many times, each going on where the last was killed, and count what was lost."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["mmgen_course.train", "torch._dynamo"])  # the second is what optimisers import
    moments, toll = random.Random(seed), Toll()
    expected = _weights(folder / "whole", context)
    path = folder / "killed"
    checkpoint = Run(path).checkpoint
    with tqdm(total=kills, desc="in place" if writer else "as the course", disable=None) as bar:
        while toll.kills < kills:
            taken = context.RawValue(c_long, 0)  # no lock, which a killed process would hold for ever
            child = context.Process(target=train, args=(str(path), taken, writer))
            child.start()
            while taken.value == 0 and child.is_alive():
                time.sleep(0.001)
            child.join(moments.uniform(0, 0.2))
            child.kill()
            child.join()
            if child.exitcode == -signal.SIGKILL:
                toll.kills += 1
                bar.update()
            _look(checkpoint, taken.value, toll)
            if child.exitcode == 0 and writer is None:
                toll.ended += 1
                toll.ended_otherwise += not torch.equal(read_tensors(checkpoint)[0]["loss/model/weight"], expected)
                checkpoint.unlink()
    return toll


def _look(checkpoint: Path, taken: int, toll: Toll) -> None:
    try:
        step = read_tensors(checkpoint)[1]["step"] if checkpoint.exists() or taken >= EVERY else 0
    except DataError:
        toll.unreadable += 1
        checkpoint.unlink(missing_ok=True)
        return
    assert isinstance(step, int)
    toll.worst_loss = max(toll.worst_loss, taken - step)


def _weights(path: Path, context: Any) -> Tensor:
    taken = context.RawValue(c_long, 0)
    child = context.Process(target=train, args=(str(path), taken, None))
    child.start()
    child.join()
    return read_tensors(Run(path).checkpoint)[0]["loss/model/weight"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    options = parser.parse_args()
    jobs = (("the course", None, options.kills), ("in place", in_place, max(25, options.kills // 8)))
    for name, writer, kills in jobs:
        with TemporaryDirectory() as folder:
            toll = kill_often(kills, Path(folder), writer)
        every = EVERY if writer is None else 1
        print(f"{name}, a checkpoint every {every} steps: {toll.kills} kills, {toll.unreadable} files unreadable,")
        print(f"    at most {toll.worst_loss} steps lost; {toll.ended} trainings came to their end,", end=" ")
        print(f"{toll.ended_otherwise} of them with other weights than one that nobody killed")


if __name__ == "__main__":
    main()
