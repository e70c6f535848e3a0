"""Opens finished audits: their audit.json, evidence and calibration, which must belong together."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from auditor import audit_json, registry
from auditor.classifier import ClassifierDetector
from auditor.errors import CalibrationError, EvidenceError
from auditor.estimate.calibration import Calibration, digest
from auditor.evidence_store import calibration_file
from auditor.evidence_store.complete import AUDIT, complete_parts
from auditor.evidence_store.store import Part, Store
from auditor.resources import counted_detector
from auditor.results import Audit


@dataclass(frozen=True, slots=True)
class Finished:
    """The audit of a folder, with all parts of its evidence."""

    folder: Path
    audit: Audit
    parts: tuple[Part, ...]

    @classmethod
    def open(cls, folder: Path, *, with_vectors: bool = False) -> Finished:
        """Raises EvidenceError as complete_parts does. with_vectors: check vectors and thumbnails too."""
        parts = complete_parts(folder, with_vectors=with_vectors)
        return cls(folder, audit_json.read(folder / AUDIT), tuple(parts))


def day_of(path: Path) -> datetime.date:
    """The day of the scan that made an audit. path: of its audit.json; without its evidence beside it, the day when
    that file was written. Raises FileNotFoundError."""
    recorded = Store(path.parent).day() if path.name == AUDIT else None
    return recorded or datetime.date.fromtimestamp(path.stat().st_mtime)


def calibration_of(audits: Sequence[Finished]) -> Calibration | None:
    """The calibration that was given to the scans of these audits, which have the same one. Raises EvidenceError if no
    folder has it any more."""
    wanted = audits[0].audit.digests.calibration
    if not wanted:
        return None
    for finished in audits:
        try:
            calibration = calibration_file.load(finished.folder)
        except (OSError, ValueError, CalibrationError):
            continue
        if digest(calibration) == wanted:
            return calibration
    raise EvidenceError(f"none of the audits has the calibration that they were made with ({wanted[:12]}…): scan again")


def classifier_of(audit: Audit, calibration: Calibration | None) -> ClassifierDetector | None:
    """The classifier whose scores the audit counts. Raises EvidenceError if the evidence was made with other weights,
    because a calibration is valid for its weights only."""
    model = counted_detector(audit.digests.detectors, audit.digests.indexes, calibration)
    if model and audit.digests.detectors[model.id] != registry.digest(model.id):
        raise EvidenceError(
            f"the evidence was made with another version of {model.id} than the installed one: scan again"
        )
    return model
