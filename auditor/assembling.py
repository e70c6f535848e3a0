"""From parts of evidence to an audit: which detector's flags are counted, what people's labels add, and the sums."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor import __version__, registry
from auditor.errors import CalibrationError, DatasetError
from auditor.estimate import fraction
from auditor.estimate.calibration import Calibration, dumps
from auditor.labels import tally
from auditor.labels.labelfile import Answer
from auditor.labels.tally import LabelTally
from auditor.printable import printable
from auditor.results import Audit, Counts, EffectiveSampleSize, Estimate, InputRecord, Population, ShardSample, Weights
from auditor.similarity.recognising import Banks
from auditor.statistical import StatisticalDetector
from auditor.tallies.summary import Summary, summarise
from auditor.types import Need
from auditor.verdicts.store import Part, Store, stored, write_atomically

if TYPE_CHECKING:
    from auditor.sampling.shards import ShardDraw

TOOL = "mad-auditor"
CALIBRATION = "calibration.json"


@dataclass(frozen=True, slots=True)
class Grounds:
    """What an audit concludes from evidence with, besides the evidence: the user's own calibration, people's labels.

    shards: of which part of the dataset the evidence is, where it is of some shards.
    """

    calibration: Calibration | None = None
    labels: Sequence[Answer] = ()
    shards: ShardDraw | None = None


def assemble(
    parts: Iterable[Part],
    inputs: tuple[InputRecord, ...],
    config: Mapping[str, Any],
    seed: int,
    grounds: Grounds = Grounds(),
) -> Audit:
    """The audit that parts of evidence add up to. Raises CalibrationError, LabelError, and DatasetError where no row
    weighs anything."""
    parts = list(parts)
    model, known = counting(config, grounds.calibration), calibration_of(config, grounds.calibration)
    # The score is the chance by the detector's own line: the cutoff is in the same terms, whatever line a user's have.
    cutoff = (model.id, _cutoff(model, known, config)) if model and known else None
    weighted_by = weight_column(config)
    summary = summarise(
        (part.path for part in parts),
        count_edited=bool(config.get("count_edited")),
        cutoff=cutoff,
        census=census(config),
        labels=LabelTally(grounds.labels, seed) if grounds.labels else None,
        anytime_valid=bool(config.get("sequential")),
        shards=grounds.shards.of if grounds.shards else None,
    )
    estimate = _estimate(summary, known, cutoff, seed, weighted_by)
    return Audit(
        tool={"name": TOOL, "version": __version__},
        inputs=inputs,
        digests=digests(dataset_digest(part.digest for part in parts), grounds.shards),
        config=config,
        seed=seed,
        counts=summary.counts,
        sample=summary.sample,
        shards=summary.shards,
        weights=_weights(summary, weighted_by),
        coverage=summary.coverage,
        detectors=summary.detectors,
        floor=summary.floor,
        estimate=_with_dead_links(estimate, summary.sample or summary.counts) if config.get("fetch") else estimate,
        strata=summary.strata,
        population=_populations(parts),
        unreadable_reasons=summary.reasons,
        contradictions=summary.contradictions,
        facts=summary.facts,
    )


def _cutoff(model: StatisticalDetector, known: Calibration, config: Mapping[str, Any]) -> float:
    """The chance from which an image is flagged; none is where the audit did not decode them, and it costs seconds."""
    if config.get("depth") in ("row", "tags", "file"):
        return math.inf
    return stored(model.chance(fraction.cutoff(known)))


def _estimate(
    summary: Summary,
    calibration: Calibration | None,
    cutoff: tuple[str, float] | None,
    seed: int,
    weighted_by: str | None,
) -> Estimate | None:
    """By labels where there are any, else by the model's flags where its errors are known."""
    found = None
    if calibration and cutoff and summary.flags:
        found = fraction.estimated(summary.evidence, summary.flags, calibration, seed=seed, cutoff_score=cutoff[1])
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
    said = f"training sees each row as often as its column '{printable(column, 40)}' says"
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


def keep_calibration(out: Path, calibration: Calibration | None) -> None:
    """Beside the evidence, so that it can be merged: a calibration of the user's own, or none."""
    path = Store(out).folder / CALIBRATION
    if calibration:
        write_atomically(path, dumps(calibration).encode())
    else:
        path.unlink(missing_ok=True)


def counting(config: Mapping[str, Any], calibration: Calibration | None) -> StatisticalDetector | None:
    """The detector whose flags are counted, of those in a configuration's record: the one that was calibrated, or the
    first that ships counts of its errors.

    Raises CalibrationError where a calibration is for a detector that does not run.
    """
    found = [registry.load("detectors", id)() for id in config.get("detectors", ())]
    models = [detector for detector in found if isinstance(detector, StatisticalDetector)]
    if calibration is None:
        return next((model for model in models if model.calibration()), None)
    for model in models:
        if model.id == calibration.detector:
            return _checked(model, config, calibration)
    raise CalibrationError(f"it counts errors of {calibration.detector}, which does not run: --with adds a detector")


def _checked(model: StatisticalDetector, config: Mapping[str, Any], calibration: Calibration) -> StatisticalDetector:
    """The detector, after the counts were found to be of its weights, or of the banks that its scores are of."""
    if not model.is_of_banks:
        made = model.made(counts=calibration)
        if calibration.sha256 != made.weights():
            raise CalibrationError(f"it counts errors of {calibration.model} with other weights: calibrate again")
        return made
    if calibration.sha256 != Banks.mark(config.get("banks") or {}):
        raise CalibrationError(f"it counts errors of {calibration.model} with other banks: calibrate with these")
    return model.made(counts=calibration)


def calibration_of(config: Mapping[str, Any], own: Calibration | None) -> Calibration | None:
    """The error counts that an estimate rests on: one's own, or those that a detector ships; None without any."""
    model = counting(config, own)
    return (own or model.calibration()) if model else None


def weight_column(config: Mapping[str, Any]) -> str | None:
    """The column that says how much each row counts; None where all count the same."""
    column: str | None = config.get("read", {}).get("weight_col")
    return column


def census(config: Mapping[str, Any]) -> frozenset[str] | None:
    """Detectors that looked at rows beyond the sample too; None where there is no sample."""
    if not any(config.get(name) for name in ("sample", "fetch", "sample_shards")):
        return None
    if config.get("sample_shards") or config.get("fetch") or config.get("sample_files"):
        return frozenset()
    return frozenset(id for id in config["detectors"] if registry.load("detectors", id).needs <= Need.FILE)


def digests(dataset: str, shards: ShardDraw | None) -> dict[str, str]:
    """What tells whether a dataset is the same: what was read of it; where that was some shards, all shards' names."""
    return {"dataset": dataset} | ({"shards": shards.names} if shards else {})


def dataset_digest(parts: Iterable[str]) -> str:
    """One digest of all parts' digests, whatever their order."""
    return hashlib.sha256("\n".join(sorted(parts)).encode()).hexdigest()


def _populations(parts: Iterable[Part]) -> tuple[Population, ...]:
    """What traces that decided no single image say together."""
    sums: dict[str, tuple[int, Any]] = {}
    for part in parts:
        for id, (n, total) in part.traces.items():
            before, sum_before = sums.get(id, (0, 0.0))
            sums[id] = before + n, sum_before + total
    detectors = {id: registry.load("detectors", id)() for id in sorted(sums)}
    return tuple(found for id, detector in detectors.items() for found in detector.population(*sums[id]))
