"""Rows that are examined together, and evidence of rows in their order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

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
        self._kept: tuple[list[np.ndarray | None], list[np.ndarray | None]] = ([], [])

    def add(self, numbers: np.ndarray, table: pa.Table, kept: Kept = ((), ())) -> None:
        """Add rows. numbers: of the rows in the batch, int64. kept: their vectors and thumbnails; empty for none."""
        self._numbers.append(numbers)
        self._tables.append(table)
        for every, own in zip(self._kept, kept, strict=True):
            every.extend(own or [None] * len(numbers))

    def result(self) -> tuple[pa.Table, Kept]:
        """The rows with their vectors and thumbnails."""
        order, whole = np.argsort(np.concatenate(self._numbers), kind="stable"), pa.concat_tables(self._tables)
        if len(self._tables) == 1:
            return whole, self._kept
        vectors, thumbnails = ([every[row] for row in order.tolist()] for every in self._kept)
        return whole.combine_chunks().take(pa.array(order)), (vectors, thumbnails)
