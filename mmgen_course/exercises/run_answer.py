"""Runs an answer: calls a learner's function with the inputs of one case, and returns what can be observed of it.

Where untrusted answers run this module runs beside them: it knows no right answer.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor, nn

Way = Literal["value", "gradient", "module", "step"]


@dataclass(frozen=True)
class Net:
    """A small network as data: linear layers with LeakyReLU(0.2) between them.

    Attributes:
        sizes: of the layers, as in (2, 8, 1).
        weights: the state of `build()`.
    """

    sizes: tuple[int, ...]
    weights: dict[str, Tensor]

    @classmethod
    def drawn(cls, sizes: tuple[int, ...], generator: torch.Generator) -> "Net":
        """A network with weights drawn from N(0, 1/2).

        Example:
            >>> Net.drawn((2, 8, 1), torch.Generator().manual_seed(0)).build()(torch.zeros(5, 2)).shape
            torch.Size([5, 1])
        """
        shapes = {name: value.shape for name, value in _layers(sizes).state_dict().items()}
        return cls(sizes, {name: torch.randn(shape, generator=generator) / 2 for name, shape in shapes.items()})

    def build(self) -> nn.Sequential:
        """The network itself."""
        layers = _layers(self.sizes)
        layers.load_state_dict({name: value.clone() for name, value in self.weights.items()})
        return layers


def _layers(sizes: tuple[int, ...]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inward, outward in pairwise(sizes):
        layers += [nn.Linear(inward, outward), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers[:-1])


@dataclass(frozen=True)
class Other:
    """Stands for a value that a grader cannot receive: its kind, for the sentence that names what was given."""

    kind: str

    def __repr__(self) -> str:
        return self.kind


@dataclass(frozen=True)
class Observation:
    """What can be observed of an answer to one case.

    Attributes:
        value: what was returned, in the form that the way of running gives it.
        changed: the number, from 1, of the first argument that the answer changed in place, or None.
    """

    value: Any
    changed: int | None = None


def run_answer(way: Way, answer: Callable[..., Any], case: tuple[Any, ...]) -> Observation:
    """Call an answer with the inputs of one case, which stay as they are.

    Args:
        way: "value": what `answer(*case)` returns. "gradient": (what it returns, the gradients of a weighted sum of
            that by each floating tensor of the case). "module": the answer is a class and the case (arguments of its
            constructor, state, inputs): {"output", "gradients" of the parameters by their names}. "step": networks
            among the arguments are built, and the value is (what it returns, and for each network its {name:
            (weights, gradient)} afterwards).
        answer: the learner's function or class.
        case: its arguments.

    Example:
        >>> run_answer("gradient", lambda x: (x**2).sum(), (torch.tensor([1.0, 3.0]),)).value[1]
        (tensor([2., 6.]),)
    """
    if way == "module":
        return _module(answer, case)
    if way == "step":
        return _step(answer, case)
    given = deepcopy(case)
    if way == "value":
        value = answer(*given)
        return Observation(value, _first_changed(case, given))
    leaves = [x.requires_grad_() for x in given if isinstance(x, Tensor) and x.is_floating_point()]
    value = answer(*given)
    return Observation((_cut(value), _gradients(value, leaves)), _first_changed(case, given))


def _module(answer: Callable[..., nn.Module], case: tuple[Any, ...]) -> Observation:
    arguments, state, inputs = deepcopy(case)
    module = answer(*arguments)
    have, want = ({name: tuple(x.shape) for name, x in d.items()} for d in (module.state_dict(), state))
    if have != want:
        raise ValueError(f"expected the parameters {want}; your module has {have}")
    module.load_state_dict(state)
    output = module(*inputs)
    names, parameters = zip(*module.named_parameters(), strict=True)
    gradients = dict(zip(names, _gradients(output, list(parameters)), strict=True))
    return Observation({"output": _cut(output), "gradients": gradients}, _first_changed(case[2], inputs))


def _step(answer: Callable[..., Any], case: tuple[Any, ...]) -> Observation:
    given = tuple(x.build() if isinstance(x, Net) else deepcopy(x) for x in case)
    value = answer(*given)
    nets = [x for x in given if isinstance(x, nn.Module)]
    after = [{name: (p.detach(), _gradient(p)) for name, p in net.named_parameters()} for net in nets]
    others = [(was, now) for was, now in zip(case, given, strict=True) if not isinstance(was, Net)]
    return Observation((_cut(value), *after), _first_changed(*zip(*others, strict=True)) if others else None)


def _gradient(parameter: Tensor) -> Tensor:
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad


def _gradients(value: Any, leaves: list[Tensor]) -> tuple[Tensor, ...]:
    """Of the sum of all tensors in a value, weighted with cosines so that no two places count the same."""
    sums = [(x * torch.arange(x.numel()).cos().reshape(x.shape)).sum() for x in _tensors(value) if x.requires_grad]
    if not sums:
        return tuple(torch.zeros_like(leaf) for leaf in leaves)
    found = torch.autograd.grad(torch.stack([s.double() for s in sums]).sum(), leaves, allow_unused=True)
    pairs = zip(found, leaves, strict=True)
    return tuple(torch.zeros_like(leaf) if gradient is None else gradient for gradient, leaf in pairs)


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value] if value.is_floating_point() else []
    return [x for part in value for x in _tensors(part)] if isinstance(value, tuple | list) else []


def _cut(value: Any) -> Any:
    """A value without its graph."""
    if isinstance(value, Tensor):
        return value.detach()
    return type(value)(map(_cut, value)) if type(value) in (tuple, list) else value


def _first_changed(before: tuple[Any, ...], after: tuple[Any, ...]) -> int | None:
    pairs = enumerate(zip(before, after, strict=True), 1)
    return next((number for number, (was, now) in pairs if not _same(was, now)), None)


def _same(was: Any, now: Any) -> bool:
    """Whether two values are the same number for number; NaN is the same as NaN."""
    if isinstance(was, Tensor):
        is_like = isinstance(now, Tensor) and now.shape == was.shape and now.dtype == was.dtype
        return is_like and bool(((was == now) | ((was != was) & (now != now))).all())
    if isinstance(was, tuple | list):
        return len(was) == len(now) and all(map(_same, was, now))
    return bool(was == now)
