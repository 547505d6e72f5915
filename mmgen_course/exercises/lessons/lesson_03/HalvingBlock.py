"""A residual block that halves the size: an exercise of lesson 03_cnn_features."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmgen_course.exercises.exercise import Exercise, Misconception
from mmgen_course.exercises.lessons import whole_number


class HalvingBlock(nn.Module):
    """relu(branch + shortcut), both of half the size."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(c_in, c_out, 3, 2, 1, bias=False)
        self.second = nn.Conv2d(c_out, c_out, 3, 1, 1, bias=False)
        self.shortcut = nn.Conv2d(c_in, c_out, 1, bias=False)

    def branch(self, x: Tensor) -> Tensor:
        """Two convolutions."""
        return self.second(self.first(x).relu())

    def short(self, x: Tensor) -> Tensor:
        """The mean of four pixels, then other channels."""
        return self.shortcut(F.avg_pool2d(x, 2))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C_in, 2 H, 2 W) -> (N, C_out, H, W)."""
        return (self.branch(x) + self.short(x)).relu()


class _Strided(HalvingBlock):
    def short(self, x: Tensor) -> Tensor:
        return self.shortcut(x[:, :, ::2, ::2])


class _MaxPooled(HalvingBlock):
    def short(self, x: Tensor) -> Tensor:
        return self.shortcut(F.max_pool2d(x, 2))


class _LinearBranch(HalvingBlock):
    def branch(self, x: Tensor) -> Tensor:
        return self.second(self.first(x))


class _LateStride(HalvingBlock):
    def branch(self, x: Tensor) -> Tensor:
        return self.second(F.conv2d(x, self.first.weight, padding=1).relu())[:, :, ::2, ::2]


class _ReluBefore(HalvingBlock):
    def forward(self, x: Tensor) -> Tensor:
        return self.branch(x).relu() + self.short(x)


class _CutShortcut(HalvingBlock):
    def short(self, x: Tensor) -> Tensor:
        return self.shortcut(F.avg_pool2d(x, 2)).relu()


class _NoLastRelu(HalvingBlock):
    def forward(self, x: Tensor) -> Tensor:
        return self.branch(x) + self.short(x)


class _NoShortcut(HalvingBlock):
    def forward(self, x: Tensor) -> Tensor:
        return self.branch(x).relu()


def _block_case(generator: torch.Generator) -> tuple[tuple[int, int], dict[str, Tensor], tuple[Tensor]]:
    c_in, c_out = whole_number(2, 3, generator), whole_number(3, 4, generator)
    shapes = {"first": (c_out, c_in, 3, 3), "second": (c_out, c_out, 3, 3), "shortcut": (c_out, c_in, 1, 1)}
    state = {f"{name}.weight": torch.randn(shape, generator=generator) / 2 for name, shape in shapes.items()}
    return (c_in, c_out), state, (torch.randn(2, c_in, 6, 8, generator=generator),)


EXERCISE = Exercise(
    name="HalvingBlock",
    lesson="03_cnn_features",
    number=3,
    points=3,
    minutes=12,
    difficulty=2,
    asks="a module: relu(branch + shortcut), half as high and wide; the branch is first (3 x 3, stride 2), ReLU, "
    "second (3 x 3); the shortcut is the mean of each block of 2 x 2 pixels, then the convolution shortcut (1 x 1)",
    inputs=_block_case,
    reference=HalvingBlock,
    way="module",
    misconceptions=(
        Misconception(
            "shortcut with a stride",
            _Strided,
            "Your shortcut takes one pixel of each four; the other three never reach it, nor does their gradient.",
        ),
        Misconception(
            "maximum for mean",
            _MaxPooled,
            "You pooled by the maximum. It lets a gradient reach one pixel of four, and it is not linear, while a "
            "shortcut is to pass on what comes.",
        ),
        Misconception(
            "no ReLU in the branch",
            _LinearBranch,
            "Nothing stands between your two convolutions: two matrices, one after the other, are one matrix again.",
        ),
        Misconception(
            "stride in the second convolution",
            _LateStride,
            "You halve after the second convolution. The size that comes out is right, the windows are others.",
        ),
        Misconception(
            "ReLU before the sum",
            _ReluBefore,
            "You cut the branch off at 0 before you add it, so the block could only ever increase what it gets.",
        ),
        Misconception(
            "ReLU in the shortcut",
            _CutShortcut,
            "You cut the shortcut off at 0 before the sum: what is negative there never gets through, nor a gradient.",
        ),
        Misconception(
            "no ReLU at the end",
            _NoLastRelu,
            "The sum goes out as it is, negative numbers too: the last step, after the addition, is missing.",
        ),
        Misconception(
            "shortcut left out",
            _NoShortcut,
            "Your answer does not depend on the shortcut's weights: nothing is added, so no gradient goes past the "
            "branch.",
        ),
    ),
)
