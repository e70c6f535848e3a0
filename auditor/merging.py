"""Evidence gathered apart put together: same configuration, disjoint rows."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from auditor import audit_json, registry
from auditor.aggregate.build import CALIBRATION, EstimationInputs, build_audit, dataset_digest, save_calibration
from auditor.annotation.file import digest as labels_digest
from auditor.config import EstimateConfig
from auditor.errors import CalibrationError, EvidenceError
from auditor.estimate.calibration import Calibration, digest, parse
from auditor.evidence_store.store import Part, Store
from auditor.gallery import thumbnails
from auditor.resources import counted_detector, read_labels
from auditor.results import Audit, InputRecord
from auditor.similarity import summary
from auditor.similarity.reference import Reference, TemporalReference
from auditor.similarity.reference import parse as parse_reference


def merge_evidence(folders: Sequence[Path], out: Path, given: EstimateConfig) -> Audit:
    """Copies every part into out/evidence and sums them up. Raises EvidenceError where the audits were made by
    different tools or configurations, where the same rows are in two of them, or where they are of samples. given:
    labels of the merged rows and a reference of all; those that single audits were given are left out.
    """
    if len(folders) < 2:
        raise EvidenceError("merging takes two audits or more")
    if twice := [folder for folder, times in Counter(folders).items() if times > 1]:
        raise EvidenceError(f"{twice[0]} is named twice: merging would count its rows twice")
    audits = [audit_json.loads(_audit(folder)) for folder in folders]
    for folder, audit in zip(folders[1:], audits[1:], strict=True):
        for what, mine, others in zip(_COMPARED, _compared(audit), _compared(audits[0]), strict=True):
            if mine != others:
                raise EvidenceError(f"{folder} and {folders[0]} differ in their {what}: scan them with the same one")
    parts = {folder: list(Store(folder).parts()) for folder in folders}
    for folder, audit in zip(folders, audits, strict=True):
        _refuse_samples(folder, audit)
        _refuse_incomplete(folder, audit, parts[folder])
    _refuse_overlap(parts)
    encoder = _encoder(parts)
    answers = read_labels(given.labels) if given.labels else []
    reference = parse_reference(given.reference) if given.reference else None
    if reference:
        _check_reference(reference, encoder)
    store = Store(out)
    with store.locked():
        store.claim({"tool": dict(audits[0].tool), "merged": len(folders)}, restart=False)
        _copy(parts.values(), store)
        inputs = _inputs(audits)
        calibration = _calibration(folders, audits[0])
        _refuse_older_weights(audits[0], calibration)
        save_calibration(out, calibration)
        thumbnails.merge(folders, out)
        whole = list(store.parts())
        first = audits[0].config
        config = replace(first, estimate=replace(first.estimate, labels=given.labels, reference=given.reference))
        digests = replace(
            audits[0].digests,
            dataset=dataset_digest(part.digest for part in whole),
            labels=labels_digest(answers) if answers else None,
        )
        merged = build_audit(whole, inputs, config, digests, EstimationInputs(calibration, answers))
        return summary.added(merged, whole, out, reference)


def _copy(audits: Iterable[Sequence[Part]], store: Store) -> None:
    """Every part, the vectors first, under a name that no two audits share."""
    for number, parts in enumerate(audits):
        for part in parts:
            for path in (*(part.vectors.files if part.vectors else ()), part.path):
                shutil.copyfile(path, store.folder / f"{number:03d}-{path.name}")


_COMPARED = ("tool", "configuration", "detectors or files of one's own")


def _compared(audit: Audit) -> tuple[Any, ...]:
    """What has to be the same, whatever files were called; labels and references are given anew."""
    config = replace(audit.config, estimate=EstimateConfig(audit.config.estimate.count_edited))
    return audit.tool, config, replace(audit.digests, dataset="", labels=None)


def _refuse_samples(folder: Path, audit: Audit) -> None:
    if not audit.config.sampling.is_full:
        raise EvidenceError(
            f"{folder} is an audit of a sample: together they would be none, since each draws its own share of its "
            "rows; scan the whole dataset at once with --sample, or --sample-shards"
        )


def _calibration(folders: Sequence[Path], audit: Audit) -> Calibration | None:
    """The one that was given to the scans. Raises EvidenceError where no folder has it any more."""
    wanted = audit.digests.calibration
    if not wanted:
        return None
    for folder in folders:
        try:
            found = parse((Store(folder).folder / CALIBRATION).read_text())
        except (OSError, ValueError, CalibrationError):
            continue
        if digest(found) == wanted:
            return found
    raise EvidenceError(f"none of the audits has the calibration that they were made with ({wanted[:12]}…): scan again")


def _refuse_older_weights(audit: Audit, calibration: Calibration | None) -> None:
    """Counts belong to weights. Raises EvidenceError where the evidence is of others than those installed here."""
    model = counted_detector(audit.digests.detectors, audit.digests.indexes, calibration)
    if model and audit.digests.detectors[model.id] != registry.digest(model.id):
        raise EvidenceError(f"the evidence is of another version of {model.id} than the one installed: scan again")


def _audit(folder: Path) -> bytes:
    try:
        return (folder / "audit.json").read_bytes()
    except OSError as error:
        raise EvidenceError(f"{folder}: no finished audit there ({error.strerror})") from error


def _refuse_incomplete(folder: Path, audit: Audit, parts: list[Part]) -> None:
    """Raises EvidenceError where the parts are not those that the folder's audit.json sums up."""
    rows = sum(part.rows for part in parts)
    if rows != audit.counts.rows or dataset_digest(part.digest for part in parts) != audit.digests.dataset:
        raise EvidenceError(
            f"{folder}: its evidence ({rows:,} rows) is not what its audit.json sums up ({audit.counts.rows:,} rows): "
            "scan that dataset again"
        )


def _refuse_overlap(parts: dict[Path, list[Part]]) -> None:
    seen: dict[str, Path] = {}
    for folder, mine in parts.items():
        if not mine:
            raise EvidenceError(f"{folder}: no evidence there")
        for part in mine:
            if part.rows and (other := seen.setdefault(part.digest, folder)) != folder:
                raise EvidenceError(
                    f"{folder} and {other} hold the same rows ({part.shard}): merging would count them twice"
                )


def _encoder(parts: dict[Path, list[Part]]) -> str | None:
    """The fingerprint of all vectors; None where there are none. Raises EvidenceError for those of two encoders."""
    seen: dict[str, Path] = {}
    for folder, mine in parts.items():
        for part in mine:
            if part.vectors:
                seen.setdefault(part.vectors.fingerprint, folder)
    if len(seen) > 1:
        what = ", ".join(f"{fingerprint} ({folder})" for fingerprint, folder in seen.items())
        raise EvidenceError(f"vectors of different encoders cannot be compared: {what}")
    return next(iter(seen), None)


def _check_reference(reference: Reference | TemporalReference, encoder: str | None) -> None:
    if encoder is None:
        raise EvidenceError(
            f"nothing to hold against {reference.name}: the audits kept no vectors, scan with --encoder"
        )
    reference.check(encoder)


def _inputs(audits: Sequence[Audit]) -> tuple[InputRecord, ...]:
    return tuple(input for audit in audits for input in audit.inputs)
