"""Lies over `mmgen_course.check` inside of the sandbox, where nothing is marked: the grader asks from outside."""

from collections.abc import Callable
from typing import Any


def check(answer: Callable[..., Any]) -> None:
    """Do nothing, so that a cell with `check(...)` runs."""
