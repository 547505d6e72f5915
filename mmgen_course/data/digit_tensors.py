"""The handwritten digits as tensors, to train on and to test on, for lessons 7, 8 and 15.

A module of its own, so that whoever only opens files loads no PyTorch.
"""

from functools import cache

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mmgen_course.data.real import DIGITS, digits
from mmgen_course.preprocess.image import to_tensor

TRAINED_ON = 1500  # of the 1,797 digits; the last ones are by other writers


def digit_images() -> tuple[Float[Tensor, "n 1 8 8"], Float[Tensor, "m 1 8 8"]]:
    """The digits to train on and the digits to test on, grey, in [0, 1].

    Example:
        >>> [tuple(images.shape) for images in digit_images()]
        [(1500, 1, 8, 8), (297, 1, 8, 8)]
    """
    images = torch.stack([to_tensor(sample.image)[:1] for sample in digits()])
    return images[:TRAINED_ON], images[TRAINED_ON:]


@cache
def labelled_digits() -> tuple[
    Float[Tensor, "n 1 8 8"], Int[Tensor, " n"], Float[Tensor, "m 1 8 8"], Int[Tensor, " m"]
]:
    """The real digits in [-1, 1] and their labels: those to train on, then those to test on.

    Example:
        >>> [len(part) for part in labelled_digits()]
        [1500, 1500, 297, 297]
    """
    train, test = digit_images()
    labels = torch.tensor([DIGITS.index(sample.caption.split()[-1]) for sample in digits()])
    return 2 * train - 1, labels[: len(train)], 2 * test - 1, labels[len(train) :]
