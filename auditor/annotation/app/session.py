"""One labeller's way through the images of a draw: what was answered, what is next, what is saved."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from auditor.annotation import file
from auditor.annotation.file import Annotation, HumanLabel
from auditor.annotation.sample import AnnotationItem
from auditor.errors import LabelError

# How a label is known, as label files say it.
HOW = ("provenance", "page", "date", "looks")


class OutOfTurn(LabelError):
    """An answer to another image than the next one: this page is behind the file."""


@dataclass(frozen=True, slots=True)
class Progress:
    """next: the number of the image to show, None when all are labelled. done of total."""

    next: int | None
    done: int
    total: int


class Session:
    """Answers come in the order of the draw and are on the disk one by one. Safe to use from several threads.

    Raises LabelError where the label file cannot be read.
    """

    def __init__(self, path: Path, drawn: Sequence[AnnotationItem], labeller: str) -> None:
        self.path = path
        self.drawn = drawn
        self.labeller = labeller
        self._lock = threading.Lock()
        mine = {a.key for a in file.read(path) if a.labeller == labeller} if path.exists() else set()
        # An answer to an image beyond the next one is kept: it is passed over when its turn comes.
        self._answered = {number for number, row in enumerate(drawn) if row.key in mine}
        self._history = sorted(self._answered)

    @property
    def progress(self) -> Progress:
        """Where the labeller stands."""
        with self._lock:
            return self._progress()

    def answer(self, number: int, truth: HumanLabel, how: str) -> Progress:
        """Save a label of the next image. Raises OutOfTurn for any other one."""
        with self._lock:
            if number != self._next():
                raise OutOfTurn("another image is next: this page shows an old one")
            row = self.drawn[number]
            file.append(self.path, Annotation(row.key, row.stratum.value, truth, how, self.labeller))
            self._answered.add(number)
            self._history.append(number)
            return self._progress()

    def undo(self) -> Progress:
        """Take the latest label back, if there is one."""
        with self._lock:
            if self._history:
                number = self._history[-1]
                file.withdraw(self.path, self.drawn[number].key, self.labeller)
                self._answered.discard(self._history.pop())
            return self._progress()

    def _next(self) -> int | None:
        return next((n for n in range(len(self.drawn)) if n not in self._answered), None)

    def _progress(self) -> Progress:
        return Progress(self._next(), len(self._answered), len(self.drawn))
