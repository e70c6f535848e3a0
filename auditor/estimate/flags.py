"""How many images a model flags, where that is not known already, and where the truth is: one streaming tally.

The rest: readable images, of the sample if there is one, that no declared or matched evidence decides; what the model
says of them is estimated from.
Controls: images that declare themselves synthetic, and images that are real beyond doubt (a camera's settings in the
file, or crawled before 2021, when no generator made what could pass for a photograph). They check the model's error
rates on this very dataset.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from auditor.estimate.weighing import Weighed, worth
from auditor.images.conditions import conditions
from auditor.types import Evidence, SignalOutcome, VerdictKind

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_FIRST_YEAR = 2021  # of crawls that may hold images of generators


@dataclass(frozen=True, slots=True)
class Flags:
    """At one threshold: rows of the rest that were looked at and flagged, and the same for both controls.

    rest, by condition; unseen: rows of the rest that the model could not look at. Where rows do not count the same
    these are what they weigh, and in_rows is in rows; controls are rows in any case, as they measure the model.
    effective: rows that n is worth, where they do not count the same or whole shards were drawn.
    """

    rest: Mapping[str, float] = field(default_factory=dict)
    flagged: float = 0
    unseen: float = 0
    synthetic: tuple[int, int] = (0, 0)  # flagged, looked at
    real: tuple[int, int] = (0, 0)
    effective: float | None = None
    in_rows: Flags | None = None

    @property
    def shown(self) -> Flags:
        """In rows, whatever they weigh."""
        return self.in_rows or self

    @property
    def n(self) -> float:
        """The rest that was looked at."""
        return sum(self.rest.values())


class _Rest:
    """What was flagged of the rest, in rows or in what they weigh."""

    def __init__(self) -> None:
        self.by_condition: Counter[str] = Counter()
        self.flagged, self.looked, self.unseen = Weighed(), Weighed(), Weighed()

    def add(self, weight: np.ndarray, conditions: np.ndarray, flagged: np.ndarray, unseen: np.ndarray) -> None:
        """weight: of rows of the rest, float64 (rows,); unseen: which of them the model could not look at."""
        import numpy as np
        import pandas as pd

        looked = ~unseen
        number, names = pd.factorize(conditions[looked].astype(object))
        sums = np.bincount(number, weight[looked], len(names))
        self.by_condition.update(dict(zip(names.tolist(), sums.tolist(), strict=True)))
        self.flagged += Weighed.of(weight[flagged])
        self.looked += Weighed.of(weight[looked])
        self.unseen += Weighed.of(weight[unseen])


class FlagTally:
    """Adds batches of evidence up. A row is flagged where the model's score is at or above the cutoff."""

    def __init__(self, detector: str, cutoff: float) -> None:
        self._detector = detector
        self._cutoff = cutoff
        self._rows, self._weights = _Rest(), _Rest()
        self._synthetic, self._real = Counter[str](), Counter[str]()

    def add(self, column: Mapping[str, pa.Array], ok: np.ndarray, weights: np.ndarray | None = None) -> None:
        """One batch: its columns by name, which rows could be read, and what they weigh (None: all the same)."""
        import numpy as np

        score = self._scores(column["signals"], len(ok))
        looked = ok & ~np.isnan(score)
        flagged = looked & (score >= self._cutoff)
        label = column["verdict"].fill_null("").to_numpy(zero_copy_only=False)
        decided = (label == VerdictKind.SYNTHETIC.value) | (label == VerdictKind.EDITED.value)
        rest = ok & ~decided & np.asarray(column["drawn"])
        told = self._conditions(column)[rest], flagged[rest], ~looked[rest]
        self._rows.add(np.ones(int(rest.sum())), *told)
        if weights is not None:
            self._weights.add(weights[rest], *told)
        year = column["year"].fill_null(9999).to_numpy(zero_copy_only=False)
        camera = np.asarray(column["camera"].is_valid())
        declared = self._declared(column)
        for control, rows in (
            (self._synthetic, (label == VerdictKind.SYNTHETIC.value) & declared),
            (self._real, rest & (camera | (year < _FIRST_YEAR))),
        ):
            control.update(flagged=int((rows & flagged).sum()), n=int((rows & looked).sum()))

    @property
    def so_far(self) -> tuple[int, int]:
        """Rows of the rest that were flagged, and looked at."""
        return int(self._rows.flagged.total), int(self._rows.looked.total)

    def result(self) -> Flags:
        """The sum, in rows."""
        rows = self._rows
        return Flags(
            rest={name: int(n) for name, n in sorted(rows.by_condition.items())},
            flagged=int(rows.flagged.total),
            unseen=int(rows.unseen.total),
            synthetic=(self._synthetic["flagged"], self._synthetic["n"]),
            real=(self._real["flagged"], self._real["n"]),
        )

    def weighed(self) -> Flags:
        """The sum, in what the rows weigh."""
        found, rest = self._weights, dict(sorted(self._weights.by_condition.items()))
        rows = self.result()
        return replace(
            rows,
            rest=rest,
            flagged=min(found.flagged.total, sum(rest.values())),
            unseen=found.unseen.total,
            effective=worth(found.flagged, found.looked),
            in_rows=rows,
        )

    def _scores(self, signals: pa.ListArray, rows: int) -> np.ndarray:
        """The model's score a row; NaN where it could not look."""
        import numpy as np
        import pyarrow.compute as pc

        found = np.full(rows, np.nan)
        flat = signals.flatten()
        if len(flat):
            mine = np.asarray(pc.equal(flat.field("detector"), self._detector))
            parents = np.asarray(pc.list_parent_indices(signals))
            found[parents[mine]] = flat.field("score").to_numpy(zero_copy_only=False)[mine]
        return found

    @staticmethod
    def _conditions(column: Mapping[str, pa.Array]) -> np.ndarray:
        import numpy as np

        width, height, quality = (
            column[name].fill_null(0).to_numpy(zero_copy_only=False) for name in ("width", "height", "quality")
        )
        format = column["format"].fill_null("").to_numpy(zero_copy_only=False)
        return conditions(format, np.maximum(width, height), quality)

    @staticmethod
    def _declared(column: Mapping[str, pa.Array]) -> np.ndarray:
        """Rows with a hit of declared evidence."""
        import numpy as np
        import pyarrow.compute as pc

        signals = column["signals"]
        found = np.zeros(len(signals), bool)
        flat = signals.flatten()
        if len(flat):
            is_declared = pc.equal(flat.field("evidence"), Evidence.DECLARED.value)
            hit = pc.and_(is_declared, pc.equal(flat.field("outcome"), SignalOutcome.HIT.value))
            found[np.asarray(pc.list_parent_indices(signals))[np.asarray(hit)]] = True
        return found
