"""Counts of rows confirmed by metadata, watermarks or known images, in a full scan or under a sampling design. Pure.

A sampled audit either reads the metadata of every row and decodes only the sample, or opens nothing outside the sample.
Detectors that ran on every row have *full coverage*: their counts are exact. Counts of the other detectors come from
the sample only and stand for the unsampled rows too, with the interval of the sampling design. A sample of whole shards
has no full-coverage detectors, and the number of rows in the other shards is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import product
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from auditor.estimate.design import FULL_SCAN, SamplingDesign
from auditor.estimate.intervals import Interval
from auditor.estimate.weights import NO_ROWS, WeightSums
from auditor.types import Status, VerdictKind

UNSAMPLED = "unsampled.rows"  # name of the sum that RowSample needs


@dataclass(frozen=True, slots=True)
class EvidenceCounts:
    """Numbers of rows and sums of their weights.

    readable: rows that could be read. confirmed: readable rows that evidence shows to be synthetic. edited: readable
    rows with a generated part. undetermined: readable rows that full-coverage detectors do not decide (in a full scan
    all detectors have full coverage). sampled: undetermined rows that were examined in full. confirmed_in_sample:
    sampled rows that evidence shows to be synthetic.
    """

    readable: WeightSums = NO_ROWS
    confirmed: WeightSums = NO_ROWS
    edited: WeightSums = NO_ROWS
    confirmed_in_sample: WeightSums = NO_ROWS
    undetermined: WeightSums = NO_ROWS
    sampled: WeightSums = NO_ROWS
    design: SamplingDesign = FULL_SCAN

    @classmethod
    def of(cls, sums: Mapping[str, float], design: SamplingDesign) -> EvidenceCounts:
        """From the sums of the columns of `moments_of`, by name; missing sums are 0."""
        moments = {name: [sums.get(f"{name}.{moment}", 0) for moment in _MOMENTS] for name in _SUMMED}
        return cls(
            **{name: WeightSums(int(rows), float(w), float(w2)) for name, (rows, w, w2) in moments.items()},
            design=design,
        )

    @classmethod
    def of_rows(cls, *, design: SamplingDesign = FULL_SCAN, **rows: int) -> EvidenceCounts:
        """From numbers of rows of weight 1, by field."""
        return cls(**{name: WeightSums.of_rows(n) for name, n in rows.items()}, design=design)

    @property
    def confirmed_by_full_coverage(self) -> float:
        """The weight of the rows that full-coverage detectors show to be synthetic."""
        return self.confirmed.total - self.confirmed_in_sample.total

    @property
    def of_undetermined(self) -> Interval:
        """The confirmed share of the undetermined rows."""
        if not self.sampled.total:
            return Interval(0.0, 0.0, 1.0 if self.undetermined.total else 0.0)
        return self.design.interval(self.confirmed_in_sample, self.sampled)

    def whole(self, of_undetermined: Interval) -> Interval:
        """The synthetic share of all readable rows, given the share of the undetermined ones. Raises ValueError without
        a readable row."""
        if not self.readable.total:
            raise ValueError("there must be at least one readable row, got none")
        ends = of_undetermined.point, of_undetermined.low, of_undetermined.high
        weight, by_full_coverage = self.undetermined.total, self.confirmed_by_full_coverage
        return Interval(*(min(1.0, (by_full_coverage + weight * share) / self.readable.total) for share in ends))

    @property
    def share(self) -> Interval | None:
        """The confirmed share of all readable rows; None without a readable row."""
        return self.whole(self.of_undetermined) if self.readable.total else None

    @property
    def source_interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the confirmed share in the source of the dataset, from which its rows are a sample."""
        share = self.share
        return self.design.source_interval(share, self.confirmed, self.readable) if share else None


@dataclass(frozen=True, slots=True)
class EvidenceMasks:
    """For each field of EvidenceCounts, the rows of one batch that it counts, bool (rows,). unsampled: rows that were
    not examined in full, readable or not."""

    readable: np.ndarray
    confirmed: np.ndarray
    edited: np.ndarray
    confirmed_in_sample: np.ndarray
    undetermined: np.ndarray
    sampled: np.ndarray
    unsampled: np.ndarray

    @property
    def undecided(self) -> np.ndarray:
        """Rows that were examined in full and have no metadata, watermark or known-image evidence."""
        undecided: np.ndarray = self.sampled & ~self.confirmed & ~self.edited
        return undecided

    def only(self, rows: np.ndarray) -> EvidenceMasks:
        """The masks with these rows only. rows: bool (rows,)."""
        return EvidenceMasks(**{field.name: getattr(self, field.name) & rows for field in fields(self)})

    def of(self, rows: np.ndarray) -> EvidenceMasks:
        """The masks of some rows. rows: their numbers, int64 (n,)."""
        return EvidenceMasks(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


NO_ROW = EvidenceMasks(*[np.zeros(0, bool)] * len(fields(EvidenceMasks)))
_SUMMED = tuple(field.name for field in fields(EvidenceCounts) if field.name != "design")
_MOMENTS = tuple(field.name for field in fields(WeightSums))


def masks(
    column: Mapping[str, pa.Array], *, count_edited: bool, full_coverage_detectors: frozenset[str] | None
) -> EvidenceMasks:
    """The masks of one batch of evidence, given as its columns by name.

    count_edited: images with a generated part count as synthetic. full_coverage_detectors: ids of the detectors that
    ran on unsampled rows too; None for a full scan.
    """
    readable = np.asarray(pc.equal(column["status"], Status.OK.value))
    verdict = column["verdict"].fill_null("")
    edited = readable & np.asarray(pc.equal(verdict, VerdictKind.EDITED.value))
    synthetic = readable & np.asarray(pc.equal(verdict, VerdictKind.SYNTHETIC.value))
    decided = synthetic | edited
    confirmed = decided if count_edited else synthetic
    if full_coverage_detectors is None:
        by_full_coverage, is_sampled = decided, np.ones(len(readable), bool)
    else:
        has_full_coverage = pc.is_in(column["decided_by"], pa.array(sorted(full_coverage_detectors), pa.string()))
        by_full_coverage, is_sampled = decided & np.asarray(has_full_coverage), np.asarray(column["sampled"])
    undetermined = readable & ~by_full_coverage
    return EvidenceMasks(
        readable=readable,
        confirmed=confirmed,
        edited=edited,
        confirmed_in_sample=confirmed & ~by_full_coverage,
        undetermined=undetermined,
        sampled=undetermined & is_sampled,
        unsampled=~is_sampled,
    )


def moments_of(masks: EvidenceMasks, weights: np.ndarray) -> dict[str, np.ndarray]:
    """The columns whose sums EvidenceCounts.of takes, by name: 1, w and w² for each row that counts, (rows,) each.

    weights: float64 (rows,).
    """
    powers = dict(zip(_MOMENTS, (np.ones(len(weights), np.int64), weights, weights**2), strict=True))
    moments = {f"{name}.{power}": getattr(masks, name) * powers[power] for name, power in product(_SUMMED, _MOMENTS)}
    return {**moments, UNSAMPLED: masks.unsampled.astype(np.int64)}


def sums_of(masks: EvidenceMasks, weights: np.ndarray) -> dict[str, Any]:
    """The sums of `moments_of` over one batch."""
    return {name: values.sum().item() for name, values in moments_of(masks, weights).items()}


@dataclass(frozen=True, slots=True)
class ScoreCounts:
    """Counts of a classifier's scores, of the undecided rows and of the controls.

    by_condition: undecided rows that the classifier scored, by condition. bins: the weight of the scored rows in each
    bin (score_distributions.Bins). anchors: the number of negative and of positive controls in each bin. flagged:
    scored rows that are likely synthetic. n_eff: the effective sample size of the scored rows. unseen: undecided rows
    without a score. synthetic, real: (flagged, scored) rows of the positive and of the negative controls, unweighted.
    """

    by_condition: Mapping[str, WeightSums]
    bins: tuple[float, ...]
    flagged: WeightSums
    n_eff: float
    unseen: WeightSums = NO_ROWS
    synthetic: tuple[int, int] = (0, 0)
    real: tuple[int, int] = (0, 0)
    anchors: tuple[tuple[float, ...], tuple[float, ...]] = ((), ())

    @classmethod
    def of_rows(
        cls,
        by_condition: Mapping[str, int],
        bins: Sequence[float],
        *,
        flagged: int = 0,
        unseen: int = 0,
        synthetic: tuple[int, int] = (0, 0),
        real: tuple[int, int] = (0, 0),
    ) -> ScoreCounts:
        """From numbers of rows of weight 1 in a simple random sample."""
        sums = {name: WeightSums.of_rows(n) for name, n in by_condition.items()}
        return cls(
            sums,
            tuple(bins),
            WeightSums.of_rows(flagged),
            sum(by_condition.values()),
            WeightSums.of_rows(unseen),
            synthetic,
            real,
        )

    @property
    def scored(self) -> WeightSums:
        """The undecided rows that the classifier scored."""
        return sum(self.by_condition.values(), NO_ROWS)
