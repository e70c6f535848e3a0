"""From parts of evidence to an audit: which detector's flags are counted, what people's labels add, and the sums."""

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
class Grounds:
    """What an audit concludes from evidence with, besides the evidence: the user's own calibration, people's labels.

    shards: of which part of the dataset the evidence is, where it is of some shards.
    """

    calibration: Calibration | None = None
    labels: Sequence[Annotation] = ()
    shards: ShardSamplePlan | None = None


def assemble(
    parts: Iterable[Part],
    inputs: tuple[InputRecord, ...],
    config: Config,
    digests: Digests,
    grounds: Grounds = Grounds(),
) -> Audit:
    """The audit that parts of evidence add up to. Raises CalibrationError, LabelError, and DatasetError where no row
    weighs anything."""
    parts = list(parts)
    model = counted_detector(digests.detectors, digests.indexes, grounds.calibration)
    known = (grounds.calibration or model.calibration()) if model else None
    # The score is the chance by the detector's own line: the cutoff is in the same terms, whatever line a user's have.
    threshold = (model.id, _threshold(model, known, config.scan.depth)) if model and known else None
    weighted_by = config.scan.read.weight_col
    summary = summarise(
        (part.path for part in parts),
        count_edited=config.estimate.count_edited,
        threshold=threshold,
        census=census(config),
        labels=LabelTally(grounds.labels, config.seed) if grounds.labels else None,
        anytime_valid=config.sampling.until_decided,
        shards=grounds.shards.of if grounds.shards else None,
    )
    estimate = _estimate(summary, known, threshold, config.seed, weighted_by)
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


def _threshold(model: ClassifierDetector, known: Calibration, depth: Need) -> float:
    """The chance from which an image is flagged; none is where the audit did not decode them, and it costs seconds."""
    if depth < Need.PIXELS:
        return math.inf
    return stored(model.probability(prevalence.threshold(known)))


def _estimate(
    summary: Summary,
    calibration: Calibration | None,
    threshold: tuple[str, float] | None,
    seed: int,
    weighted_by: str | None,
) -> Estimate | None:
    """By labels where there are any, else by the model's flags where its errors are known."""
    found = None
    if calibration and threshold and summary.flags:
        found = prevalence.estimated(
            summary.evidence, summary.flags, calibration, seed=seed, threshold_score=threshold[1]
        )
    found = tally.estimated(summary.evidence, summary.labelled, found) if summary.labelled else found
    found = _by_weight(found, weighted_by) if found and weighted_by else found
    return _of_some_shards(found, summary.shards) if found and summary.shards else found


def _weights(summary: Summary, column: str | None) -> Weights | None:
    """What rows are worth that do not count the same. Raises DatasetError where none counts anything."""
    if column is None:
        return None
    n, effective = summary.counts.ok, summary.evidence.readable.n_eff
    if n and not effective:
        raise DatasetError(f"every row that could be read weighs 0 (column '{column}'): no share of them can be told")
    return Weights(column, EffectiveSampleSize(n, effective, n / effective if effective else 1.0))


def _by_weight(estimate: Estimate, column: str) -> Estimate:
    """The estimate with what it takes the weights for."""
    said = f"training sees each row as often as its column '{safe_text(column, 40)}' says"
    return replace(estimate, assumptions=(*estimate.assumptions, said))


def _of_some_shards(estimate: Estimate, shards: ShardSample) -> Estimate:
    """The estimate with what it takes the shards for that were not read."""
    said = (
        f"the {shards.read:,} shards that were read are a random draw of the dataset's {shards.of:,}, and the others "
        "differ from them no more than they do from each other"
    )
    return replace(estimate, assumptions=(*estimate.assumptions, said))


def _with_dead_links(estimate: Estimate | None, sample: Counts) -> Estimate | None:
    """The estimate, which is of the images that can still be had, with what the others leave open."""
    if estimate is None or not sample.failed:
        return estimate
    dead = sample.failed / (sample.ok + sample.failed + sample.unreadable)
    low, high = estimate.low * (1 - dead), estimate.high * (1 - dead) + dead
    said = (
        f"{sample.failed:,} of the drawn images ({100 * dead:.1f} %) could not be fetched; the fraction is that of the "
        f"others; were all of them real, or all synthetic, it would be {100 * low:.1f} to {100 * high:.1f} %"
    )
    return replace(estimate, assumptions=(*estimate.assumptions, said))


def save_calibration(out: Path, calibration: Calibration | None) -> None:
    """Beside the evidence, so that it can be merged: a calibration of the user's own, or none."""
    path = Store(out).folder / CALIBRATION
    if calibration:
        write_atomically(path, dumps(calibration).encode())
    else:
        path.unlink(missing_ok=True)


def census(config: Config) -> frozenset[str] | None:
    """Detectors that looked at rows beyond the sample too; None where there is no sample."""
    if config.sampling.is_full:
        return None
    if config.sampling.sample_shards or config.sampling.depth_outside(config.scan.depth) == Need.ROW:
        return frozenset()
    return frozenset(id for id in config.scan.detectors if registry.load("detectors", id).needs <= Need.FILE)


def dataset_digest(parts: Iterable[str]) -> str:
    """One digest of all parts' digests, whatever their order."""
    return hashlib.sha256("\n".join(sorted(parts)).encode()).hexdigest()


def _dataset_tests(parts: Iterable[Part]) -> tuple[DatasetTest, ...]:
    """The dataset-level tests of aggregate detectors, by statistics that decided no single image."""
    sums: dict[str, tuple[int, Any]] = {}
    for part in parts:
        for id, (n, total) in part.statistics.items():
            before, sum_before = sums.get(id, (0, 0.0))
            sums[id] = before + n, sum_before + total
    detectors = {id: registry.load("detectors", id)() for id in sorted(sums)}
    return tuple(found for id, detector in detectors.items() for found in detector.dataset_test(*sums[id]))
