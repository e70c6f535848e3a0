"""Standard streams that are closed or full do not change what a command does.

Messages on stderr are lost then. Output that cannot be written ends a command whose purpose it is (export, report), but
not a decision, whose result is the exit code.
"""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

import click

EXIT_CLOSED = 128 + signal.SIGPIPE  # as of other programs whose output is no longer read (| head)


class _Raw(io.FileIO):
    """A file descriptor whose write errors are raised once, or never, so that Python's last flush cannot fail."""

    def __init__(self, descriptor: int, *, is_lenient: bool) -> None:
        super().__init__(descriptor, "wb", closefd=False)
        self._is_lenient = is_lenient

    def write(self, data: Any, /) -> int:
        """Write, or drop the data after an error."""
        try:
            return super().write(data) or 0
        except OSError:
            if not self._is_lenient:
                self._is_lenient = True
                raise
            return memoryview(data).nbytes


def prepare() -> None:
    """Replace the standard streams of this process. Closed ones are opened as /dev/null first: otherwise, the next file
    that is opened would get their number, and with it what a library prints."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if sys.stdout is sys.__stdout__:
        sys.stdout = _text(1, sys.stdout, is_lenient=False)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _text(2, sys.stderr, is_lenient=True)


def _text(descriptor: int, before: TextIO | None, *, is_lenient: bool) -> TextIO:
    raw = _Raw(descriptor, is_lenient=is_lenient)
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=before.encoding if before else "utf-8",
        # As Python's own stdout does in the C locale; a terminal's encoding may lack some characters of a report.
        errors="backslashreplace" if before is None or before.errors == "strict" else before.errors,
        line_buffering=is_lenient or raw.isatty(),
    )


@contextmanager
def optional_output() -> Iterator[None]:
    """Output that a decision does not depend on: that it cannot be written is only reported."""
    try:
        yield
    except BrokenPipeError:
        pass
    except OSError as error:
        click.echo(f"the output is incomplete: {error.strerror or error}", err=True)
