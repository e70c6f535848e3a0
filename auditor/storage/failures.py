"""Failures of stores while they are read (a lost connection, a timeout), which another try may not meet.

They are counted in each process, because what is read from a file passes through libraries that turn its errors into
their own. Evidence that was made during a failure is incomplete: the next scan makes it again.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import IO, Any

_ANSWERS = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError, ValueError, EOFError)


class _Counter:
    count = 0


def so_far() -> int:
    """The number of failures in this process."""
    return _Counter.count


@contextmanager
def counted() -> Iterator[None]:
    """Counts an exception, unless it is a store's answer, such as that a file does not exist."""
    try:
        yield
    except _ANSWERS:
        raise
    except Exception:
        _Counter.count += 1
        raise


@contextmanager
def _as_os_error() -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, EOFError):
        raise
    except Exception as error:  # backends' exceptions have no base class in common
        raise OSError(errno.EIO, next(iter(str(error).splitlines()), "") or type(error).__name__) from error


class CountedFile:
    """A file on a store, whose failures are counted."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, *size: int) -> bytes:
        """As of the file. Raises OSError for a backend's own exceptions too."""
        with counted(), _as_os_error():
            return self._file.read(*size)

    def readinto(self, buffer: Any) -> int:
        """As of the file."""
        data = self.read(len(memoryview(buffer).cast("B")))
        memoryview(buffer).cast("B")[: len(data)] = data
        return len(data)

    def readline(self, *size: int) -> bytes:
        """As of the file. Raises OSError for a backend's own exceptions too."""
        with counted(), _as_os_error():
            return self._file.readline(*size)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b"")

    def __enter__(self) -> CountedFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)
