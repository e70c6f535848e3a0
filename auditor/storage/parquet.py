"""Parquet, read in batches. A row group is never held as a whole; wide columns (vectors) are not read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from auditor.errors import DatasetError
from auditor.storage import batches, files, packed
from auditor.storage.tables import BadRow, Chunk, TableFile

_BATCH_BYTES = 64 << 20
_REPEATING_BYTES = 16  # stored bytes per row below which a column of text repeats a few values


def schema(table: TableFile) -> pa.Schema:
    """The columns with their types."""
    return _schema(table.url, files.version(table.url))


def embeds(table: TableFile, column: str) -> bool:
    """Whether a column holds the bytes of every image. A struct of bytes and path may hold only the path."""
    with _opened(table.url) as file:
        kind = file.schema_arrow.field(column).type
        return batches.is_binary(kind) or (batches.holds_bytes(kind) and _has_no_null_bytes(file.metadata, column))


def _has_no_null_bytes(metadata: pq.FileMetaData, column: str) -> bool:
    """Whether the file's statistics show that no struct lacks its bytes. Without statistics the answer is no."""
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    leaves = [group.column(at) for group in groups for at in range(group.num_columns)]
    statistics = [
        leaf.statistics
        for leaf in leaves
        if leaf.path_in_schema.startswith(f"{column}.") and leaf.path_in_schema.endswith(".bytes")
    ]
    return all(stats is not None and stats.has_null_count and stats.null_count == 0 for stats in statistics)


def chunks(table: TableFile, rows: int) -> Iterator[Chunk]:
    """Whole row groups if images are embedded (rows cannot be skipped cheaply); row ranges otherwise."""
    with _opened(table.url) as file:
        counts = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
        whole = any(batches.holds_bytes(field.type) for field in file.schema_arrow)
    first = 0
    for count in _joined(counts, rows):
        step = count if whole else rows
        for at in range(0, count, step):
            size = min(step, count - at)
            yield Chunk(first + at, size, first + at, first + at + size)
        first += count


def _joined(counts: list[int], rows: int) -> Iterator[int]:
    """Row counts, with small neighbouring groups joined."""
    total = 0
    for count in counts:
        if total and total + count > rows:
            yield total
            total = 0
        total += count
    if total:
        yield total


def rows(table: TableFile, chunk: Chunk, only: tuple[str, ...] = ()) -> Iterator[Mapping[str, Any] | BadRow]:
    """One dictionary per row. Raises DatasetError if the file is damaged."""
    kinds = schema(table)
    names = list(only) or batches.readable(kinds)
    with _opened(table.url, _repeating(table.url, files.version(table.url))) as file:
        groups, before = _groups(file, chunk)
        size = min(batches.size(kinds, names), _rows_at_once(file.metadata, groups, names))
        at, stop = before, chunk.stop
        for batch in file.iter_batches(batch_size=size, row_groups=groups, columns=names):
            low, high = max(chunk.start - at, 0), min(stop - at, batch.num_rows)
            at += batch.num_rows
            if low < high:
                yield from batches.dicts(batch.slice(low, high - low))
            if at >= stop:
                return


@lru_cache(maxsize=256)
def _repeating(url: str, version: str) -> tuple[str, ...]:
    """Columns of text that the file stores as indexes into a few values. Expanded, a file of kilobytes may take
    gigabytes, so they stay indexes until they become rows."""
    with _opened(url) as file:
        schema, metadata = file.schema_arrow, file.metadata
        texts = [field.name for field in schema if batches.is_text(field.type)]
        stored = _stored_bytes(metadata, range(metadata.num_row_groups))
    return tuple(sorted(name for name in texts if stored.get(name, 0) < _REPEATING_BYTES * metadata.num_rows))


def _rows_at_once(metadata: pq.FileMetaData, groups: Iterable[int], names: list[str]) -> int:
    """How many rows of average size fit into a batch."""
    groups = list(groups)
    stored = _stored_bytes(metadata, groups)
    rows = sum(metadata.row_group(group).num_rows for group in groups)
    row_bytes = sum(stored.get(name, 0) for name in names) / max(1, rows)
    return max(1, int(_BATCH_BYTES / max(1.0, row_bytes)))


def _stored_bytes(metadata: pq.FileMetaData, groups: Iterable[int]) -> dict[str, int]:
    """The decompressed bytes of each column in some row groups."""
    stored: dict[str, int] = {}
    for group in map(metadata.row_group, groups):
        for leaf in map(group.column, range(group.num_columns)):
            name = leaf.path_in_schema.partition(".")[0]
            stored[name] = stored.get(name, 0) + leaf.total_uncompressed_size
    return stored


def _groups(file: pq.ParquetFile, chunk: Chunk) -> tuple[list[int], int]:
    """The row groups that overlap a chunk, and the number of the first row of the first one."""
    groups: list[int] = []
    at = begin = 0
    for group in range(file.num_row_groups):
        count = file.metadata.row_group(group).num_rows
        if at < chunk.stop and at + count > chunk.start:
            begin = begin if groups else at
            groups.append(group)
        at += count
    return groups, begin


@lru_cache(maxsize=256)
def _schema(url: str, version: str) -> pa.Schema:
    with _opened(url) as file:
        return file.schema_arrow


@contextmanager
def _opened(url: str, as_indexes: Sequence[str] = ()) -> Iterator[pq.ParquetFile]:
    reading = {"pre_buffer": False, "buffer_size": 1 << 20, "read_dictionary": list(as_indexes)}
    try:
        with packed.seekable(url) as handle, pq.ParquetFile(handle, **reading) as file:
            yield file
    except UnicodeDecodeError as error:
        raise DatasetError(f"{url}: cannot be read as parquet: a column's name is not valid UTF-8") from error
    except (pa.ArrowException, OSError, OverflowError, MemoryError) as error:
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise DatasetError(f"{url}: cannot be read as parquet: {first[:200]}") from error
