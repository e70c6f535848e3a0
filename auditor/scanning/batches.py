"""Rows that are examined together, and evidence of rows in their order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa

from auditor.evidence_store.store import Kept
from auditor.images.view import View
from auditor.types import Need, Row

_MAX_ROWS = 512
_MAX_BYTES = 64 << 20
_MAX_PIXELS = 16_000_000


class Batch:
    """Samples that are processed together: up to a number of rows, bytes or pixels."""

    def __init__(self, items: Iterable[View | Row] = ()) -> None:
        self.items = list(items)
        self._bytes = self._pixels = 0

    def add(self, item: View | Row) -> None:
        """Add one item."""
        self.items.append(item)
        if isinstance(item, View) and item.is_opened:
            self._bytes += item.held_bytes
            if item.depth >= Need.PIXELS:
                self._pixels += item.header.width * item.header.height

    @property
    def is_full(self) -> bool:
        """Whether the batch has reached one of its limits."""
        return len(self.items) >= _MAX_ROWS or self._bytes >= _MAX_BYTES or self._pixels >= _MAX_PIXELS


def batches(items: Iterable[View | Row], most: int = _MAX_ROWS) -> Iterator[Batch]:
    """The items in batches of at most `most` rows."""
    batch = Batch()
    for item in items:
        batch.add(item)
        if batch.is_full or len(batch.items) >= most:
            yield batch
            batch = Batch()
    if batch.items:
        yield batch


class OrderedRows:
    """Evidence of rows of one batch that were scanned in different ways, in the order of the rows."""

    def __init__(self) -> None:
        self._numbers: list[np.ndarray] = []
        self._tables: list[pa.Table] = []
        self._kept: list[Kept] = []

    def add(self, numbers: np.ndarray, table: pa.Table, kept: Kept = ((), ())) -> None:
        """Add rows. numbers: of the rows in the batch, int64. kept: their vectors and thumbnails; empty for none."""
        self._numbers.append(numbers)
        self._tables.append(table)
        self._kept.append(kept)

    def result(self) -> tuple[pa.Table, Kept]:
        """The rows with their vectors and thumbnails."""
        if len(self._tables) == 1:
            return self._tables[0], self._kept[0]
        order = np.argsort(np.concatenate(self._numbers), kind="stable")
        whole = pa.concat_tables(self._tables).combine_chunks().take(pa.array(order))
        return whole, (self._in_order(0, order), self._in_order(1, order))

    def _in_order(self, which: int, order: np.ndarray) -> Sequence[np.ndarray | None]:
        """The vectors (0) or thumbnails (1) of all rows; empty if there are none."""
        if not any(kept[which] for kept in self._kept):
            return ()
        pairs = zip(self._kept, self._numbers, strict=True)
        every = [each for kept, numbers in pairs for each in kept[which] or [None] * len(numbers)]
        return [every[row] for row in order.tolist()]
