"""Annotation: samples to label, label files, agreement."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.api.decisions import PathLike, audit_path, decide, load, policy_of
from auditor.config import ReadOptions
from auditor.errors import LabelError
from auditor.policy.policy import Policy
from auditor.readers import Inputs
from auditor.results import Audit

if TYPE_CHECKING:
    from auditor.annotation.agreement import Agreement
    from auditor.annotation.app.session import Judge
    from auditor.annotation.app.task import Task
    from auditor.annotation.file import Annotation
    from auditor.annotation.sample import AnnotationItem


MAX_LABELS = 300  # if labelling may stop earlier


def draw(audit: PathLike, number: int = MAX_LABELS) -> list[AnnotationItem]:
    """The rows of an audit's folder that people should label, in labelling order: a random sample of the undecided
    rows, stratified by verdict. Raises LabelError if there are none or `number` is below 1, EvidenceError if rows are
    missing.
    """
    from auditor.annotation import sample
    from auditor.evidence_store.complete import complete_parts

    if number < 1:
        raise LabelError(f"`number` must be at least 1, got {number}")
    folder, loaded = audit_path(audit).parent, load(audit)
    complete_parts(folder, loaded)
    return sample.select_for_annotation(folder, loaded.config, number=number)


def label(
    audit: PathLike,
    dataset: Inputs | None = None,
    *,
    number: int | None = None,
    policy: Policy | PathLike | None = None,
    baseline: Audit | PathLike | None = None,
    read: ReadOptions = ReadOptions(),
) -> Task:
    """The labelling task of an audit's folder; `with task.served(Path("labels.csv"), "A") as server:` serves its page.

    dataset: the audited dataset (default: the inputs that the audit names). number: of images to label; by default
    labelling may stop as soon as `policy` is decided, after at most MAX_LABELS. Raises LabelError, DatasetError,
    EvidenceError, PolicyError.
    """
    from auditor.annotation.app import task
    from auditor.evidence_store.complete import complete_parts
    from auditor.evidence_store.store import Store
    from auditor.fetching.fetcher import Fetcher

    folder, loaded = audit_path(audit).parent, load(audit)
    if Store(folder).is_merged:
        raise LabelError("the images of a merged audit cannot be opened again: label the audits that were merged")
    complete_parts(folder, loaded)
    chosen_policy = policy_of(policy)

    def make_judge(drawn: Sequence[AnnotationItem]) -> Judge:
        from auditor.finished import Finished
        from auditor.labelling import LabelledAudit

        labelled = LabelledAudit(Finished.open(folder), {item.key: item.stratum.value for item in drawn})
        return lambda annotations: labelled.judge(annotations, lambda a: decide(a, chosen_policy, baseline=baseline))

    return task.task(
        folder,
        loaded,
        dataset,
        number=number or MAX_LABELS,
        read=read,
        fetched=Fetcher().cached,
        make_judge=None if number else make_judge,
    )


def with_labels(audit: PathLike, labels: PathLike) -> Audit:
    """The audit in a folder with the estimate from a label file, without a scan; nothing is written. Raises LabelError,
    EvidenceError."""
    from auditor.annotation.tally import drawn_from
    from auditor.finished import Finished
    from auditor.labelling import LabelledAudit
    from auditor.resources import read_labels as read_usable

    annotations = read_usable(os.fspath(labels))
    return LabelledAudit(Finished.open(audit_path(audit).parent), drawn_from(annotations)).with_labels(annotations)


def read_labels(path: PathLike) -> list[Annotation]:
    """All labels of a label file. Raises LabelError, with the line."""
    from auditor.annotation import file

    return file.read(Path(path))


def write_labels(path: PathLike, answers: Iterable[Annotation]) -> None:
    """Writes a label file."""
    from auditor.annotation import file

    file.write(Path(path), answers)


def agreements(answers: Iterable[Annotation]) -> list[Agreement]:
    """The agreement of each pair of annotators on the images that both labelled."""
    from auditor.annotation import agreement

    return agreement.agreements(answers)
