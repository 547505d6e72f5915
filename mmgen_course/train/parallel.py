"""The same training in several processes, one a GPU or a machine: `torchrun` starts them, this module joins them.

Each process draws the whole batch from the same seed and keeps its `shard` of it; gradients are averaged by
PyTorch's DistributedDataParallel. So with any number of processes the training is the same, up to rounding. What one
image learns from the others of its batch is the exception: batch normalisation and contrastive losses see a share.
"""

import gc
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

Dealt = TypeVar("Dealt", Tensor, Sequence[Any])


@contextmanager
def processes() -> Iterator[None]:
    """Join the processes that `torchrun` started, for the length of a block; without torchrun nothing happens.

    NCCL on GPUs, one for each process, else gloo.
    """
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        yield
        return
    backend = "gloo"
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        backend = "nccl"
    distributed.init_process_group(backend)
    try:
        yield
    finally:
        # what DistributedDataParallel left in cycles holds on to the group, whose threads must end before Python does
        gc.collect()
        distributed.destroy_process_group()


def is_first() -> bool:
    """Whether this process is the one that writes and prints: the first, or the only one.

    Example:
        >>> is_first()
        True
    """
    return not distributed.is_initialized() or distributed.get_rank() == 0


def shard(batch: Dealt) -> Dealt:
    """This process's shard of a batch that all processes drew alike: the whole of it if there is one process.

    Raises:
        ValueError: the batch cannot be dealt out evenly, so that means of the shares would not be the batch's.

    Example:
        >>> shard(torch.arange(4)), shard(["a", "b"])
        (tensor([0, 1, 2, 3]), ['a', 'b'])
    """
    if not distributed.is_initialized():
        return batch
    rank, world = distributed.get_rank(), distributed.get_world_size()
    if len(batch) % world:
        raise ValueError(f"expected a batch that {world} processes can share evenly; got {len(batch)}")
    return batch[rank::world]


class _Objective(nn.Module):
    """A loss as a module, because DistributedDataParallel averages gradients of modules only."""

    def __init__(self, model: nn.Module, loss: Callable[..., Tensor]) -> None:
        super().__init__()
        self.model, self.loss = model, loss

    def forward(self, *batch: Tensor) -> Tensor:
        return self.loss(*batch)


def shared_gradients(model: nn.Module, loss: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The same loss; if there are several processes, its backward gives the model the mean gradient of all."""
    if not distributed.is_initialized():
        return loss
    # not every step needs every parameter: in the first act of a VAE, for one, the encoder is not asked
    return DistributedDataParallel(_Objective(model, loss), find_unused_parameters=True)


def mean_over_processes(value: Tensor) -> float:
    """The mean of a scalar over all processes."""
    if not distributed.is_initialized():
        return value.item()
    total = value.detach().float().clone()
    distributed.all_reduce(total)
    return total.item() / distributed.get_world_size()


def any_process(flag: bool, device: torch.device) -> bool:
    """Whether the flag is set in at least one process."""
    if not distributed.is_initialized():
        return flag
    raised = torch.tensor(float(flag), device=device)
    distributed.all_reduce(raised)
    return raised.item() > 0
