"""Builds an audit from parts of evidence, a calibration and people's labels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from auditor import __version__, registry
from auditor.aggregate.captions import CaptionTally
from auditor.aggregate.estimator import Estimator, Model
from auditor.aggregate.summary import Summary, summarise
from auditor.annotation.file import Annotation
from auditor.annotation.tally import LabelJoin
from auditor.caption_results import Captions
from auditor.captions.declared import declared_writers
from auditor.classifier import ClassifierDetector
from auditor.config import Config
from auditor.errors import DatasetError
from auditor.estimate.calibration import Calibration
from auditor.evidence_store.distinct import deciding_everywhere
from auditor.evidence_store.store import Part
from auditor.resources import counted_detector
from auditor.results import TOOL, Audit, DatasetTest, Digests, EffectiveSampleSize, InputRecord, Weights
from auditor.types import Need

if TYPE_CHECKING:
    from auditor.sampling.shards import ShardSamplePlan


@dataclass(frozen=True, slots=True)
class EstimationInputs:
    """What the estimate depends on besides the evidence. calibration: the user's own. shards: the sample of shards that
    the evidence is from; None if every shard was read. human_captions: captions that people wrote."""

    calibration: Calibration | None = None
    labels: Sequence[Annotation] = ()
    shards: ShardSamplePlan | None = None
    human_captions: Sequence[str] = ()


def build_audit(
    parts: Iterable[Part],
    inputs: tuple[InputRecord, ...],
    config: Config,
    digests: Digests,
    estimation_inputs: EstimationInputs = EstimationInputs(),
) -> Audit:
    """The audit of these parts of evidence. Raises CalibrationError, LabelError, and DatasetError if the weight of
    every readable row is 0."""
    parts, labels = list(parts), estimation_inputs.labels
    detector = counted_detector(digests.detectors, digests.indexes, estimation_inputs.calibration)
    captions = _caption_tally(config, estimation_inputs.human_captions)
    estimator = make_estimator(
        parts,
        config,
        detector,
        estimation_inputs.calibration,
        labels=LabelJoin.of(labels, config.seed) if labels else None,
        shards=estimation_inputs.shards.of if estimation_inputs.shards else None,
        captions=captions,
    )
    summary = estimator.summary
    estimate = estimator.from_labels(labels) if labels else estimator.from_scores
    return Audit(
        tool={"name": TOOL, "version": __version__},
        inputs=inputs,
        digests=digests,
        config=config.portable,
        counts=summary.counts,
        sample=summary.sample,
        shards=summary.shards,
        weights=_weights(summary, config.scan.read.weight_col),
        coverage=summary.coverage,
        detectors=summary.detectors,
        confirmed=summary.confirmed,
        estimate=estimate,
        subgroups=estimator.subgroups(estimate),
        dataset_tests=_dataset_tests(parts),
        unreadable_reasons=summary.reasons,
        notes=summary.notes,
        contradictions=summary.contradictions,
        metadata=summary.metadata,
        extras=summary.extras,
        captions=_captions(captions, parts, summary) if captions else None,
    )


def make_estimator(
    parts: Iterable[Part],
    config: Config,
    detector: ClassifierDetector | None,
    own_calibration: Calibration | None,
    *,
    labels: LabelJoin | None = None,
    shards: int | None = None,
    captions: CaptionTally | None = None,
) -> Estimator:
    """The estimator of these parts of evidence. detector: the classifier whose scores are counted. labels, shards,
    captions: as in summarise."""
    calibration = (own_calibration or detector.calibration()) if detector else None
    model = Model.of(detector, calibration) if detector and calibration else None
    summary = summarise(
        (part.path for part in parts),
        count_edited=config.estimate.count_edited,
        score_bins=model.stored if model else None,
        full_coverage_detectors=full_coverage_detectors(config),
        labels=labels,
        anytime_valid=config.sampling.until_decided,
        shards=shards,
        captions=captions,
        deciding=deciding_everywhere(config),
    )
    return Estimator(summary, model, config)


def _weights(summary: Summary, column: str | None) -> Weights | None:
    """The weight column and the effective sample size; None without a weight column. Raises DatasetError if the weight
    of every readable row is 0."""
    if column is None:
        return None
    n, n_eff = summary.counts.ok, summary.evidence.readable.n_eff
    if n and not n_eff:
        raise DatasetError(f"column '{column}': the weight of every readable row is 0; at least one must be above 0")
    return Weights(column, EffectiveSampleSize(n, n_eff, n / n_eff if n_eff else 1.0))


def _caption_tally(config: Config, human_captions: Sequence[str]) -> CaptionTally | None:
    name = config.portable.estimate.human_captions or ""
    return None if config.scan.no_captions else CaptionTally(config.seed, human_captions, name)


def _captions(tally: CaptionTally, parts: Iterable[Part], summary: Summary) -> Captions:
    found = tally.result(is_shard_sample=summary.shards is not None)
    return replace(found, declared=declared_writers((part.rows, part.caption_columns) for part in parts))


def full_coverage_detectors(config: Config) -> frozenset[str] | None:
    """The ids of the detectors that ran on rows outside the sample too; None without a sample."""
    if config.sampling.is_full:
        return None
    if config.sampling.sample_shards or config.sampling.depth_outside(config.scan.depth) == Need.ROW:
        return frozenset()
    return frozenset(id for id in config.scan.detectors if registry.load("detectors", id).needs <= Need.FILE)


def _dataset_tests(parts: Iterable[Part]) -> tuple[DatasetTest, ...]:
    """The dataset-level tests of aggregate detectors, from their statistics of undecided images."""
    sums: dict[str, tuple[int, Any]] = {}
    for part in parts:
        for id, (n, total) in part.statistics.items():
            previous_n, previous_total = sums.get(id, (0, 0.0))
            sums[id] = previous_n + n, previous_total + total
    detectors = {id: registry.load("detectors", id)() for id in sorted(sums)}
    return tuple(test for id, detector in detectors.items() for test in detector.dataset_test(*sums[id]))
