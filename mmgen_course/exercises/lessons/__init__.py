"""The exercises with their references: a folder a lesson, in it a file an exercise, named after it: its `EXERCISE`.

Where untrusted answers run, this folder is empty: nothing outside it holds a right answer of an exercise.
"""

import torch


def whole_number(low: int, high: int, generator: torch.Generator) -> int:
    """A whole number from low to high, both included.

    Example:
        >>> whole_number(3, 3, torch.Generator())
        3
    """
    return int(torch.randint(low, high + 1, (), generator=generator))
