"""Adjusted chances (adjusting.py) of an audit's rows, batch by batch, for exports and frames."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.estimate.adjusting import Adjustment, adjustment, undecided_of
from auditor.estimate.known import Known, counted, indicators
from auditor.estimate.weighing import weights
from auditor.results import Audit

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_COLUMNS = ["status", "verdict", "decided_by", "p_synthetic", "drawn", "weight"]


@dataclass(frozen=True, slots=True)
class Chances:
    """What turns a batch of evidence into adjusted chances. adjustment: None where the audit has no estimate."""

    adjustment: Adjustment | None
    count_edited: bool
    census: frozenset[str] | None

    def of(self, batch: pa.RecordBatch | pa.Table) -> np.ndarray:
        """float64 (rows,): a row's chance in this dataset; NaN where it was not read, or without an estimate."""
        import numpy as np

        if self.adjustment is None:
            return np.full(batch.num_rows, np.nan)
        scores, told, _ = self._told(batch)
        return self.adjustment(scores, told)

    def _told(self, batch: pa.RecordBatch | pa.Table) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
        """Chances at even odds, which rows count as what, and what they weigh."""
        import pyarrow as pa

        table = pa.Table.from_batches([batch]) if isinstance(batch, pa.RecordBatch) else batch
        column = {name: table[name].combine_chunks() for name in _COLUMNS}
        told = indicators(column, count_edited=self.count_edited, census=self.census)
        return column["p_synthetic"].to_numpy(zero_copy_only=False), told, weights(column)


def chances(audit: Audit, parts: Iterable[Path], census: frozenset[str] | None) -> Chances:
    """From all parts of an audit; eight bytes a row of memory, twice that where rows have weights. census: as in
    known.indicators."""
    import numpy as np
    import pyarrow.parquet as pq

    found = Chances(None, audit.config.estimate.count_edited, census)
    if audit.estimate is None:
        return found
    scores, weighing, sums = [np.empty(0)], [np.empty(0)], Counter[str]()
    for path in parts:
        chance, told, weight = found._told(pq.read_table(path, columns=_COLUMNS))
        undecided = undecided_of(told)
        scores.append(chance[undecided])
        if audit.weights:
            weighing.append(weight[undecided])
        for name, values in counted(told, weight if audit.weights else None).items():
            sums[name] += values.sum().item()
    made = adjustment(
        np.concatenate(scores),
        Known.of(sums),
        audit.estimate.point,
        np.concatenate(weighing) if audit.weights else None,
    )
    return Chances(made, found.count_edited, census)
