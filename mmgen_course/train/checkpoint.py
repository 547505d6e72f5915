"""A training on disk: players and random states as one safetensors file, and back, bit for bit.

The tensors are the models, their averages, what the optimisers remember, and the states of the random numbers. The
header holds, as JSON, the step, and all that must be the same for the training to go on from here.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mmgen_course.data.errors import OtherTraining, WrongWeights
from mmgen_course.data.weights import read_tensors, write_tensors
from mmgen_course.train.player import Player

OWN, GLOBAL = "random/own", "random/global"


def write_checkpoint(
    path: Path, players: Sequence[Player], generator: torch.Generator, depends_on: Mapping[str, Any], step: int
) -> None:
    """Write the whole state of a training after a number of steps; a kill half-way leaves the file before it.

    Args:
        path: the file.
        players: their names must differ.
        generator: the training's own random numbers.
        depends_on: what makes it this training, as JSON values: compared when it goes on.
        step: how many steps were taken.
    """
    tensors = {OWN: generator.get_state(), GLOBAL: torch.get_rng_state()}
    for name, module in _modules(players):
        tensors |= {f"{name}/{key}": value for key, value in module.state_dict().items()}
    for player in players:
        tensors |= {f"{player.name}/optimiser/{key}": value for key, value in _memory(player.optimiser)}
    write_tensors(tensors, path, {"step": step, "of": depends_on})


def read_checkpoint(
    path: Path, players: Sequence[Player], generator: torch.Generator, depends_on: Mapping[str, Any]
) -> int:
    """Put a training back where `write_checkpoint` left it, all of it or nothing, and return the step.

    Raises:
        OtherTraining: it depends on other values; each is listed, as it was and as it is now.
        WrongWeights: the models are others.
        DamagedWeights: the file cannot be read.
    """
    got, about = read_tensors(path)
    was: Any = about["of"]
    if differs := _differences(was, depends_on):
        remedy = "Go on with what it was begun with, or remove it to begin anew."
        raise OtherTraining(path, "a checkpoint of this training", "differences", differs, remedy)
    states = {name: _below(f"{name}/", got) for name, _ in _modules(players)}
    if faults := [fault for name, module in _modules(players) for fault in _faults(name, module, states[name])]:
        raise WrongWeights(path, "the models of this training", "faults", faults, "Remove it to begin anew.")
    for name, module in _modules(players):
        module.load_state_dict(states[name])
    for player in players:
        _remember(player.optimiser, _below(f"{player.name}/optimiser/", got))
    generator.set_state(got[OWN])
    torch.set_rng_state(got[GLOBAL])
    step: Any = about["step"]
    return step


def _modules(players: Sequence[Player]) -> Iterator[tuple[str, nn.Module]]:
    for player in players:
        yield f"{player.name}/model", player.model
        if player.average is not None:
            yield f"{player.name}/average", player.average


def _memory(optimiser: torch.optim.Optimizer) -> Iterator[tuple[str, Tensor]]:
    """What an optimiser remembers of each parameter, by the parameter's number; what it is set to is not in it."""
    for number, memory in optimiser.state_dict()["state"].items():
        for key, value in memory.items():
            if not isinstance(value, Tensor):
                raise ValueError(f"expected an optimiser that remembers tensors; {key!r} is {value!r}")
            yield f"{number}/{key}", value


def _remember(optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        number, key = name.split("/")
        state.setdefault(int(number), {})[key] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _faults(name: str, module: nn.Module, got: Mapping[str, Tensor]) -> list[str]:
    want = {key: value.shape for key, value in module.state_dict().items()}
    have = {key: value.shape for key, value in got.items()}
    return sorted(f"{name}/{key}" for key in want.keys() | have.keys() if want.get(key) != have.get(key))


def _differences(was: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    names = sorted(name for name in was.keys() | now.keys() if was.get(name) != now.get(name))
    return [f"{name} was {was.get(name)}, is {now.get(name)}" for name in names]
