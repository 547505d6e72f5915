"""A time limit for code that might never end, in a notebook too."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class OutOfTime(BaseException):
    """The block took longer than it may; a BaseException, so that `except Exception` in a loop does not catch it."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raise `OutOfTime` in this block if it takes longer.

    By a signal, so in the main thread of Linux and macOS, where a notebook runs its cells; it interrupts Python code,
    not a single long call into a library. Elsewhere there is no limit.

    Example:
        >>> with at_most(5.0):
        ...     print("in time")
        in time
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(kind: int, frame: FrameType | None) -> None:
        raise OutOfTime

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
