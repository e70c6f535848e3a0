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
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from auditor.images.conditions import conditions
from auditor.types import Evidence, Label

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_FIRST_YEAR = 2021  # of crawls that may hold images of generators


@dataclass(frozen=True, slots=True)
class Flags:
    """At one threshold: rows of the rest that were looked at and flagged, and the same for both controls.

    rest, by condition; unseen: rows of the rest that the model could not look at. effective: rows that n is worth,
    where whole shards were drawn.
    """

    rest: Mapping[str, int] = field(default_factory=dict)
    flagged: int = 0
    unseen: int = 0
    synthetic: tuple[int, int] = (0, 0)  # flagged, looked at
    real: tuple[int, int] = (0, 0)
    effective: float | None = None

    @property
    def n(self) -> int:
        """Rows of the rest that were looked at."""
        return sum(self.rest.values())


class FlagTally:
    """Adds batches of evidence up. A row is flagged where the model's score is at or above the cutoff."""

    def __init__(self, detector: str, cutoff: float) -> None:
        self._detector = detector
        self._cutoff = cutoff
        self._rest: Counter[str] = Counter()
        self._flagged = self._unseen = 0
        self._synthetic, self._real = Counter[str](), Counter[str]()

    def add(self, column: Mapping[str, pa.Array], ok: np.ndarray) -> None:
        """One batch: its columns by name, and which rows could be read."""
        import numpy as np

        score = self._scores(column["signals"], len(ok))
        looked = ok & ~np.isnan(score)
        flagged = looked & (score >= self._cutoff)
        label = column["verdict"].fill_null("").to_numpy(zero_copy_only=False)
        decided = (label == Label.SYNTHETIC.value) | (label == Label.EDITED.value)
        rest = ok & ~decided & np.asarray(column["drawn"])
        self._unseen += int((rest & ~looked).sum())
        self._flagged += int((rest & flagged).sum())
        self._rest.update(self._conditions(column)[rest & looked].tolist())
        year = column["year"].fill_null(9999).to_numpy(zero_copy_only=False)
        camera = np.asarray(column["camera"].is_valid())
        declared = self._declared(column)
        for control, rows in (
            (self._synthetic, (label == Label.SYNTHETIC.value) & declared),
            (self._real, rest & (camera | (year < _FIRST_YEAR))),
        ):
            control.update(flagged=int((rows & flagged).sum()), n=int((rows & looked).sum()))

    @property
    def so_far(self) -> tuple[int, int]:
        """Rows of the rest that were flagged, and looked at."""
        return self._flagged, self._rest.total()

    def result(self) -> Flags:
        """The sum."""
        return Flags(
            rest=dict(sorted(self._rest.items())),
            flagged=self._flagged,
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
            hit = pc.and_(is_declared, pc.greater(flat.field("score"), 0).fill_null(False))
            found[np.asarray(pc.list_parent_indices(signals))[np.asarray(hit)]] = True
        return found
