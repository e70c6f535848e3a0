"""Arrow IPC streams and files: what Hugging Face's datasets caches and saves, and Feather (version 2).

Both formats are sequences of record batches (Arrow columnar format, "Serialization and Interprocess Communication").
Local files are mapped into memory, so skipping a batch costs nothing, and one batch is held at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import pyarrow as pa

from auditor.errors import DatasetError
from auditor.storage import batches, files, packed
from auditor.storage.tables import BadRow, Chunk, TableFile

_FILE = b"ARROW1"


def schema(table: TableFile) -> pa.Schema:
    """The columns with their types."""
    return _schema(table.url, files.version(table.url))


def embeds(table: TableFile, column: str) -> bool:
    """Whether every value of a column is bytes. A struct of bytes and path may hold only the path."""
    return batches.is_binary(schema(table).field(column).type)


def chunks(table: TableFile, rows: int) -> Iterator[Chunk]:
    """Ranges of rows. Raises DatasetError for a damaged file, after the range of what can be read."""
    first = count = 0
    damage: DatasetError | None = None
    try:
        with _opened(table.url) as (_, found):
            for batch in found:
                batch.validate()
                count += batch.num_rows
                while count >= rows:
                    yield Chunk(first, rows, first, first + rows)
                    first, count = first + rows, count - rows
    except DatasetError as error:
        damage = error
    if count:
        yield Chunk(first, count, first, first + count)
    if damage:
        raise damage


def rows(table: TableFile, chunk: Chunk, only: tuple[str, ...] = ()) -> Iterator[Mapping[str, Any] | BadRow]:
    """One dictionary per row. Raises DatasetError if the file is damaged."""
    names = list(only) or batches.readable(schema(table))
    for batch in record_batches(table, chunk, names, batches.size(schema(table), names)):
        yield from batches.dicts(batch)


def record_batches(table: TableFile, chunk: Chunk, names: Sequence[str], size: int) -> Iterator[pa.RecordBatch]:
    """The rows of a chunk in batches of at most `size` rows. Raises DatasetError if the file is damaged."""
    with _opened(table.url) as (_, found):
        at = 0
        for batch in found:
            batch.validate()
            low, high = max(chunk.start - at, 0), min(chunk.stop - at, batch.num_rows)
            at += batch.num_rows
            for begin in range(low, high, size):
                part = batch.select(list(names)).slice(begin, min(size, high - begin))
                part.validate(full=True)  # Arrow reads outside of its buffers if offsets are wrong
                yield part
            if at >= chunk.stop:
                return


@lru_cache(maxsize=256)
def _schema(url: str, version: str) -> pa.Schema:
    with _opened(url) as (schema, _):
        return batches.checked(schema, url)


@contextmanager
def _opened(url: str) -> Iterator[tuple[pa.Schema, Iterator[pa.RecordBatch]]]:
    """The schema and the batches in order, readable while the context is open."""
    try:
        with _source(url) as source:
            is_file = source.read(len(_FILE)) == _FILE
            source.seek(0)
            if is_file:
                file = pa.ipc.open_file(source)
                yield file.schema, (file.get_batch(number) for number in range(file.num_record_batches))
            else:
                stream = pa.ipc.open_stream(source)
                yield stream.schema, iter(stream)
    except (pa.ArrowException, OSError) as error:
        raise DatasetError(f"{url}: cannot be read as Arrow: {str(error).splitlines()[0][:200]}") from error


@contextmanager
def _source(url: str) -> Iterator[Any]:
    if not files.is_remote(url) and packed.is_plain(url):
        with pa.memory_map(url) as mapped:
            yield mapped
    else:
        with packed.seekable(url) as file:
            yield file
