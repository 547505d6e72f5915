"""A time limit for code that might never end, in a notebook too."""

import ctypes
import random
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, _GeneratorContextManager, contextmanager
from types import FrameType

_DOORS = {_GeneratorContextManager.__enter__.__code__, _GeneratorContextManager.__exit__.__code__}
_jitter = random.Random(0)  # not the generator of the `random` module, which may be a learner's


class OutOfTime(BaseException):
    """The block took longer than it may; a BaseException, so that `except Exception` in a loop does not catch it."""


def at_most(seconds: float) -> AbstractContextManager[None]:
    """Raise `OutOfTime` in this block if it takes longer.

    In the main thread of Linux and macOS, where a notebook runs its cells, an alarm rings, and rings again until the
    block has ended: a loop with a bare `except:` ends too. On Windows, and in other threads, it rings once, and such
    a loop goes on. Nowhere does it cut off a single long call into a library, such as `sum(range(10**12))`: the error
    comes when that call returns; until then only a restart of the kernel helps.

    Example:
        >>> with at_most(5.0):
        ...     print("in time")
        in time
    """
    rings = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    return _alarm(seconds) if rings else _watchdog(seconds)


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    block = sys._getframe(2)  # behind this frame and the door
    ended = False

    def ring(kind: int, frame: FrameType | None) -> None:
        if ended:
            return
        if _is_importing(frame, block):  # a module that is cut off in the middle stays broken
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            return
        inside = _is_inside(frame, block)
        # soon, and never after the same time: in the end it hits the learner's loop outside of its `try`
        signal.setitimer(signal.ITIMER_REAL, 10 ** _jitter.uniform(-6, -3.5))
        if inside:
            raise OutOfTime

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        ended = True
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _is_inside(frame: FrameType | None, block: FrameType) -> bool:
    """Whether a frame belongs to what a block does, and not to how it is entered or left, which nothing may cut off."""
    first = None
    while frame is not None and frame is not block:
        first, frame = frame, frame.f_back
    return frame is block and (first is None or first.f_code not in _DOORS)


def _is_importing(frame: FrameType | None, block: FrameType) -> bool:
    """Whether a frame belongs to an import that the block began, as torch begins some at the first call."""
    while frame is not None and frame is not block:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        frame = frame.f_back
    return False


@contextmanager
def _watchdog(seconds: float) -> Iterator[None]:
    set_error = ctypes.pythonapi.PyThreadState_SetAsyncExc
    watched = ctypes.c_ulong(threading.get_ident())
    ended, turn = threading.Event(), threading.Lock()

    def watch() -> None:
        if not ended.wait(seconds):
            with turn:
                if not ended.is_set():
                    set_error(watched, ctypes.py_object(OutOfTime))

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        with turn:
            ended.set()
        set_error(watched, None)  # what was set and not raised yet: the block has ended
