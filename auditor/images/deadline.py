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


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Raises TooSlow in the step if it takes longer; may be nested.

    A timer interrupts the step between two calls into C. It needs the main thread, which is where workers run; in
    another thread there is no limit.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(signum: int, frame: FrameType | None) -> None:
        raise TooSlow

    begin, handler = time.monotonic(), signal.signal(signal.SIGALRM, interrupt)
    outer, _ = signal.setitimer(signal.ITIMER_REAL, seconds)
    if outer and outer < seconds:
        signal.setitimer(signal.ITIMER_REAL, outer)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if outer:  # what is left of the time around this step; at once if nothing is
            signal.setitimer(signal.ITIMER_REAL, max(1e-6, outer - (time.monotonic() - begin)))
