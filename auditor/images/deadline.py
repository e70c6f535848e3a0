"""Time limits for what is done with one image."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class TooSlow(Exception):
    """A step took longer than its limit."""


_ends: list[float] = []  # when the steps end that are limited now, the outermost first (time.monotonic)


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Raises TooSlow in the step if it takes longer; may be nested.

    A timer interrupts the step between two calls into C. It needs the main thread, which is where workers run; in
    another thread there is no limit.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return
    end = time.monotonic() + seconds
    if _ends and _ends[-1] <= end:  # the step around this one is interrupted before
        yield
        return
    handler = signal.signal(signal.SIGALRM, _interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    _ends.append(end)
    try:
        yield
    finally:
        _ends.pop()
        left = max(1e-6, _ends[-1] - time.monotonic()) if _ends else 0
        signal.setitimer(signal.ITIMER_REAL, left)
        signal.signal(signal.SIGALRM, handler)


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise TooSlow
