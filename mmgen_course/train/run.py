"""What lies on the disk while a training goes on: a checkpoint at each interval, from which it can go on bit for bit.

A checkpoint is one safetensors file. It holds the weights, the optimisers' state, the averages and the states of the
random numbers, and in its header, as JSON, the step and all that must be the same for the training to go on.
"""

import hashlib
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from mmgen_course.data.atomic import replacing
from mmgen_course.train.checkpoint import read_checkpoint, write_checkpoint
from mmgen_course.train.parallel import any_process, is_first
from mmgen_course.train.player import Player

CPU = torch.device("cpu")
TEST_SEED = 1_000_003  # of what a result is measured on; nobody trains with it
Samples = Callable[[], Float[Tensor, "n c h w"]]


def has_bf16(device: torch.device) -> bool:
    """Whether a device computes in bfloat16 itself, not by way of float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    can = torch.cpu.get_capabilities() if device.type == "cpu" else {}
    return any(can.get(way, False) for way in ("avx512_bf16", "amx_bf16", "bf16"))


def digest(*tensors: Tensor) -> str:
    """The sha256 of the values of tensors: what a training says of data that are no file of the course.

    Example:
        >>> digest(torch.zeros(2))[:8], digest(torch.zeros(3))[:8]
        ('af5570f5', '15ec7bf0')
    """
    hashed = hashlib.sha256()
    for tensor in tensors:
        hashed.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return hashed.hexdigest()


@dataclass
class Run:
    """One training by `fit`: where its result goes, what it depends on, how far it is.

    Attributes:
        to: the file of the result; the checkpoint lies beside it. None: nothing is written.
        steps, seed: of the training.
        device: where the models are; random numbers are always drawn on the CPU.
        every: steps between checkpoints; default: a twentieth of all.
        resume: go on from the checkpoint, if there is one.
        bf16: compute the losses in bfloat16 where PyTorch's autocast thinks it right.
        config: whatever else must be the same for the training to go on, as JSON values; a recipe adds to it before
            it calls `fit`.
        generator: all that is random in the training comes from it; its state is in the checkpoint, and that of
            PyTorch's global generator, from which dropout draws.
        step: how many steps have been taken.
        stopped: why the training ended early; empty if it did not.

    Example:
        >>> run = Run(Path("trained/x.safetensors"), steps=100, seed=1)
        >>> run.checkpoint.name, run.every
        ('x.safetensors.checkpoint', 5)
    """

    to: Path | None = None
    steps: int = 0
    seed: int = 0
    device: torch.device = CPU
    every: int = 0
    resume: bool = False
    bf16: bool = False
    config: dict[str, Any] = field(default_factory=dict)
    generator: torch.Generator = field(init=False)
    step: int = field(default=0, init=False)
    stopped: str = field(default="", init=False)

    def __post_init__(self) -> None:
        self.generator = torch.Generator().manual_seed(self.seed)
        self.every = self.every or max(1, self.steps // 20)
        self._saved = -1
        self._interrupted = False

    @property
    def path(self) -> Path:
        """The file of the result.

        Raises:
            ValueError: this run writes nothing.
        """
        if self.to is None:
            raise ValueError("expected a Run with a file to write its result to; got one without: Run(Path(...))")
        return self.to

    @property
    def checkpoint(self) -> Path:
        """The file of the checkpoint."""
        return self.path.with_name(f"{self.path.name}.checkpoint")

    @property
    def pictures(self) -> Path:
        """The file of the samples that are drawn as the training goes on."""
        return self.checkpoint.with_suffix(".samples.png")

    @contextmanager
    def begun(self, players: Sequence[Player], samples: Samples | None) -> Iterator[None]:
        """The whole of a training: go on from a checkpoint if need be; Ctrl-C ends it after a whole step."""
        if self.step:
            raise ValueError(f"this Run has taken {self.step} steps already: make a new one for each training")
        self._players, self._samples = players, samples
        if self.to is None:
            yield
            return
        if self.resume and self.checkpoint.exists():
            self.step = self._saved = read_checkpoint(self.checkpoint, players, self.generator, self._depends_on())
        with _deferring_interrupts(self._interrupt):
            yield
        if self.step > self._saved and not self.stopped:
            self._save()

    def is_over(self) -> bool:
        """Whether the training must end; if Ctrl-C was pressed, in any process, the last step is in the checkpoint."""
        if any_process(self._interrupted, self.device):
            self.stopped = f"stopped after step {self.step}"
            if self.step > self._saved:
                self._save()
        return bool(self.stopped)

    def after_step(self) -> None:
        """Count a step, and write a checkpoint if it ends an interval."""
        self.step += 1
        if self.to is not None and self.step % self.every == 0:
            self._save()

    def fail(self, error: FloatingPointError) -> None:
        """End the training because a loss is not finite; without a file to write, by raising the error."""
        if self.to is None:
            raise error
        last = f"; the last checkpoint is of step {self._saved}" if self._saved > 0 else ""
        self.stopped = f"{error}{last}"

    def finish(self) -> None:
        """Remove checkpoint and samples: the result is written, and nothing is left to go on with."""
        self.checkpoint.unlink(missing_ok=True)
        self.pictures.unlink(missing_ok=True)

    def _interrupt(self) -> None:
        self._interrupted = True

    def _depends_on(self) -> dict[str, Any]:
        fixed = {"steps": self.steps, "seed": self.seed, "device": self.device.type, "bf16": self.bf16}
        return fixed | self.config

    def _save(self) -> None:
        self._saved = self.step
        if is_first():
            write_checkpoint(self.checkpoint, self._players, self.generator, self._depends_on(), self.step)
            if self._samples is not None:
                self._draw(self._samples)

    def _draw(self, samples: Samples) -> None:
        from mmgen_course import show  # here, because it loads matplotlib

        state, others = self.generator.get_state(), torch.get_rng_state()
        with torch.no_grad(), replacing(self.pictures) as partial:
            partial.write_bytes(show.png(show.gallery(samples().float().cpu(), columns=8)))
        # to look on changes nothing
        self.generator.set_state(state)
        torch.set_rng_state(others)


@contextmanager
def _deferring_interrupts(note: Callable[[], None]) -> Iterator[None]:
    """In this block the first Ctrl-C, or request to terminate, is noted only; a second one interrupts as always."""
    if threading.current_thread() is not threading.main_thread():  # where Python takes no signals
        yield
        return
    before = {kind: signal.getsignal(kind) for kind in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for kind, handler in before.items():
            signal.signal(kind, handler)

    def handle(kind: int, frame: FrameType | None) -> None:
        restore()
        note()

    for kind in before:
        signal.signal(kind, handle)
    try:
        yield
    finally:
        restore()
