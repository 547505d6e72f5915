"""How text-to-image works, from pixels and words to a generator that you train yourself.

The modules stand in the order of the pipeline: `scenes` and `data` give samples, `preprocess` makes them tensors.
The lessons in `notebooks/` derive each part first and import it afterwards.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

__version__ = "0.1.0"


def device() -> "torch.device":
    """The fastest device at hand: a CUDA GPU, Apple's, or the CPU that every lesson is written for.

    Example:
        >>> device().type in {"cuda", "mps", "cpu"}
        True
    """
    import torch  # here, so that the command line answers before it is loaded

    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")
