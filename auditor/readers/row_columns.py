"""Rows of a table as columns: of a table with types (parquet, Arrow) that has URLs and no column of images.

Most rows are alike: a URL with its scheme, a key and a caption that are texts. These become columns. The others (a list
of URLs in a cell, a URL without a scheme, a caption that is a list …) are read one by one, as RowReader reads them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from auditor.images import generation_settings
from auditor.images.covariates import CRAWL_COLUMNS
from auditor.readers.columns import DECLARED
from auditor.readers.rows import MAX_KEY, RowReader
from auditor.row_columns import RowColumns, Vocabulary
from auditor.storage import batches, tables, urls
from auditor.storage.tables import Chunk, TableFile
from auditor.types import Sample, Unreadable

_BATCH_ROWS = 1 << 16
_MAX_AUTHORITIES = 32 << 20  # bytes
_AUTHORITY = r"^https?://(?P<authority>[^/?#]*)"
_NOT_BLANK = r"[\pL\pN!-~]"
_PWATERMARK = "pwatermark"
_MAX_CAPTION = 1 << 15  # bytes; of longer captions, only the beginning may be kept


@dataclass(frozen=True)
class Cells:
    """The cells of consecutive rows of a table, of which `first` is the number of the first one."""

    table: pa.RecordBatch
    row_of: RowReader
    first: int

    def items(self, numbers: np.ndarray) -> Iterator[tuple[int, Sample | Unreadable]]:
        """What some rows hold, with their numbers among these rows. numbers: int64 (n,)."""
        for start in range(0, len(numbers), batches.BATCH):
            some = numbers[start : start + batches.BATCH]
            for number, row in zip(some.tolist(), batches.dicts(self.table.take(pa.array(some))), strict=True):
                for item in self.row_of(row, self.first + number):
                    yield number, item

    def samples(self, numbers: np.ndarray) -> list[Sample]:
        """The samples of rows that hold one each."""
        return [item for _, item in self.items(numbers) if isinstance(item, Sample)]


@dataclass(frozen=True)
class RowBatch:
    """Consecutive rows of a table. columns: the rows that are alike. position: their numbers in the batch, int64.
    others: the numbers of the other rows, int64."""

    cells: Cells
    columns: RowColumns
    position: np.ndarray
    others: np.ndarray

    @property
    def table(self) -> pa.RecordBatch:
        """The cells of all rows."""
        return self.cells.table

    def items(self, numbers: np.ndarray) -> Iterator[tuple[int, Sample | Unreadable]]:
        """What some rows hold, with their numbers in the batch. numbers: int64 (n,)."""
        return self.cells.items(numbers)

    @property
    def number_of_items(self) -> int:
        """How many items the rows hold; a row with a list of URLs holds several."""
        return len(self.position) + sum(1 for _ in self.items(self.others))


def readable(table: TableFile, row_of: RowReader) -> bool:
    """Whether a table can be read as columns: it has types, URLs, no images, and keys and captions that are texts (or
    keys that are integers)."""
    schema, found = tables.schema(table), row_of.columns
    if schema is None or found.local or not found.url or found.lacks or row_of.input.options.weight_col:
        return False

    def kind(name: str) -> pa.DataType:
        found: pa.DataType = schema.field(name).type
        return found.value_type if pa.types.is_dictionary(found) else found

    return (
        batches.is_text(kind(found.url))
        and (found.id is None or batches.is_text(kind(found.id)) or pa.types.is_integer(kind(found.id)))
        and (found.caption is None or batches.is_text(kind(found.caption)))
    )


def read(table: TableFile, chunk: Chunk, row_of: RowReader) -> Iterator[RowBatch]:
    """The rows of a chunk of a table that is `readable`. Raises DatasetError if the file is damaged."""
    names, first = tables.columns(table), chunk.first
    for read_batch in tables.record_batches(table, chunk, names, _BATCH_ROWS) or ():
        for batch in batches.plain(read_batch):
            yield _batch(Cells(batch, row_of, first), _authorities())
            first += batch.num_rows


def _authorities() -> Vocabulary:
    """The authorities that this process has seen in any shard; a new vocabulary when they take much memory."""
    if _kept_authorities().size > _MAX_AUTHORITIES:
        _kept_authorities.cache_clear()
    return _kept_authorities()


@cache
def _kept_authorities() -> Vocabulary:
    return Vocabulary()


def _batch(cells: Cells, authorities: Vocabulary) -> RowBatch:
    table, row_of, first = cells.table, cells.row_of, cells.first
    found, valid = row_of.columns, table if _is_valid(table) else table.slice(0, 0)
    url, caption = _texts(valid, found.url), _texts(valid, found.caption)
    key, is_plain_key = _keys(valid, row_of, first)
    (authority,) = pc.extract_regex(url, _AUTHORITY).flatten()  # null for a URL without a scheme
    is_alike = is_plain_key & _is_plain_caption(caption) & np.asarray(authority.is_valid())
    position = np.flatnonzero(is_alike)
    if len(position) < valid.num_rows:
        key, url, caption, authority = (column.take(position) for column in (key, url, caption, authority))
    coded = authorities.coded(authority)
    columns = RowColumns(
        key=key,
        source=coded.derived(urls.domain_of_authority, pa.string()),
        url=url,
        caption=caption,
        authority=coded,
        pwatermark=_pwatermark(valid).take(position),
        facts=_facts(valid, row_of, position),
        samples=lambda rows: cells.samples(position[rows]),  # no reference to the batch: it would outlive its use
    )
    return RowBatch(cells, columns, position, np.setdiff1d(np.arange(table.num_rows), position, assume_unique=True))


def _is_valid(table: pa.RecordBatch) -> bool:
    """Whether every text is valid UTF-8; otherwise each row is read by itself."""
    try:
        table.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _texts(table: pa.RecordBatch, name: str | None) -> pa.Array:
    """A column as strings; nulls without it."""
    return pa.nulls(table.num_rows, pa.string()) if name is None else table.column(name).cast(pa.string())


def _keys(table: pa.RecordBatch, row_of: RowReader, first: int) -> tuple[pa.Array, np.ndarray]:
    """The keys, and whether each is one as it stands. Without a column of keys, a row's place in the table is its
    key."""
    if row_of.columns.id is None:
        numbers = pa.array(np.arange(first, first + table.num_rows)).cast(pa.string())
        place = row_of.place
        return pc.binary_join_element_wise(place, numbers, "#"), np.ones(table.num_rows, bool)
    keys = _texts(table, row_of.columns.id)
    if pa.types.is_integer(table.column(row_of.columns.id).type):
        return keys, np.asarray(keys.is_valid())
    is_short = _is_true(pc.less_equal(pc.binary_length(keys), MAX_KEY))
    return keys, is_short & _is_true(pc.match_substring_regex(keys, _NOT_BLANK))


def _is_plain_caption(caption: pa.Array) -> np.ndarray:
    """Whether a caption is null, or a text that stays as it is."""
    if caption.null_count == len(caption):
        return np.ones(len(caption), bool)
    is_list = pc.starts_with(caption, "[")
    is_short = pc.less_equal(pc.binary_length(caption), _MAX_CAPTION)
    is_text = pc.and_(pc.and_(is_short, pc.match_substring_regex(caption, _NOT_BLANK)), pc.invert(is_list))
    plain: np.ndarray = _is_true(is_text) | ~np.asarray(caption.is_valid())
    return plain


def _pwatermark(table: pa.RecordBatch) -> pa.Array:
    for name in table.schema.names:
        if name.lower() == _PWATERMARK and _is_number(table.column(name).type):
            return table.column(name).cast(pa.float64())
    return pa.nulls(table.num_rows, pa.float64())


def _facts(table: pa.RecordBatch, row_of: RowReader, rows: np.ndarray) -> list[Mapping[str, Any]] | None:
    """See RowColumns.facts."""
    names = table.schema.names
    declared = row_of.input.options.declared_col
    telling = {*((declared.casefold(),) if declared else DECLARED), *CRAWL_COLUMNS, _PWATERMARK}
    if not generation_settings.may_be_in(tuple(names)):
        names = [name for name in names if name.casefold() in telling and not _is_pwatermark(name, table)]
    return table.select(names).take(pa.array(rows)).to_pylist() if names else None


def _is_pwatermark(name: str, table: pa.RecordBatch) -> bool:
    """Whether the column is in RowColumns.pwatermark."""
    return name.lower() == _PWATERMARK and _is_number(table.column(name).type)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind))


def _is_true(mask: pa.Array) -> np.ndarray:
    """Null is not true."""
    true: np.ndarray = np.asarray(mask.fill_null(False))
    return true
