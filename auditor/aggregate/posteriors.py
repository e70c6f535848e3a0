"""Adjusted chances (adjusting.py) of an audit's rows, batch by batch, for exports and frames."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.estimate.counts import UNSAMPLED, EvidenceCounts, EvidenceMasks, masks, sums_of
from auditor.estimate.design import row_design
from auditor.estimate.prior_shift import Adjustment, adjustment
from auditor.estimate.weights import row_weights
from auditor.results import Audit

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_COLUMNS = ["status", "verdict", "decided_by", "p_synthetic", "sampled", "weight"]


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
        scores, own, _ = self._read(batch)
        return self.adjustment(scores, own)

    def _read(self, batch: pa.RecordBatch | pa.Table) -> tuple[np.ndarray, EvidenceMasks, np.ndarray]:
        """Chances at even odds, which rows count as what, and their weights."""
        import pyarrow as pa

        table = pa.Table.from_batches([batch]) if isinstance(batch, pa.RecordBatch) else batch
        column = {name: table[name].combine_chunks() for name in _COLUMNS}
        own = masks(column, count_edited=self.count_edited, census=self.census)
        return column["p_synthetic"].to_numpy(zero_copy_only=False), own, row_weights(column)


def chances(audit: Audit, parts: Iterable[Path], census: frozenset[str] | None) -> Chances:
    """From all parts of an audit; 16 bytes a row of memory. census: as in counts.masks."""
    import numpy as np
    import pyarrow.parquet as pq

    found = Chances(None, audit.config.estimate.count_edited, census)
    if audit.estimate is None:
        return found
    scores, weights, sums = [np.empty(0)], [np.empty(0)], Counter[str]()
    for path in parts:
        chance, own, weight = found._read(pq.read_table(path, columns=_COLUMNS))
        scores.append(chance[own.undecided])
        weights.append(weight[own.undecided])
        sums.update(sums_of(own, weight))
    evidence = EvidenceCounts.of(sums, row_design(sums[UNSAMPLED]))
    made = adjustment(np.concatenate(scores), np.concatenate(weights), evidence, audit.estimate.point)
    return Chances(made, found.count_edited, census)
