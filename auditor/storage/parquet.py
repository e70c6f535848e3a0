"""Parquet, read in batches. A row group is never held as a whole; wide columns (vectors) are not read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from auditor.errors import DatasetError
from auditor.storage import batches, files, packed
from auditor.storage.tables import BadRow, Chunk, TableFile

_BATCH_BYTES = 64 << 20
_FIRST_ROWS = 10
_MAX_UNCUT = 1 << 18  # rows of a group; reading a piece of a group decodes the pieces before it, too


def schema(table: TableFile) -> pa.Schema:
    """The columns with their types."""
    return _schema(table.url, files.version(table.url))


def embeds(table: TableFile, column: str) -> bool:
    """Whether a column holds the bytes of every image. A struct of bytes and path may hold only the path, as its first
    rows tell."""
    kind = schema(table).field(column).type
    if batches.is_binary(kind):
        return True
    return batches.holds_bytes(kind) and _hold_bytes(table, column, files.version(table.url))


@lru_cache(maxsize=256)
def _hold_bytes(table: TableFile, column: str, version: str) -> bool:
    first = list(islice(rows(table, Chunk(0, _FIRST_ROWS, 0, _FIRST_ROWS), (column,)), _FIRST_ROWS))
    values = [None if isinstance(row, BadRow) else row.get(column) for row in first]
    return bool(values) and all(value.get("bytes") if isinstance(value, dict) else value for value in values)


def chunks(table: TableFile, rows: int) -> Iterator[Chunk]:
    """Whole row groups, small neighbouring ones joined, because rows in a group cannot be skipped cheaply. Large groups
    are cut, unless images are embedded."""
    with _opened(table.url) as file:
        counts = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
        whole = any(batches.holds_bytes(field.type) for field in file.schema_arrow)
    first = 0
    for count in _joined(counts, rows):
        step = count if whole else max(rows, _MAX_UNCUT)
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
    names = list(only) or batches.readable(schema(table))
    for batch in record_batches(table, chunk, names, batches.size(schema(table), names)):
        yield from batches.dicts(batch)


def record_batches(table: TableFile, chunk: Chunk, names: Sequence[str], size: int) -> Iterator[pa.RecordBatch]:
    """The rows of a chunk in batches of at most `size` rows. Raises DatasetError if the file is damaged."""
    texts = [name for name in names if batches.is_text(schema(table).field(name).type)]
    with _opened(table.url) as file:
        groups, before = _groups(file, chunk)
        size = min(size, _rows_at_once(file.metadata, groups))
    # Expanded, texts that a dictionary repeats may take gigabytes in a file of kilobytes: they stay indexes.
    with _opened(table.url, texts if _repeats_long_texts(table.url, groups, texts, size) else ()) as file:
        at, stop = before, chunk.stop
        # Without threads, which double the processor time: every worker reads a shard of its own.
        for batch in file.iter_batches(batch_size=size, row_groups=groups, columns=list(names), use_threads=False):
            low, high = max(chunk.start - at, 0), min(stop - at, batch.num_rows)
            at += batch.num_rows
            if low < high:
                yield batch.slice(low, high - low)
            if at >= stop:
                return


def _repeats_long_texts(url: str, groups: Sequence[int], texts: Sequence[str], rows: int) -> bool:
    """Whether a batch of `rows` rows may hold texts that take more memory than their pages.

    Only texts of a dictionary can. A column has one in each row group, which comes first (Parquet's format, "Dictionary
    Encoding"): so it is whole when the first row is read.
    """
    with _opened(url, texts) as file:
        for group in groups if texts else ():
            for first in file.iter_batches(batch_size=1, row_groups=[group], columns=list(texts)):
                if batches.expanded_size(first, rows) > batches.MAX_EXPANDED:
                    return True
                break
    return False


def _rows_at_once(metadata: pq.FileMetaData, groups: Iterable[int]) -> int:
    """How many rows of average size fit into a batch.

    Sizes of single columns would tell more, but pyarrow ends the process if their statistics are damaged.
    """
    found = [metadata.row_group(group) for group in groups]
    row_bytes = sum(group.total_byte_size for group in found) / max(1, sum(group.num_rows for group in found))
    return max(1, int(_BATCH_BYTES / max(1.0, row_bytes)))


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
        return batches.checked(file.schema_arrow, url)


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
