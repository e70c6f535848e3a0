"""One annotator's session: which items are labelled, which one is next, and saving labels to the file."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from auditor.annotation import file
from auditor.annotation.basis import Basis
from auditor.annotation.file import Annotation, HumanLabel
from auditor.annotation.sample import AnnotationItem
from auditor.errors import LabelError

# The bases that the page offers.
HOW = tuple(basis.value for basis in (Basis.PROVENANCE, Basis.PAGE, Basis.DATE, Basis.LOOKS))


class OutOfTurn(LabelError):
    """A label of another image than the next one: the page shows an old state."""


@dataclass(frozen=True, slots=True)
class Progress:
    """next: number of the image to show, None if all are labelled. done: labelled images of total."""

    next: int | None
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the labels so far say about the policy, in words."""

    text: str
    is_decided: bool


Judge = Callable[[Sequence[Annotation]], Judgement]


class Session:
    """Takes labels in the order of the items and saves each to disk at once. Thread-safe.

    judge: if labelling may stop as soon as the policy is decided, says what the labels so far decide. Raises LabelError
    if the label file cannot be read.
    """

    def __init__(self, path: Path, drawn: Sequence[AnnotationItem], labeller: str, judge: Judge | None = None) -> None:
        self.path = path
        self.drawn = drawn
        self.labeller = labeller
        self._judge = judge
        self._judging = threading.Lock()
        self._lock = threading.Lock()
        labelled = {a.key for a in file.read(path) if a.labeller == labeller} if path.exists() else set()
        # Labels after the next item are kept, and those items are skipped.
        self._answered = {number for number, item in enumerate(drawn) if item.key in labelled}
        self._history = sorted(self._answered)

    @property
    def progress(self) -> Progress:
        """The annotator's progress."""
        with self._lock:
            return self._progress()

    def answer(self, number: int, label: HumanLabel, how: str) -> Progress:
        """Saves a label of the next image. Raises OutOfTurn for any other image."""
        with self._lock:
            if number != self._next():
                raise OutOfTurn("this page shows an old image: another one is next")
            item = self.drawn[number]
            annotation = Annotation(
                item.key, item.stratum.value, label, how, self.labeller, until_decided=self._judge is not None
            )
            file.append(self.path, annotation)
            self._answered.add(number)
            self._history.append(number)
            return self._progress()

    def undo(self) -> Progress:
        """Removes the latest label, if there is one."""
        with self._lock:
            if self._history:
                number = self._history[-1]
                file.withdraw(self.path, self.drawn[number].key, self.labeller)
                self._answered.discard(self._history.pop())
            return self._progress()

    def judgement(self) -> Judgement | None:
        """What all labels of the file decide so far; None if the number of labels is fixed."""
        if self._judge is None:
            return None
        with self._judging:
            keys = {item.key for item in self.drawn}
            annotations = file.read(self.path) if self.path.exists() else []
            return self._judge([annotation for annotation in annotations if annotation.key in keys])

    def _next(self) -> int | None:
        return next((n for n in range(len(self.drawn)) if n not in self._answered), None)

    def _progress(self) -> Progress:
        return Progress(self._next(), len(self._answered), len(self.drawn))
