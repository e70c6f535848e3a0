"""Merges audits of disjoint rows that were made with the same configuration."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from auditor.aggregate.build import EstimationInputs, build_audit
from auditor.annotation.file import Annotation
from auditor.annotation.file import digest as labels_digest
from auditor.config import Config, EstimateConfig, SamplingConfig
from auditor.errors import EvidenceError
from auditor.evidence_store import calibration_file
from auditor.evidence_store.complete import AUDIT
from auditor.evidence_store.store import Part, Store, copy_part, dataset_digest
from auditor.finished import Finished, calibration_of, classifier_of, day_of
from auditor.gallery import thumbnails
from auditor.readers import inventory
from auditor.resources import read_labels
from auditor.results import Audit, Digests, InputRecord, Inventory
from auditor.similarity import summary
from auditor.similarity.reference import Reference, TemporalReference
from auditor.similarity.reference import parse as parse_reference


def merge_evidence(folders: Sequence[Path], out: Path, given: EstimateConfig, *, restart: bool = False) -> Audit:
    """Copy every part into out/evidence and summarise all of them.

    given: labels of the merged rows, and a reference; those of the single audits are not used. restart: replace what
    `out` holds. Raises EvidenceError if the audits differ in tool or configuration, share rows, are audits of samples,
    or are damaged, and if `out` holds anything but the same merge.
    """
    _refuse_repeats(folders, out)
    opened = [Finished.open(folder, with_vectors=True) for folder in folders]
    audits = [finished.audit for finished in opened]
    for folder, audit in zip(folders[1:], audits[1:], strict=True):
        for what, value, expected in zip(_COMPARED, _compared(audit), _compared(audits[0]), strict=True):
            if value != expected:
                raise EvidenceError(f"{folder} and {folders[0]} differ in their {what}: scan both with the same")
    parts = {finished.folder: finished.parts for finished in opened}
    for folder, audit in zip(folders, audits, strict=True):
        _refuse_samples(folder, audit)
    _refuse_overlap(parts)
    encoder = _encoder(parts)
    answers = read_labels(given.labels) if given.labels else []
    reference = parse_reference(given.reference) if given.reference else None
    if reference:
        _check_reference(reference, encoder)
    store = Store(out)
    with store.locked():
        store.claim(_owner(audits), restart=restart)
        store.drop(store.parts())  # of the same merge, which was interrupted or is done again
        for number, copied in enumerate(parts.values()):
            for part in copied:
                copy_part(part, store.folder, number)
        inputs = _inputs(audits)
        calibration = calibration_of(opened)
        classifier_of(audits[0], calibration)
        calibration_file.save(out, calibration)
        thumbnails.merge(folders, out)
        merged_parts = list(store.parts())
        config = _merged_config(audits[0].config, given)
        digests = _merged_digests(audits[0].digests, merged_parts, answers)
        merged = build_audit(merged_parts, inputs, config, digests, EstimationInputs(calibration, answers))
        merged = replace(merged, inventory=_inventory(audits))
        store.record_day(min(day_of(folder / AUDIT) for folder in folders))
        return summary.add_similarity_results(merged, merged_parts, out, reference)


def _merged_config(first: Config, given: EstimateConfig) -> Config:
    """The configuration of merged audits, which have examined every row."""
    estimate = replace(first.estimate, labels=given.labels, reference=given.reference, human_captions=None)
    return replace(first, sampling=SamplingConfig(), estimate=estimate)


def _merged_digests(first: Digests, parts: Sequence[Part], labels: Sequence[Annotation]) -> Digests:
    """The digests of merged parts. labels: those of the merged rows."""
    labels_ = labels_digest(labels) if labels else None
    return replace(first, dataset=dataset_digest(parts), labels=labels_, human_captions=None)


def _refuse_repeats(folders: Sequence[Path], out: Path) -> None:
    if len(folders) < 2:
        raise EvidenceError("merging needs two audits or more")
    if repeated := [folder for folder, times in Counter(map(Path.resolve, folders)).items() if times > 1]:
        raise EvidenceError(f"{repeated[0]} is named twice: merging would count its rows twice")
    if out.resolve() in map(Path.resolve, folders):
        raise EvidenceError(f"{out} is one of the audits to merge: name another folder for the merged one")


def _owner(audits: Sequence[Audit]) -> dict[str, Any]:
    """What identifies merged evidence: of which rows, in which order. Another merge is never mixed in."""
    return {"tool": dict(audits[0].tool), "merged": [audit.digests.dataset for audit in audits]}


_COMPARED = ("tool", "configuration", "detectors or user files")


def _compared(audit: Audit) -> tuple[Any, ...]:
    """What must be the same in all audits. File names, labels and references may differ, and the size of a sample that
    covers every row."""
    config = replace(
        audit.config,
        sampling=SamplingConfig(),
        estimate=replace(audit.config.estimate, calibration=None, labels=None, reference=None, human_captions=None),
    )
    return audit.tool, config, replace(audit.digests, dataset="", labels=None, human_captions=None)


def _refuse_samples(folder: Path, audit: Audit) -> None:
    sampling = audit.config.sampling
    if audit.sample or audit.shards or sampling.fetch or sampling.until_decided:
        raise EvidenceError(
            f"{folder} is an audit of a sample, and separate samples cannot be merged into one: scan the whole dataset "
            "at once, or every part with --sample all"
        )


def _refuse_overlap(parts: Mapping[Path, Sequence[Part]]) -> None:
    seen: dict[str, Path] = {}
    for folder, folder_parts in parts.items():
        if not folder_parts:
            raise EvidenceError(f"{folder}: no evidence there")
        for part in folder_parts:
            if part.rows and (first := seen.setdefault(part.digest, folder)) != folder:
                raise EvidenceError(
                    f"{folder} and {first} hold the same rows ({part.shard}): merging would count them twice"
                )


def _encoder(parts: Mapping[Path, Sequence[Part]]) -> str | None:
    """The encoder's fingerprint of all vectors; None if there are none. Raises EvidenceError for two encoders."""
    seen: dict[str, Path] = {}
    for folder, folder_parts in parts.items():
        for part in folder_parts:
            if part.vectors:
                seen.setdefault(part.vectors.fingerprint, folder)
    if len(seen) > 1:
        what = ", ".join(f"{fingerprint} ({folder})" for fingerprint, folder in seen.items())
        raise EvidenceError(f"vectors of different encoders cannot be compared: {what}")
    return next(iter(seen), None)


def _check_reference(reference: Reference | TemporalReference, encoder: str | None) -> None:
    if encoder is None:
        raise EvidenceError(
            f"nothing to compare with {reference.name}: the audits kept no vectors; scan with --encoder"
        )
    reference.check(encoder)


def _inventory(audits: Sequence[Audit]) -> Inventory | None:
    """That of all audits' inputs; None if one of them has none."""
    found = [audit.inventory for audit in audits if audit.inventory]
    return inventory.merged(found) if len(found) == len(audits) else None


def _inputs(audits: Sequence[Audit]) -> tuple[InputRecord, ...]:
    return tuple(input for audit in audits for input in audit.inputs)
