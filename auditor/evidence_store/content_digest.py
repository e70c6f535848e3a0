"""The digest of what a dataset says, without any conclusion: it tells whether the dataset has changed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import pyarrow as pa

from auditor.storage.column_digest import ColumnDigest
from auditor.types import Row


class ContentDigest:
    """The digest of the rows of a shard. They are added one by one or, if its reader gives columns, as these: how they
    were examined does not matter."""

    def __init__(self) -> None:
        self._rows = hashlib.sha256()
        self._columns = ColumnDigest()

    def add_rows(self, rows: Iterable[Row]) -> None:
        """Add rows."""
        for row in rows:
            self._rows.update(_row_digest(row))

    def add_columns(self, batch: pa.RecordBatch) -> None:
        """Add rows of a manifest."""
        self._columns.update(batch)

    def hexdigest(self) -> str:
        """The digest so far."""
        if self._columns.rows:
            self._rows.update(self._columns.hexdigest().encode())
        return self._rows.hexdigest()


def _row_digest(row: Row) -> bytes:
    sha256 = None if row.is_fetched else row.covariates.sha256
    fields = (row.key, row.source, row.image, row.caption, sha256, row.manifest_digest)
    text = "\0".join("\1" if value is None else value for value in fields)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
