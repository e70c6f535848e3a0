"""Builds an audit from parts of evidence, a calibration and people's labels."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor import __version__, registry
from auditor.aggregate.summary import Summary, summarise
from auditor.annotation import tally
from auditor.annotation.file import Annotation
from auditor.annotation.tally import LabelTally
from auditor.classifier import ClassifierDetector
from auditor.config import Config
from auditor.errors import DatasetError
from auditor.estimate import prevalence
from auditor.estimate.calibration import Calibration, dumps
from auditor.evidence_store.store import Part, Store, stored, write_atomically
from auditor.resources import counted_detector
from auditor.results import (
    Audit,
    Counts,
    DatasetTest,
    Digests,
    EffectiveSampleSize,
    Estimate,
    InputRecord,
    ShardSample,
    Weights,
)
from auditor.safe_text import safe_text
from auditor.types import Need

if TYPE_CHECKING:
    from auditor.sampling.shards import ShardSamplePlan

TOOL = "mad-auditor"
CALIBRATION = "calibration.json"


@dataclass(frozen=True, slots=True)
class EstimationInputs:
    """What the estimate depends on besides the evidence. calibration: the user's own. shards: the sample of shards that
    the evidence is from; None if every shard was read."""

    calibration: Calibration | None = None
    labels: Sequence[Annotation] = ()
    shards: ShardSamplePlan | None = None


def build_audit(
    parts: Iterable[Part],
    inputs: tuple[InputRecord, ...],
    config: Config,
    digests: Digests,
    estimation_inputs: EstimationInputs = EstimationInputs(),
) -> Audit:
    """The audit of these parts of evidence. Raises CalibrationError, LabelError, and DatasetError if the weight of
    every readable row is 0."""
    parts = list(parts)
    model = counted_detector(digests.detectors, digests.indexes, estimation_inputs.calibration)
    calibration = (estimation_inputs.calibration or model.calibration()) if model else None
    # Stored scores are probabilities by the detector's own slope and intercept, so the threshold has to be one too.
    threshold = (model.id, _threshold(model, calibration, config.scan.depth)) if model and calibration else None
    weighted_by = config.scan.read.weight_col
    summary = summarise(
        (part.path for part in parts),
        count_edited=config.estimate.count_edited,
        threshold=threshold,
        full_coverage_detectors=full_coverage_detectors(config),
        labels=LabelTally(estimation_inputs.labels, config.seed) if estimation_inputs.labels else None,
        anytime_valid=config.sampling.until_decided,
        shards=estimation_inputs.shards.of if estimation_inputs.shards else None,
    )
    estimate = _estimate(summary, calibration, threshold, config.seed, weighted_by)
    return Audit(
        tool={"name": TOOL, "version": __version__},
        inputs=inputs,
        digests=digests,
        config=config.portable,
        counts=summary.counts,
        sample=summary.sample,
        shards=summary.shards,
        weights=_weights(summary, weighted_by),
        coverage=summary.coverage,
        detectors=summary.detectors,
        confirmed=summary.confirmed,
        estimate=_with_dead_links(estimate, summary.sample or summary.counts) if config.sampling.fetch else estimate,
        subgroups=summary.subgroups,
        dataset_tests=_dataset_tests(parts),
        unreadable_reasons=summary.reasons,
        contradictions=summary.contradictions,
        extras=summary.extras,
    )


def _threshold(model: ClassifierDetector, calibration: Calibration, depth: Need) -> float:
    """The probability from which an image is flagged. It takes seconds to compute, so it is inf if the audit decoded no
    image."""
    if depth < Need.PIXELS:
        return math.inf
    return stored(model.probability(prevalence.threshold(calibration)))


def _estimate(
    summary: Summary,
    calibration: Calibration | None,
    threshold: tuple[str, float] | None,
    seed: int,
    weighted_by: str | None,
) -> Estimate | None:
    """The estimate from labels if there are any, else from the flags of a calibrated classifier."""
    estimate = None
    if calibration and threshold and summary.flags:
        estimate = prevalence.estimate_prevalence(
            summary.evidence, summary.flags, calibration, seed=seed, threshold_score=threshold[1]
        )
    if summary.labelled:
        estimate = tally.estimate_from_labels(summary.evidence, summary.labelled, estimate)
    if estimate and weighted_by:
        estimate = _assume(
            estimate, f"training sees each row as often as its column '{safe_text(weighted_by, 40)}' says"
        )
    return _assume_random_shards(estimate, summary.shards) if estimate and summary.shards else estimate


def _weights(summary: Summary, column: str | None) -> Weights | None:
    """The weight column and the effective sample size; None without a weight column. Raises DatasetError if the weight
    of every readable row is 0."""
    if column is None:
        return None
    n, n_eff = summary.counts.ok, summary.evidence.readable.n_eff
    if n and not n_eff:
        raise DatasetError(f"column '{column}': the weight of every readable row is 0; at least one must be above 0")
    return Weights(column, EffectiveSampleSize(n, n_eff, n / n_eff if n_eff else 1.0))


def _assume(estimate: Estimate, assumption: str) -> Estimate:
    """The estimate with one more assumption."""
    return replace(estimate, assumptions=(*estimate.assumptions, assumption))


def _assume_random_shards(estimate: Estimate, shards: ShardSample) -> Estimate:
    return _assume(
        estimate,
        f"the {shards.read:,} shards that were read are a random sample of the dataset's {shards.of:,}, and the others "
        "differ from them no more than they do from each other",
    )


def _with_dead_links(estimate: Estimate | None, sample: Counts) -> Estimate | None:
    """The estimate, which covers retrievable images only, with the range that unretrievable images would permit."""
    if estimate is None or not sample.failed:
        return estimate
    dead = sample.failed / (sample.ok + sample.failed + sample.unreadable)
    low, high = estimate.low * (1 - dead), estimate.high * (1 - dead) + dead
    return _assume(
        estimate,
        f"{sample.failed:,} of the sampled images ({100 * dead:.1f} %) could not be fetched, and the fraction is that "
        f"of the others; if all of them were real, or all synthetic, it would be {100 * low:.1f} to {100 * high:.1f} %",
    )


def save_calibration(out: Path, calibration: Calibration | None) -> None:
    """Writes the user's own calibration to the evidence folder, so that audits can be merged, or deletes an old one."""
    path = Store(out).folder / CALIBRATION
    if calibration:
        write_atomically(path, dumps(calibration).encode())
    else:
        path.unlink(missing_ok=True)


def full_coverage_detectors(config: Config) -> frozenset[str] | None:
    """The ids of the detectors that ran on rows outside the sample too; None without a sample."""
    if config.sampling.is_full:
        return None
    if config.sampling.sample_shards or config.sampling.depth_outside(config.scan.depth) == Need.ROW:
        return frozenset()
    return frozenset(id for id in config.scan.detectors if registry.load("detectors", id).needs <= Need.FILE)


def dataset_digest(parts: Iterable[str]) -> str:
    """One digest of the digests of all parts; their order does not matter."""
    return hashlib.sha256("\n".join(sorted(parts)).encode()).hexdigest()


def _dataset_tests(parts: Iterable[Part]) -> tuple[DatasetTest, ...]:
    """The dataset-level tests of aggregate detectors, from their statistics of undecided images."""
    sums: dict[str, tuple[int, Any]] = {}
    for part in parts:
        for id, (n, total) in part.statistics.items():
            previous_n, previous_total = sums.get(id, (0, 0.0))
            sums[id] = previous_n + n, previous_total + total
    detectors = {id: registry.load("detectors", id)() for id in sorted(sums)}
    return tuple(test for id, detector in detectors.items() for test in detector.dataset_test(*sums[id]))
