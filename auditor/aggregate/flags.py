"""How many images a model flags, where that is not known already, and where the truth is: one streaming tally.

The rest: readable images, of the sample if there is one, that no declared or matched evidence decides; what the model
says of them is estimated from.
Controls: images that declare themselves synthetic, and images that are real beyond doubt (a camera's settings in the
file, or crawled before 2021, when no generator made what could pass for a photograph). They check the model's error
rates on this very dataset.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING

from auditor.estimate.counts import Flags
from auditor.estimate.weights import NO_ROWS, WeightSums, n_eff_of_share
from auditor.images.conditions import conditions
from auditor.types import Evidence, SignalOutcome, VerdictKind

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_FIRST_YEAR = 2021  # of crawls that may hold images of generators


class FlagTally:
    """Adds batches of evidence up. A row is flagged where the model's score is at or above the threshold."""

    def __init__(self, detector: str, threshold: float) -> None:
        self._detector = detector
        self._threshold = threshold
        self._by_condition: dict[str, WeightSums] = defaultdict(WeightSums)
        self._flagged = self._looked = self._unseen = NO_ROWS
        self._synthetic, self._real = Counter[str](), Counter[str]()

    def add(self, column: Mapping[str, pa.Array], readable: np.ndarray, weights: np.ndarray) -> None:
        """One batch: its columns by name, which rows could be read, and what they count."""
        import numpy as np

        score = self._scores(column["signals"], len(readable))
        looked = readable & ~np.isnan(score)
        flagged = looked & (score >= self._threshold)
        label = column["verdict"].fill_null("").to_numpy(zero_copy_only=False)
        decided = (label == VerdictKind.SYNTHETIC.value) | (label == VerdictKind.EDITED.value)
        rest = readable & ~decided & np.asarray(column["sampled"])
        self._add_rest(self._conditions(column), weights, rest & looked)
        self._flagged += WeightSums.of(weights[rest & flagged])
        self._unseen += WeightSums.of(weights[rest & ~looked])
        year = column["year"].fill_null(9999).to_numpy(zero_copy_only=False)
        camera = np.asarray(column["camera"].is_valid())
        declared = self._declared(column)
        for control, rows in (
            (self._synthetic, (label == VerdictKind.SYNTHETIC.value) & declared),
            (self._real, rest & (camera | (year < _FIRST_YEAR))),
        ):
            control.update(flagged=int((rows & flagged).sum()), n=int((rows & looked).sum()))

    def _add_rest(self, conditions: np.ndarray, weights: np.ndarray, looked: np.ndarray) -> None:
        """The rest that was looked at; all (rows,)."""
        import numpy as np
        import pandas as pd

        number, names = pd.factorize(conditions[looked].astype(object))
        rows = np.bincount(number, minlength=len(names)).tolist()
        totals, squares = (np.bincount(number, weights[looked] ** power, len(names)).tolist() for power in (1, 2))
        for name, *sums in zip(names.tolist(), rows, totals, squares, strict=True):
            self._by_condition[name] += WeightSums(*sums)
        self._looked += WeightSums.of(weights[looked])

    @property
    def so_far(self) -> tuple[int, int]:
        """Rows of the rest that were flagged, and looked at."""
        return self._flagged.rows, self._looked.rows

    def result(self) -> Flags:
        """The sum."""
        return Flags(
            by_condition=dict(sorted(self._by_condition.items())),
            flagged=self._flagged,
            n_eff=n_eff_of_share(self._flagged, self._looked),
            unseen=self._unseen,
            synthetic=(self._synthetic["flagged"], self._synthetic["n"]),
            real=(self._real["flagged"], self._real["n"]),
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
