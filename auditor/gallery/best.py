"""The first rows of a stream in an order, of which only these are kept."""

from __future__ import annotations

import numpy as np

from auditor.evidence_store.selection import RowRef


class Best:
    """The first `most` distinct rows in order of rank, then of the key's hash."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._rows: dict[RowRef, tuple[float, int]] = {}

    def add(self, shard: str, numbers: np.ndarray, ranks: np.ndarray, hashes: np.ndarray) -> None:
        """Add rows of one shard."""
        for index in np.lexsort((hashes, ranks))[: self._most].tolist():
            ref = RowRef(shard, int(numbers[index]))
            rank = (float(ranks[index]), int(hashes[index]))
            self._rows[ref] = min(rank, self._rows.get(ref, rank))
        if len(self._rows) > self._most:
            self._rows = {ref: self._rows[ref] for ref in self.refs()}

    def refs(self) -> list[RowRef]:
        """The rows, in order."""
        return sorted(self._rows, key=lambda ref: (*self._rows[ref], ref))[: self._most]
