"""An annotation task: from an audit and its dataset to a page for labelling, served or exported."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from auditor.annotation import sample
from auditor.annotation.app import export
from auditor.annotation.app.address import LOOPBACK
from auditor.annotation.app.pictures import Finder, ImageStore, annotation_images, audited_inputs
from auditor.annotation.app.server import LabelServer
from auditor.annotation.app.session import Judge, Session
from auditor.annotation.sample import AnnotationItem
from auditor.config import ReadOptions
from auditor.readers import Inputs
from auditor.results import Audit

OnImages = Callable[[int], None]  # called with the number of images that became ready


@dataclass(frozen=True)
class Task:
    """drawn: the items to label, in the order in which they are shown. inputs: the audited dataset. judge: as in
    Session."""

    audit: Audit
    drawn: tuple[AnnotationItem, ...]
    inputs: Inputs
    read: ReadOptions
    fetched: Finder
    judge: Judge | None = None

    @contextmanager
    def served(
        self,
        labels: Path,
        labeller: str,
        *,
        host: str = LOOPBACK,
        port: int = 0,
        on_images: OnImages = lambda n: None,
    ) -> Iterator[LabelServer]:
        """A server that is ready for `serve_forever`. host, port: where it listens, by default for this machine only
        and at a free port. Raises LabelError, and DatasetError if the dataset changed."""
        session = Session(labels, self.drawn, labeller, self.judge)
        with tempfile.TemporaryDirectory(prefix="auditor-") as folder:
            store = ImageStore(Path(folder), self.drawn)
            counts_edited = self.audit.config.estimate.count_edited
            with LabelServer(session, store, port, host=host, counts_edited=counts_edited) as server:
                self._fill(store, on_images)
                yield server

    def export(self, folder: Path, labeller: str, *, on_images: OnImages = lambda n: None) -> None:
        """Writes a folder for labelling elsewhere. Raises the same errors as `served`."""
        counts_edited = self.audit.config.estimate.count_edited
        fill = partial(self._fill, on_images=on_images)
        export.export(folder, self.drawn, labeller, fill, counts_edited=counts_edited)

    def _fill(self, store: ImageStore, on_images: OnImages) -> None:
        for image in annotation_images(self.drawn, self.audit, self.inputs, read=self.read, fetched=self.fetched):
            store.add(image)
            on_images(1)


def task(
    folder: Path,
    audit: Audit,
    inputs: Inputs | None,
    *,
    number: int,
    read: ReadOptions,
    fetched: Finder,
    make_judge: Callable[[Sequence[AnnotationItem]], Judge] | None = None,
) -> Task:
    """The annotation task of an audit's folder. fetched: finds the fetched images of rows that only have a URL.
    make_judge: for labelling that may stop as soon as the policy is decided.

    Raises LabelError if there is nothing to label, and DatasetError if no inputs are given and those that the audit
    names are not found.
    """
    drawn = sample.select_for_annotation(folder, audit.config, number=number)
    dataset, judge = inputs or audited_inputs(audit, folder), make_judge(drawn) if make_judge else None
    return Task(audit, tuple(drawn), dataset, audit.config.scan.read.updated(read), fetched, judge)
