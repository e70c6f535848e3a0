"""SIGTERM and SIGHUP end a command like Ctrl-C: what is done is kept, and the exit code is 128 + the signal number."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_ENDING = (signal.SIGTERM, signal.SIGHUP)
EXIT_CODES = tuple(sorted(128 + number for number in (signal.SIGINT, *_ENDING)))


class Stopped(KeyboardInterrupt):
    """One of these signals arrived."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


@contextmanager
def stopping() -> Iterator[None]:
    """Raises Stopped in this block when such a signal arrives, unless it is ignored, as under nohup."""
    ours = []
    if threading.current_thread() is threading.main_thread():
        ours = [number for number in _ENDING if signal.getsignal(number) is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, _stop)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def exit_code(error: BaseException | None) -> int:
    """The exit code after an interruption."""
    return 128 + (error.number if isinstance(error, Stopped) else signal.SIGINT)


def _stop(number: int, frame: FrameType | None) -> None:
    raise Stopped(number)
