"""Where progress is shown: a bar on a terminal, a line every 30 seconds elsewhere (logs of CI), or nowhere."""

from __future__ import annotations

import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from auditor.progress.pace import Pace

INTERVAL = 30.0  # seconds between two lines


class Display(ABC):
    """Shows how far a run is."""

    @abstractmethod
    def start(self, verb: str, pace: Pace) -> None:
        """Show this pace from now on, instead of another."""

    @abstractmethod
    def update(self) -> None:
        """The pace has advanced."""

    @abstractmethod
    def stop(self) -> None:
        """Show nothing more."""


class Nothing(Display):
    """For --quiet."""

    def start(self, verb: str, pace: Pace) -> None:
        """See Display."""

    def update(self) -> None:
        """See Display."""

    def stop(self) -> None:
        """See Display."""


class Bar(Display):
    """A bar on a terminal, with rate and time left, which disappears at the end."""

    def __init__(self, console: Console) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[pace]}"),
        )
        self._progress = Progress(*columns, console=console, transient=True)
        self._task = self._progress.add_task("", total=None, pace="", visible=False)
        self._pace: Pace | None = None

    def start(self, verb: str, pace: Pace) -> None:
        """See Display."""
        self._pace = pace
        self._progress.start()
        self._progress.update(self._task, description=verb, visible=True)
        self.update()

    def update(self) -> None:
        """See Display."""
        if pace := self._pace:
            self._progress.update(self._task, completed=pace.done, total=pace.total, pace=", ".join(pace.speed))

    def stop(self) -> None:
        """See Display."""
        self._progress.stop()


class Lines(Display):
    """A line at the start, and one every `interval` seconds, also while nothing advances."""

    def __init__(self, write: Callable[[str], None], interval: float = INTERVAL) -> None:
        self._write, self._interval = write, interval
        self._verb, self._pace = "", Pace(())
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, verb: str, pace: Pace) -> None:
        """See Display."""
        self._verb, self._pace = verb, pace
        self._tell()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()

    def update(self) -> None:
        """See Display."""

    def stop(self) -> None:
        """See Display."""
        self._stopped.set()
        if self._thread:
            self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(self._interval):
            self._tell()

    def _tell(self) -> None:
        self._write(f"{self._verb} {self._pace}")


def display_for(*, quiet: bool) -> Display:
    """The display for stderr. rich would also draw its bar in logs where FORCE_COLOR is set."""
    if quiet:
        return Nothing()
    return Bar(Console(stderr=True)) if sys.stderr.isatty() else Lines(lambda line: click.echo(line, err=True))
