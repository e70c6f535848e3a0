"""Labels of people."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.api.records import PathLike, audit_path, load
from auditor.audit import Inputs
from auditor.config import ReadOptions

if TYPE_CHECKING:
    from auditor.labelling.choosing import Drawn
    from auditor.labelling.task import Task
    from auditor.labels.agreement import Agreement
    from auditor.labels.labelfile import Answer


def draw(audit: PathLike, number: int = 300) -> list[Drawn]:
    """The rows of an audit's folder that people should label, in the order in which they should: a random, stratified
    sample of those that are undecided. Raises LabelError where there are none.
    """
    from auditor.labelling import choosing

    return choosing.draw(audit_path(audit).parent, seed=load(audit).config.seed, number=number)


def label(
    audit: PathLike, dataset: Inputs | None = None, *, number: int = 300, read: ReadOptions = ReadOptions()
) -> Task:
    """The labelling of an audit's folder: `with made.served(Path("labels.csv"), "A") as server` a page to label on.

    dataset: what was audited (default: what the audit names, if it is found). Raises LabelError, DatasetError.
    """
    from auditor.fetching.fetches import Fetcher
    from auditor.labelling import task

    folder, found = audit_path(audit).parent, load(audit)
    return task.task(folder, found, dataset, number=number, read=read, fetched=Fetcher().recall)


def read_labels(path: PathLike) -> list[Answer]:
    """Every label of a label file. Raises LabelError, with the line."""
    from auditor.labels import labelfile

    return labelfile.read(Path(path))


def write_labels(path: PathLike, answers: Iterable[Answer]) -> None:
    """A label file, whole."""
    from auditor.labels import labelfile

    labelfile.write(Path(path), answers)


def agreements(answers: Iterable[Answer]) -> list[Agreement]:
    """How far labellers agree on the images that they share, two by two."""
    from auditor.labels import agreement

    return agreement.agreements(answers)
