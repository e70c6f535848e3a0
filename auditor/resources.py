"""Loads what a configuration names (vector source, reference indexes, calibration, labels) and computes digests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from auditor import registry
from auditor.annotation import file
from auditor.annotation.file import Annotation
from auditor.captions import marks
from auditor.classifier import ClassifierDetector
from auditor.config import Config, ScanConfig
from auditor.embeddings.precomputed import Existing
from auditor.embeddings.vector_source import VectorSource
from auditor.errors import CalibrationError, LabelError, UnknownPlugin
from auditor.estimate import calibration as calibrations
from auditor.estimate.calibration import Calibration
from auditor.images import optional_decoders
from auditor.results import Digests
from auditor.sampling import planning
from auditor.sampling.rows import SamplePlan
from auditor.similarity import reference as references
from auditor.similarity.match import ReferenceIndexes
from auditor.similarity.reference import Reference, TemporalReference
from auditor.types import Need
from auditor.values import plain

_COLUMNS_VERSION = 12  # of evidence; parts of another version are made again
# Options that are not digested themselves, because the content of what they name is.
_DIGESTED_BY_CONTENT = ("encoder", "embeddings", "embeddings_model", "keep_vectors", "indexes")


@dataclass(frozen=True, slots=True)
class Resources:
    """Everything that a configuration names. detectors: digests of their source and data files, by id."""

    detectors: Mapping[str, str]
    vectors: VectorSource = VectorSource()
    indexes: ReferenceIndexes = ReferenceIndexes()
    calibration: Calibration | None = None
    answers: tuple[Annotation, ...] = ()
    reference: Reference | TemporalReference | None = None
    human_captions: tuple[str, ...] = ()

    @classmethod
    def load(cls, config: Config) -> Resources:
        """The resources of a configuration. Raises AuditorError for files that cannot be read."""
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
            human_captions=_read_human_captions(config),
        )

    def check(self, scan: ScanConfig) -> None:
        """Raises AuditorError for a detector that cannot run here, for reference images of another encoder, and for
        damaged indexes.

        Models that the scan does not need are not loaded.
        """
        for id in scan.detectors:
            kind = registry.load("detectors", id)
            if min(kind.needs, Need.PIXELS) <= scan.depth:
                kind().check()
        if self.reference:
            self.reference.check(self.vectors.fingerprint())
        self.indexes.verify()
        if self.indexes.have_vectors:
            self.indexes.check(self.vectors.fingerprint())

    @property
    def counted_calibration(self) -> Calibration | None:
        """The calibration of the estimate: the user's own, or the one that a detector ships; None without any."""
        model = counted_detector(self.detectors, self.indexes.record(), self.calibration)
        return (self.calibration or model.calibration()) if model else None

    @property
    def read_by(self) -> Calibration | None:
        """The user's own calibration if the detector's scores depend on it; otherwise None."""
        own = self.calibration
        kind = registry.load("detectors", own.detector) if own else None
        return own if own and kind and issubclass(kind, ClassifierDetector) and kind.reads_by(own) else None

    def digests(self, dataset: str, shards: str | None) -> Digests:
        """The digests of an audit. dataset: of the dataset. shards: of the names of all shards, if some were read."""
        return Digests(
            dataset=dataset,
            shards=shards,
            detectors=self.detectors,
            vectors=self.vectors.record(),
            indexes=self.indexes.record(),
            calibration=calibrations.digest(self.calibration) if self.calibration else None,
            labels=file.digest(self.answers) if self.answers else None,
            human_captions=_digest_of_texts(self.human_captions) if self.human_captions else None,
        )

    def evidence_digest(self, config: Config, sample_plan: SamplePlan | None = None) -> str:
        """The sha256 of everything that decides the content of a part of evidence. sample_plan: depends on the
        dataset."""
        scan = {name: value for name, value in plain(config.portable.scan).items() if name not in _DIGESTED_BY_CONTENT}
        content = {
            "columns": _COLUMNS_VERSION,
            "scan": scan,
            "detectors": self.detectors,
            "captions": None if config.scan.no_captions else marks.digest(),
            **({"decoders": decoders} if (decoders := optional_decoders.installed()) else {}),
            "vectors": self.vectors.record(),
            "indexes": self.indexes.record(),
            "calibration": calibrations.digest(self.read_by) if self.read_by else None,
            "draw": sample_plan
            and [
                sample_plan.seed,
                sample_plan.rank_threshold,
                sample_plan.depth_outside_sample,
                sample_plan.is_fetching,
            ],
            "shares": sample_plan.allocation.digest if sample_plan and sample_plan.allocation else None,
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def sized(self, config: Config) -> Config:
        """The configuration with a sample size instead of a margin. Raises ValueError if no size has that margin."""
        margin = config.sampling.margin
        if margin is None:
            return config
        rows = planning.required_sample_size(margin, self.counted_calibration)
        return replace(config, sampling=replace(config.sampling, margin=None, sample=rows))


def _read_human_captions(config: Config) -> tuple[str, ...]:
    from auditor.captions import reference

    path = config.estimate.human_captions
    return reference.read(path, config.scan.read.caption_col) if path else ()


def _digest_of_texts(texts: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(texts).encode("utf-8", "surrogatepass")).hexdigest()


def read_calibration(path: str) -> Calibration:
    """The calibration of a file. Raises CalibrationError, with the path, also for a calibration of other weights."""
    try:
        calibration = calibrations.parse(Path(path).read_bytes().decode("utf-8", "replace"))
        kind = registry.load("detectors", calibration.detector)
        if not issubclass(kind, ClassifierDetector):
            raise CalibrationError(f"its detector must be a classifier, got {calibration.detector}")
        model = kind.made(counts=calibration)
        # Calibrations that depend on indexes are checked later, in counted_detector.
        if not model.uses_indexes and calibration.sha256 != model.weights():
            raise CalibrationError(f"it was made for {calibration.model} with other weights: calibrate again")
    except OSError as error:
        raise CalibrationError(f"{path}: {error.strerror or error}") from error
    except (CalibrationError, UnknownPlugin) as error:
        raise CalibrationError(f"{path}: {error}") from error
    return calibration


def read_labels(path: str) -> list[Annotation]:
    """The labels of a file for an estimate. Raises LabelError, also for a file without labels."""
    if not (annotations := file.read(Path(path))):
        raise LabelError(f"{path}: no row has a label: label some rows (auditor label), or leave out the file")
    return annotations


def counted_detector(
    detectors: Iterable[str], indexes: Mapping[str, str], calibration: Calibration | None
) -> ClassifierDetector | None:
    """The classifier whose flags are counted: that of the calibration, or the first that ships a calibration.

    indexes: digests by name. Raises CalibrationError for a calibration of a detector that does not run, of other
    weights or of other indexes.
    """
    running = [registry.load("detectors", id)() for id in registry.table("detectors") if id in set(detectors)]
    models = [detector for detector in running if isinstance(detector, ClassifierDetector)]
    if calibration is None:
        return next((model for model in models if model.calibration()), None)
    for model in models:
        if model.id == calibration.detector:
            return _with_calibration(model, indexes, calibration)
    raise CalibrationError(
        f"the calibration is of detector {calibration.detector}, which does not run: add it with --with"
    )


def _with_calibration(
    model: ClassifierDetector, indexes: Mapping[str, str], calibration: Calibration
) -> ClassifierDetector:
    """The classifier with the calibration. Raises CalibrationError for one of other weights or other indexes."""
    if not model.uses_indexes:
        calibrated = model.made(counts=calibration)
        if calibration.sha256 != calibrated.weights():
            raise CalibrationError(f"the calibration is of {calibration.model} with other weights: calibrate again")
        return calibrated
    if calibration.sha256 != ReferenceIndexes.mark(indexes):
        raise CalibrationError(
            f"the calibration is of {calibration.model} with other indexes: calibrate again with these indexes"
        )
    return model.made(counts=calibration)
