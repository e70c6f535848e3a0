"""Annotation: samples to label, label files, agreement."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.api.decisions import PathLike, audit_path, load
from auditor.config import ReadOptions
from auditor.readers import Inputs

if TYPE_CHECKING:
    from auditor.annotation.agreement import Agreement
    from auditor.annotation.app.task import Task
    from auditor.annotation.file import Annotation
    from auditor.annotation.sample import AnnotationItem


def draw(audit: PathLike, number: int = 300) -> list[AnnotationItem]:
    """The rows of an audit's folder that people should label, in labelling order: a random sample of the undecided
    rows, stratified by verdict. Raises LabelError if there are none.
    """
    from auditor.annotation import sample

    return sample.select_for_annotation(audit_path(audit).parent, seed=load(audit).config.seed, number=number)


def label(
    audit: PathLike, dataset: Inputs | None = None, *, number: int = 300, read: ReadOptions = ReadOptions()
) -> Task:
    """The labelling task of an audit's folder; `with task.served(Path("labels.csv"), "A") as server:` serves its page.

    dataset: the audited dataset (default: the inputs that the audit names). Raises LabelError, DatasetError.
    """
    from auditor.annotation.app import task
    from auditor.fetching.fetcher import Fetcher

    folder, loaded = audit_path(audit).parent, load(audit)
    return task.task(folder, loaded, dataset, number=number, read=read, fetched=Fetcher().cached)


def read_labels(path: PathLike) -> list[Annotation]:
    """All labels of a label file. Raises LabelError, with the line."""
    from auditor.annotation import file

    return file.read(Path(path))


def write_labels(path: PathLike, answers: Iterable[Annotation]) -> None:
    """Writes a label file."""
    from auditor.annotation import file

    file.write(Path(path), answers)


def agreements(answers: Iterable[Annotation]) -> list[Agreement]:
    """The agreement of each pair of labellers on the images that both labelled."""
    from auditor.annotation import agreement

    return agreement.agreements(answers)
