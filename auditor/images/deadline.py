"""Time limits for what is done with one image.

A timer raises TooSlow between two calls into C. In a worker process, a second one ends the process if a call into C
does not return: the engine then runs the shard again, without the row (see engines/processes.py).
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class TooSlow(Exception):
    """A step took longer than its limit."""


OVERDUE = getattr(signal, "SIGPROF", None)  # the signal that ends a worker; nothing in Python handles it

_GRACE = 3.0  # the processor time, in limits, after which a worker ends: in the first, the step may end by itself
_ends: list[float] = []  # when the steps end that are limited now, the outermost first (time.monotonic)
_is_worker = False


def end_when_overdue() -> None:
    """To be called in the main thread of a worker process, which is ours: end it if a step does not return."""
    global _is_worker
    if OVERDUE is not None:
        signal.signal(signal.SIGALRM, _interrupt)
        _is_worker = True


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Raises TooSlow in the step if it takes longer; may be nested.

    The timers need the main thread, which is where workers run; in another thread there is no limit.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return
    end = time.monotonic() + seconds
    if _ends and _ends[-1] <= end:  # the step around this one is interrupted before
        yield
        return
    handler = None if _is_worker else signal.signal(signal.SIGALRM, _interrupt)
    _set_timers(seconds)
    _ends.append(end)
    try:
        yield
    finally:
        _ends.pop()
        _set_timers(max(1e-6, _ends[-1] - time.monotonic()) if _ends else 0)
        if not _is_worker:
            signal.signal(signal.SIGALRM, handler)


def _set_timers(seconds: float) -> None:
    """0 stops them."""
    signal.setitimer(signal.ITIMER_REAL, seconds)
    if _is_worker:
        signal.setitimer(signal.ITIMER_PROF, _GRACE * seconds)


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise TooSlow
