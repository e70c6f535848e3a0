"""What declared and matched evidence decides: counted where all rows were looked at, inferred from a sample else. Pure.

A bounded audit reads files' own evidence of every row and decodes a sample, or opens nothing beyond the sample.
Evidence that all rows were looked at for (the *census*) counts as it is; evidence that only the sample could show
stands for the unsampled rows too, with the interval of the sampling design. Where whole shards were read (shards.py)
there is no census, and how many rows the others have is not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import product
from typing import TYPE_CHECKING, Any

from auditor.estimate.design import FULL_SCAN, SamplingDesign
from auditor.estimate.intervals import Interval
from auditor.estimate.weights import NO_ROWS, WeightSums
from auditor.types import Status, VerdictKind

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

UNSAMPLED = "unsampled.rows"  # the sum that a RowSample needs


@dataclass(frozen=True, slots=True)
class EvidenceCounts:
    """Rows and their weights. readable: rows that could be read; confirmed: of them those that evidence decides to be
    synthetic, wherever it could be seen; edited: those with a generated part.

    undetermined: readable rows that the census does not decide; sampled: those of them that were looked at in full;
    confirmed_in_sample: of these, decided synthetic. In a full scan all undetermined rows are sampled.
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
        """From the sums of what `moments_of` gives, by name; those that are not there are 0."""
        each = {name: [sums.get(f"{name}.{moment}", 0) for moment in _MOMENTS] for name in _SUMMED}
        return cls(
            **{name: WeightSums(int(rows), float(w), float(w2)) for name, (rows, w, w2) in each.items()}, design=design
        )

    @classmethod
    def of_rows(cls, *, design: SamplingDesign = FULL_SCAN, **rows: int) -> EvidenceCounts:
        """From numbers of rows of weight 1, by field."""
        return cls(**{name: WeightSums.of_rows(n) for name, n in rows.items()}, design=design)

    @property
    def confirmed_by_census(self) -> float:
        """The weight of the rows that the census decides to be synthetic."""
        return self.confirmed.total - self.confirmed_in_sample.total

    @property
    def of_undetermined(self) -> Interval:
        """The confirmed share of the undetermined rows."""
        if not self.sampled.total:
            return Interval(0.0, 0.0, 1.0 if self.undetermined.total else 0.0)
        return self.design.interval(self.confirmed_in_sample, self.sampled)

    def whole(self, of_undetermined: Interval) -> Interval:
        """The share of all readable rows, where that of the undetermined ones is this. Raises ValueError without a
        readable row."""
        if not self.readable.total:
            raise ValueError("no row could be read")
        ends = of_undetermined.point, of_undetermined.low, of_undetermined.high
        weight, by_census = self.undetermined.total, self.confirmed_by_census
        return Interval(*(min(1.0, (by_census + weight * share) / self.readable.total) for share in ends))

    @property
    def share(self) -> Interval | None:
        """The confirmed share of all readable rows; None where there are none."""
        return self.whole(self.of_undetermined) if self.readable.total else None

    @property
    def source_interval(self) -> tuple[float, float] | None:
        """The share's 95 % interval were the rows drawn from a larger source: what it would go on to give."""
        share = self.share
        return self.design.source_interval(share, self.confirmed, self.readable) if share else None


@dataclass(frozen=True, slots=True)
class EvidenceMasks:
    """Which rows of one batch EvidenceCounts counts as what, bool (rows,) each; unsampled: not looked at in full,
    whether they can be read or not."""

    readable: np.ndarray
    confirmed: np.ndarray
    edited: np.ndarray
    confirmed_in_sample: np.ndarray
    undetermined: np.ndarray
    sampled: np.ndarray
    unsampled: np.ndarray

    @property
    def undecided(self) -> np.ndarray:
        """Rows that were looked at in full and that no declared or matched evidence decides."""
        found: np.ndarray = self.sampled & ~self.confirmed & ~self.edited
        return found


_SUMMED = tuple(field.name for field in fields(EvidenceCounts) if field.name != "design")
_MOMENTS = tuple(field.name for field in fields(WeightSums))


def masks(column: Mapping[str, pa.Array], *, count_edited: bool, census: frozenset[str] | None) -> EvidenceMasks:
    """Of one batch of evidence, its columns by name.

    count_edited: images with a generated part are synthetic too. census: detectors that looked at unsampled rows as
    well; None where there are none.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    readable = np.asarray(pc.equal(column["status"], Status.OK.value))
    verdict = column["verdict"].fill_null("")
    edited = readable & np.asarray(pc.equal(verdict, VerdictKind.EDITED.value))
    synthetic = readable & np.asarray(pc.equal(verdict, VerdictKind.SYNTHETIC.value))
    decided = synthetic | edited
    confirmed = decided if count_edited else synthetic
    if census is None:
        by_census, is_sampled = decided, np.ones(len(readable), bool)
    else:
        everywhere = pc.is_in(column["decided_by"], pa.array(sorted(census), pa.string()))
        by_census, is_sampled = decided & np.asarray(everywhere), np.asarray(column["sampled"])
    undetermined = readable & ~by_census
    return EvidenceMasks(
        readable=readable,
        confirmed=confirmed,
        edited=edited,
        confirmed_in_sample=confirmed & ~by_census,
        undetermined=undetermined,
        sampled=undetermined & is_sampled,
        unsampled=~is_sampled,
    )


def moments_of(masks: EvidenceMasks, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Of each row what EvidenceCounts.of takes the sums of, by name: 1, w and w² where it counts, (rows,) each.

    weights: float64 (rows,).
    """
    import numpy as np

    powers = dict(zip(_MOMENTS, (np.ones(len(weights), np.int64), weights, weights**2), strict=True))
    found = {f"{name}.{power}": getattr(masks, name) * powers[power] for name, power in product(_SUMMED, _MOMENTS)}
    return {**found, UNSAMPLED: masks.unsampled.astype(np.int64)}


def sums_of(masks: EvidenceMasks, weights: np.ndarray) -> dict[str, Any]:
    """Their sums over one batch."""
    return {name: values.sum().item() for name, values in moments_of(masks, weights).items()}


@dataclass(frozen=True, slots=True)
class Flags:
    """At one threshold: rows of the rest that were looked at, by condition, and those of them that were flagged; the
    same of both controls, in rows, as they measure the model.

    n_eff: the effective sample size of those that were looked at. unseen: rows of the rest that the model could not
    look at.
    """

    by_condition: Mapping[str, WeightSums]
    flagged: WeightSums
    n_eff: float
    unseen: WeightSums = NO_ROWS
    synthetic: tuple[int, int] = (0, 0)  # flagged, looked at
    real: tuple[int, int] = (0, 0)

    @classmethod
    def of_rows(
        cls,
        by_condition: Mapping[str, int],
        flagged: int,
        *,
        unseen: int = 0,
        synthetic: tuple[int, int] = (0, 0),
        real: tuple[int, int] = (0, 0),
    ) -> Flags:
        """From numbers of rows of weight 1, looked at one by one."""
        looked = {name: WeightSums.of_rows(n) for name, n in by_condition.items()}
        n = sum(by_condition.values())
        return cls(looked, WeightSums.of_rows(flagged), n, WeightSums.of_rows(unseen), synthetic, real)

    @property
    def looked(self) -> WeightSums:
        """The rest that was looked at."""
        return sum(self.by_condition.values(), NO_ROWS)
