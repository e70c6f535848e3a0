"""One annotator's session: which items are labelled, which ones are next, and saving labels to the file.

Labels are taken in the order of the items. An image that the annotator leaves for a closer look when labelling a page
of images gets the label *unsure* at once, and is the next one until it has another. So the labelled images are the
first of the order at any time, as the estimate requires, and what is left open widens the interval.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from auditor.annotation import file
from auditor.annotation.basis import Basis
from auditor.annotation.file import Annotation, HumanLabel
from auditor.annotation.sample import AnnotationItem
from auditor.errors import LabelError

# The bases that the page offers.
HOW = tuple(basis.value for basis in (Basis.PROVENANCE, Basis.PAGE, Basis.DATE, Basis.LOOKS))
LATER = ""  # instead of a basis: an unsure label of an image that is left for a closer look
PAGE_IMAGES = 12  # that can be labelled at once


class OutOfTurn(LabelError):
    """Labels of other images than the next ones: the page shows an old state."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A label of the item with this number. how: its basis, or LATER."""

    number: int
    label: HumanLabel
    how: str

    @property
    def waits(self) -> bool:
        """Whether the image is left for a closer look."""
        return self.label is HumanLabel.UNSURE and self.how == LATER


@dataclass(frozen=True, slots=True)
class Progress:
    """queue: numbers of the next images, for this page and the one after it; empty if all are labelled. waiting: how
    many are left for a closer look; they come first. done: other labelled images of total. last: what undo undoes."""

    queue: Sequence[int]
    waiting: int
    done: int
    total: int
    last: Sequence[Answer]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the labels so far say about the policy, in words. remaining: the number of further labels that will most
    likely decide it, None if unknown."""

    text: str
    is_decided: bool
    remaining: int | None = None


Judge = Callable[[Sequence[Annotation]], Judgement]
_Actions = tuple[tuple[Answer, ...], ...]  # the answers that were given at once, in order


class Session:
    """Takes labels in the order of the items and saves them to disk at once. Thread-safe.

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
        saved = {a.key: a for a in file.read(path) if a.labeller == labeller} if path.exists() else {}
        _refuse_changed(path, saved, drawn)
        # Labels after the next item are kept, and those items are skipped.
        self._actions: _Actions = tuple(
            (Answer(number, saved[item.key].label, saved[item.key].how),)
            for number, item in enumerate(drawn)
            if item.key in saved
        )

    @property
    def progress(self) -> Progress:
        """The annotator's progress."""
        with self._lock:
            return self._progress()

    def answer(self, *answers: Answer) -> Progress:
        """Saves labels of the next images, all or none. Raises OutOfTurn for any other images."""
        with self._lock:
            waiting, unlabelled = self._queues()
            if [answer.number for answer in answers] != (waiting or unlabelled)[: len(answers)]:
                raise OutOfTurn("this page shows an old image: another one is next")
            self._become((*self._actions, answers), answers)
            return self._progress()

    def undo(self) -> Progress:
        """Takes back the latest label, or the latest page of them, if there is one."""
        with self._lock:
            if self._actions:
                self._become(self._actions[:-1], self._actions[-1])
            return self._progress()

    def judgement(self) -> Judgement | None:
        """What all labels of the file decide so far; None if the number of labels is fixed."""
        if self._judge is None:
            return None
        with self._judging:
            keys = {item.key for item in self.drawn}
            annotations = file.read(self.path) if self.path.exists() else []
            return self._judge([annotation for annotation in annotations if annotation.key in keys])

    def _become(self, actions: _Actions, changed: Iterable[Answer]) -> None:
        """Saves the labels after these actions, which differ for the items of `changed`."""
        before, after = _labels(self._actions), _labels(actions)
        numbers = {answer.number for answer in changed}
        annotations = [self._annotation(after[number]) for number in sorted(numbers & after.keys())]
        if numbers & before.keys():
            keys = {self.drawn[number].key for number in numbers}
            file.replace(self.path, keys, self.labeller, *annotations)
        else:
            file.append(self.path, *annotations)
        self._actions = actions

    def _annotation(self, answer: Answer) -> Annotation:
        item = self.drawn[answer.number]
        is_open, sha256 = self._judge is not None, item.sha256 or ""
        return Annotation(
            item.key, item.stratum.value, answer.label, answer.how, self.labeller, until_decided=is_open, sha256=sha256
        )

    def _queues(self) -> tuple[list[int], list[int]]:
        """The numbers of the items that wait for a closer look, and of those without a label."""
        labels = _labels(self._actions)
        waiting = sorted(number for number, answer in labels.items() if answer.waits)
        return waiting, [number for number in range(len(self.drawn)) if number not in labels]

    def _progress(self) -> Progress:
        waiting, unlabelled = self._queues()
        total = len(self.drawn)
        return Progress(
            queue=(waiting + unlabelled)[: 2 * PAGE_IMAGES],
            waiting=len(waiting),
            done=total - len(waiting) - len(unlabelled),
            total=total,
            last=self._actions[-1] if self._actions else (),
        )


def _refuse_changed(path: Path, saved: Mapping[str, Annotation], drawn: Sequence[AnnotationItem]) -> None:
    """Raises LabelError if labels are of images that have been replaced since."""
    changed = [item.key for item in drawn if item.key in saved and not saved[item.key].is_of(item.sha256)]
    if changed:
        raise LabelError(
            f"{path}: {len(changed):,} labels are of images that have changed since, such as {changed[0]!r}: remove "
            "these lines, or label into another file (--labels)"
        )


def _labels(actions: _Actions) -> Mapping[int, Answer]:
    """The latest answer for each item."""
    return {answer.number: answer for action in actions for answer in action}
