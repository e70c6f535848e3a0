"""Starts worker processes and ties them to their parent.

A worker ends when its parent does, whatever ended that. It does not run the script that started the scan again, so that
scripts need no `if __name__ == "__main__":`, and may come from standard input.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import types
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import wait

from auditor import garbage
from auditor.images.deadline import end_when_overdue

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_starting = threading.Lock()


@contextmanager
def without_main() -> Iterator[None]:
    """Workers that are started in this block do not import the calling script: tasks come from modules."""
    with _starting:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = types.ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = main


def begin() -> None:
    """To be called first in a worker: ignore signals to the whole group, after which the parent ends its workers, and
    end with the parent, or if a step with a time limit does not return."""
    garbage.search_rarely()
    end_when_overdue()
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    threading.Thread(target=_end_after, args=(parent.sentinel,), daemon=True).start()
    if sys.platform == "linux":  # also ends a worker that is held up in a decoder, where no thread of Python runs
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if not parent.is_alive():
            os._exit(1)


def _end_after(sentinel: int) -> None:
    wait([sentinel])
    os.kill(os.getpid(), signal.SIGKILL)
