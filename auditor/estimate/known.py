"""What declared and matched evidence decides: counted where all rows were looked at, inferred from a sample else. Pure.

A bounded audit reads files' own evidence of every row and decodes a sample, or opens nothing beyond the sample.
Evidence that all rows were looked at for (the *census*) counts as it is; evidence that only the sample could show
stands for the rows beyond it too, with the sample's exact interval. Where whole shards were read (shards.py) there is
no census, and how many rows lie beyond is not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.estimate import shards, weighing
from auditor.estimate.intervals import Interval, clopper_pearson
from auditor.estimate.sequential import confidence_sequence
from auditor.estimate.weighing import Weighed
from auditor.types import Status, VerdictKind

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Known:
    """Rows. ok: readable. synthetic: of them decided so, by whatever evidence; edited: with a generated part.

    rest: readable rows that the census does not decide; drawn: those of them in the sample, found: of these, decided
    synthetic. outside: rows beyond the sample, opened or not; 0 in a full scan, where all of the rest is drawn.
    is_sequential: the sample grew until something was decided, so that its intervals have to hold at any moment.
    effective: rows that the drawn ones are worth, where whole shards were drawn; unread: the part of the shards that
    was not. worth: rows that all are worth, where they do not count the same (weighing.py); all others are then what
    those rows weigh, and there is no sample.
    """

    ok: float = 0
    synthetic: float = 0
    edited: float = 0
    found: float = 0
    rest: float = 0
    drawn: float = 0
    outside: float = 0
    is_sequential: bool = False
    effective: float | None = None
    unread: float = 1.0
    worth: float | None = None

    @classmethod
    def of(
        cls,
        counts: Mapping[str, float],
        *,
        is_sequential: bool = False,
        effective: float | None = None,
        unread: float = 1.0,
    ) -> Known:
        """From sums of what `counted` gives, by name."""
        ok, synthetic, edited, found, rest, drawn, outside = (counts[name] for name in NAMES)
        worth = None
        if _OK2 in counts:
            worth = weighing.worth(Weighed(synthetic, counts[_SYNTHETIC2]), Weighed(ok, counts[_OK2]))
        return cls(ok, synthetic, edited, found, rest, drawn, outside, is_sequential, effective, unread, worth)

    @property
    def is_sample(self) -> bool:
        """Whether there are rows that were not looked at in full."""
        return bool(self.outside) or self.effective is not None

    @property
    def exact(self) -> float:
        """Rows that the census decides to be synthetic."""
        return self.synthetic - self.found

    @property
    def of_rest(self) -> Interval:
        """The decided share of the rest: a fact in a full scan, else with its exact 95 % interval."""
        if not self.drawn:
            return Interval(0.0, 0.0, 1.0 if self.rest else 0.0)
        share = self.found / self.drawn
        if self.effective is not None:
            return Interval(share, *shards.interval(share, self.effective, self.unread))
        if not self.outside:
            return Interval(share, share, share)
        if self.is_sequential:
            return Interval(share, *confidence_sequence(int(self.found), int(self.drawn)))
        return Interval(share, *clopper_pearson(self.found, self.drawn))

    def whole(self, of_rest: Interval) -> Interval:
        """The share of all readable rows, where that of the rest is this. Raises ValueError without a readable row."""
        if not self.ok:
            raise ValueError("no row could be read")
        ends = of_rest.point, of_rest.low, of_rest.high
        return Interval(*(min(1.0, (self.exact + self.rest * share) / self.ok) for share in ends))

    @property
    def share(self) -> Interval | None:
        """The decided share of all readable rows; None where there are none."""
        return self.whole(self.of_rest) if self.ok else None

    @property
    def as_sample(self) -> tuple[float, float] | None:
        """The share's 95 % interval were the rows drawn from a larger source: what it would go on to give."""
        if not self.ok or not self.share:
            return None
        if self.effective is not None:
            return shards.interval(self.synthetic / self.ok, self.effective)
        if self.outside:
            return self.share.low, self.share.high
        if self.worth is not None:
            return clopper_pearson(self.share.point * self.worth, self.worth)
        return clopper_pearson(self.synthetic, self.ok)


_OK2, _SYNTHETIC2 = "ok²", "synthetic²"  # sums of squared weights
NAMES = ("ok", "synthetic", "edited", "found", "rest", "drawn", "outside")  # what rows are counted as


def indicators(
    column: Mapping[str, pa.Array], *, count_edited: bool, census: frozenset[str] | None
) -> dict[str, np.ndarray]:
    """Of one batch of evidence, by the names of Known's fields: which rows it counts.

    count_edited: images with a generated part are synthetic too. census: detectors that looked at rows beyond the
    sample as well; None where there is no sample.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    ok = np.asarray(pc.equal(column["status"], Status.OK.value))
    verdict = column["verdict"].fill_null("")
    edited = ok & np.asarray(pc.equal(verdict, VerdictKind.EDITED.value))
    synthetic = ok & np.asarray(pc.equal(verdict, VerdictKind.SYNTHETIC.value))
    decided = synthetic | edited
    if count_edited:
        synthetic = decided
    if census is None:
        by_census, is_drawn = decided, np.ones(len(ok), bool)
    else:
        everywhere = pc.is_in(column["decided_by"], pa.array(sorted(census), pa.string()))
        by_census, is_drawn = decided & np.asarray(everywhere), np.asarray(column["drawn"])
    rest = ok & ~by_census
    return {
        "ok": ok,
        "synthetic": synthetic,
        "edited": edited,
        "found": synthetic & ~by_census,
        "rest": rest,
        "drawn": rest & is_drawn,
        "outside": ~is_drawn,
    }


def counted(told: Mapping[str, np.ndarray], weights: np.ndarray | None) -> dict[str, np.ndarray]:
    """Of one batch what Known.of takes the sums of: ones, or what the rows weigh, float64 (rows,), with the squares.

    told: by `indicators`; weights: None where all count the same.
    """
    import numpy as np

    if weights is None:
        return {name: told[name].astype(np.int64) for name in NAMES}
    squares = weights**2
    of_squares = {_OK2: told["ok"] * squares, _SYNTHETIC2: told["synthetic"] * squares}
    return {name: told[name] * weights for name in NAMES} | of_squares
