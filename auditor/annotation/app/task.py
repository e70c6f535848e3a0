"""A labelling from beginning to end: an audit and its dataset in, a page to label on out, served or exported."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from auditor.annotation import sample
from auditor.annotation.app import export
from auditor.annotation.app.pictures import Finder, ImageStore, audited_inputs, pictures
from auditor.annotation.app.server import LabelServer
from auditor.annotation.app.session import Session
from auditor.annotation.sample import AnnotationItem
from auditor.config import ReadOptions
from auditor.readers import Inputs
from auditor.results import Audit

Told = Callable[[int], None]  # so many images more are ready


@dataclass(frozen=True)
class Task:
    """drawn: what is labelled, in the order of showing. inputs: the dataset that the audit is of."""

    audit: Audit
    drawn: tuple[AnnotationItem, ...]
    inputs: Inputs
    read: ReadOptions
    fetched: Finder

    @contextmanager
    def served(
        self, labels: Path, labeller: str, *, port: int = 0, told: Told = lambda n: None
    ) -> Iterator[LabelServer]:
        """A server that is ready for `serve_forever`. Raises LabelError, and DatasetError where the dataset changed."""
        session = Session(labels, self.drawn, labeller)
        with tempfile.TemporaryDirectory(prefix="auditor-") as passing:
            prepared = ImageStore(Path(passing), self.drawn)
            with LabelServer(session, prepared, port) as server:
                self._fill(prepared, told)
                yield server

    def export(self, folder: Path, labeller: str, *, told: Told = lambda n: None) -> None:
        """A folder to label elsewhere. Raises what `served` does."""
        export.export(folder, self.drawn, labeller, lambda prepared: self._fill(prepared, told))

    def _fill(self, prepared: ImageStore, told: Told) -> None:
        for picture in pictures(self.drawn, self.audit, self.inputs, read=self.read, fetched=self.fetched):
            prepared.add(picture)
            told(1)


def task(folder: Path, audit: Audit, inputs: Inputs | None, *, number: int, read: ReadOptions, fetched: Finder) -> Task:
    """The labelling of an audit's folder. fetched: what was fetched of a URL, where the dataset has nothing else.

    Raises LabelError where nothing is to label, DatasetError where no inputs are given and those that the audit names
    are not found.
    """
    drawn = sample.select_for_annotation(folder, seed=audit.config.seed, number=number)
    return Task(
        audit, tuple(drawn), inputs or audited_inputs(audit, folder), audit.config.scan.read.updated(read), fetched
    )
