"""What a configuration names, opened: the vectors' source, reference images, calibration, labels; and their digests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from auditor import registry
from auditor.annotation import file
from auditor.annotation.file import Annotation
from auditor.classifier import ClassifierDetector
from auditor.config import Config, ScanConfig
from auditor.embeddings.precomputed import Existing
from auditor.embeddings.vector_source import VectorSource
from auditor.errors import CalibrationError, LabelError, UnknownPlugin
from auditor.estimate import calibration as calibrations
from auditor.estimate.calibration import Calibration
from auditor.results import Digests
from auditor.sampling import planning
from auditor.sampling.rows import SamplePlan
from auditor.similarity import reference as references
from auditor.similarity.match import ReferenceIndexes
from auditor.similarity.reference import Reference, TemporalReference
from auditor.types import Need
from auditor.values import plain

_COLUMNS = 6  # of evidence; parts with others are redone
_COVERED = ("encoder", "embeddings", "embeddings_model", "keep_vectors", "indexes")  # by digests of what they name


@dataclass(frozen=True, slots=True)
class Resources:
    """Everything that a configuration names. detectors: the digest of each one's source and data files, by id."""

    detectors: Mapping[str, str]
    vectors: VectorSource = VectorSource()
    indexes: ReferenceIndexes = ReferenceIndexes()
    calibration: Calibration | None = None
    answers: tuple[Annotation, ...] = ()
    reference: Reference | TemporalReference | None = None

    @classmethod
    def load(cls, config: Config) -> Resources:
        """Raises AuditorError for what cannot be read."""
        scan, estimate = config.scan, config.estimate
        indexes = ReferenceIndexes(scan.indexes)
        existing = Existing(scan.embeddings, scan.embeddings_model) if scan.embeddings else None
        is_wanted = scan.keep_vectors or bool(estimate.reference) or indexes.have_vectors
        return cls(
            detectors={id: registry.digest(id) for id in sorted(scan.detectors)},
            vectors=VectorSource(scan.encoder, existing, is_wanted),
            indexes=indexes,
            calibration=read_calibration(estimate.calibration) if estimate.calibration else None,
            answers=tuple(read_labels(estimate.labels)) if estimate.labels else (),
            reference=references.parse(estimate.reference) if estimate.reference else None,
        )

    def check(self, scan: ScanConfig) -> None:
        """Raises AuditorError for a detector that cannot work here, and for reference images of another encoder.

        A model that will not be asked is not loaded.
        """
        for id in scan.detectors:
            kind = registry.load("detectors", id)
            if min(kind.needs, Need.PIXELS) <= scan.depth:
                kind().check()
        if self.reference:
            self.reference.check(self.vectors.fingerprint())
        if self.indexes.have_vectors:
            self.indexes.check(self.vectors.fingerprint())

    @property
    def counted_calibration(self) -> Calibration | None:
        """The calibration that the estimate rests on: one's own, or the one that a detector ships; None without any."""
        model = counted_detector(self.detectors, self.indexes.record(), self.calibration)
        return (self.calibration or model.calibration()) if model else None

    @property
    def read_by(self) -> Calibration | None:
        """One's own calibration where the detector's answers depend on it, not just what is concluded from them."""
        own = self.calibration
        kind = registry.load("detectors", own.detector) if own else None
        return own if own and kind and issubclass(kind, ClassifierDetector) and kind.reads_by(own) else None

    def digests(self, dataset: str, shards: str | None) -> Digests:
        """With the dataset's digest, and the one over the names of all shards where some were read."""
        return Digests(
            dataset=dataset,
            shards=shards,
            detectors=self.detectors,
            vectors=self.vectors.record(),
            indexes=self.indexes.record(),
            calibration=calibrations.digest(self.calibration) if self.calibration else None,
            labels=file.digest(self.answers) if self.answers else None,
        )

    def evidence_digest(self, config: Config, draw: SamplePlan | None = None) -> str:
        """Over all that decides what a part of evidence holds; draw: the sample, which depends on the dataset."""
        scan = {name: value for name, value in plain(config.portable.scan).items() if name not in _COVERED}
        content = {
            "columns": _COLUMNS,
            "scan": scan,
            "detectors": self.detectors,
            "vectors": self.vectors.record(),
            "indexes": self.indexes.record(),
            "calibration": calibrations.digest(self.read_by) if self.read_by else None,
            "draw": draw and [draw.seed, draw.rank_threshold, draw.depth_outside_sample, draw.is_fetching],
            "shares": draw.allocation.digest if draw and draw.allocation else None,
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def sized(self, config: Config) -> Config:
        """The configuration with the number of rows that its margin asks for. Raises ValueError where none gives it."""
        margin = config.sampling.margin
        if margin is None:
            return config
        rows = planning.required_sample_size(margin, self.counted_calibration)
        return replace(config, sampling=replace(config.sampling, margin=None, sample=rows))


def read_calibration(path: str) -> Calibration:
    """A calibration file. Raises CalibrationError, with its path, also for one of other weights."""
    try:
        found = calibrations.parse(Path(path).read_bytes().decode("utf-8", "replace"))
        kind = registry.load("detectors", found.detector)
        if not issubclass(kind, ClassifierDetector):
            raise CalibrationError(f"{found.detector} gives no logits")
        model = kind.made(counts=found)
        if not model.uses_indexes and found.sha256 != model.weights():  # indexes are known where the audit is
            raise CalibrationError(f"it was made for {found.model} with other weights: calibrate again")
    except OSError as error:
        raise CalibrationError(f"{path}: {error.strerror or error}") from error
    except (CalibrationError, UnknownPlugin) as error:
        raise CalibrationError(f"{path}: {error}") from error
    return found


def read_labels(path: str) -> list[Annotation]:
    """The labels that an estimate is to rest on. Raises LabelError, for a file without any, too."""
    if not (found := file.read(Path(path))):
        raise LabelError(f"{path}: no row of it has a label: label some (auditor label), or leave the file out")
    return found


def counted_detector(
    detectors: Iterable[str], indexes: Mapping[str, str], calibration: Calibration | None
) -> ClassifierDetector | None:
    """The detector whose flags are counted: the one that was calibrated, or the first that ships a calibration.

    indexes: their digests. Raises CalibrationError where a calibration is for a detector that does not run, for other
    weights or for other indexes.
    """
    found = [registry.load("detectors", id)() for id in registry.table("detectors") if id in set(detectors)]
    models = [detector for detector in found if isinstance(detector, ClassifierDetector)]
    if calibration is None:
        return next((model for model in models if model.calibration()), None)
    for model in models:
        if model.id == calibration.detector:
            return _checked(model, indexes, calibration)
    raise CalibrationError(f"it counts errors of {calibration.detector}, which does not run: --with adds a detector")


def _checked(model: ClassifierDetector, indexes: Mapping[str, str], calibration: Calibration) -> ClassifierDetector:
    """The detector, after the counts were found to be of its weights, or of the indexes that its scores are of."""
    if not model.uses_indexes:
        made = model.made(counts=calibration)
        if calibration.sha256 != made.weights():
            raise CalibrationError(f"it counts errors of {calibration.model} with other weights: calibrate again")
        return made
    if calibration.sha256 != ReferenceIndexes.mark(indexes):
        raise CalibrationError(f"it counts errors of {calibration.model} with other indexes: calibrate with these")
    return model.made(counts=calibration)
