"""Rows of Arrow record batches, which parquet and Arrow files give: which columns are read, what their types say."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from auditor.errors import DatasetError
from auditor.storage.tables import BadRow, Kind

_LONGEST_DIGEST = 64  # bytes (SHA-512)
MAX_EXPANDED = 32 << 20  # bytes of texts that a batch may take, each as long as the longest
_MAX_REPEATED = 1_000_000  # characters of a text that a dictionary repeats
BATCH = 4096
BATCH_WITH_BYTES = 32


def checked(schema: pa.Schema, url: str) -> pa.Schema:
    """The schema. Raises DatasetError if two columns have the same name, and if a name is not valid UTF-8, which
    pyarrow finds out when it is used."""
    fields = list(schema)
    try:
        while fields:
            field = fields.pop()
            field.name  # noqa: B018  the property raises
            inner = field.type.value_type if is_list(field.type) else field.type
            fields += inner if pa.types.is_struct(inner) else ()
    except UnicodeDecodeError as error:
        raise DatasetError(f"{url}: cannot be read: a column's name is not valid UTF-8") from error
    repeated = next((name for name, count in Counter(schema.names).items() if count > 1), None)
    if repeated is not None:
        raise DatasetError(f"{url}: cannot be read: several columns are named '{repeated[:40]}'; rename all but one")
    return schema


def readable(schema: pa.Schema) -> list[str]:
    """Names of columns of text, numbers, dates or bytes, and of lists and structs of these; no lists of numbers."""

    def plain(kind: pa.DataType) -> bool:
        if is_list(kind):
            inner = kind.value_type
            return is_text(inner) or is_binary(inner) or pa.types.is_struct(inner)
        return not pa.types.is_map(kind)

    return [field.name for field in schema if plain(field.type) and not field.name.startswith("__index_level_")]


def kinds(schema: pa.Schema) -> dict[str, Kind]:
    """What is known of each column without reading it."""
    declared = _declared(schema)
    return {field.name: Kind.IMAGE if field.name in declared else _kind(field.type) for field in schema}


def described(schema: pa.Schema) -> list[str]:
    """Each column with its type."""
    return [f"{field.name}: {str(field.type)[:60]}" for field in schema]


def _kind(kind: pa.DataType) -> Kind:
    if pa.types.is_dictionary(kind):
        return _kind(kind.value_type)
    if holds_bytes(kind) or (is_list(kind) and pa.types.is_integer(kind.value_type)):
        return Kind.BYTES
    if is_text(kind) or pa.types.is_struct(kind):
        return Kind.OPEN
    return Kind.OPEN if is_list(kind) and _kind(kind.value_type) is Kind.OPEN else Kind.OTHER


def _declared(schema: pa.Schema) -> set[str]:
    """Columns that are images by the features that Hugging Face's datasets keeps in the schema's metadata."""
    try:
        features = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))["info"]["features"]
        return {name for name, feature in features.items() if _is_image_feature(feature)}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return set()


def _is_image_feature(feature: Any) -> bool:
    """Image, or a list of images: `{"_type": "Image"}`, `{"_type": "Sequence" or "List", "feature": …}`, `[…]`."""
    if isinstance(feature, list):
        return len(feature) == 1 and _is_image_feature(feature[0])
    if not isinstance(feature, dict):
        return False
    return feature.get("_type") == "Image" or _is_image_feature(feature.get("feature"))


def holds_bytes(kind: pa.DataType) -> bool:
    """Whether values of a type have bytes in them; lists of 8-bit integers count."""
    if pa.types.is_struct(kind):
        return any(holds_bytes(field.type) for field in kind)
    if is_list(kind):
        return _is_byte(kind.value_type) or holds_bytes(kind.value_type)
    return is_binary(kind)


def is_binary(kind: pa.DataType) -> bool:
    """Whether a type is one of Arrow's binary types; no digests."""
    if pa.types.is_fixed_size_binary(kind):
        return bool(kind.byte_width > _LONGEST_DIGEST)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind))


def is_list(kind: pa.DataType) -> bool:
    """Whether a type is one of Arrow's list types."""
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _is_byte(kind: pa.DataType) -> bool:
    return bool(pa.types.is_uint8(kind) or pa.types.is_int8(kind))


def is_text(kind: pa.DataType) -> bool:
    """Whether a type is one of Arrow's text types."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def size(schema: pa.Schema, names: list[str]) -> int:
    """How many rows of these columns are turned into Python values at once."""
    wide = any(_kind(schema.field(name).type) is Kind.BYTES for name in names)
    return BATCH_WITH_BYTES if wide else BATCH


def expanded_size(batch: pa.RecordBatch, rows: int) -> int:
    """The bytes that `rows` rows with the texts of this batch's dictionaries may take."""
    return rows * max((_longest(column) for column in batch.columns if _is_indexed_text(column)), default=0)


def plain(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """The batch in one piece or several, with texts in the place of indexes into distinct texts. Texts that a
    dictionary repeats are truncated at a million characters."""
    indexed = [column for column in batch.columns if _is_indexed_text(column)]
    longest = max((min(_longest(column), 4 * _MAX_REPEATED) for column in indexed), default=0)
    rows = max(1, MAX_EXPANDED // max(1, longest))
    for begin in range(0, batch.num_rows, rows):
        piece = batch.slice(begin, rows)
        columns = [_as_texts(column) if _is_indexed_text(column) else column for column in piece.columns]
        yield pa.RecordBatch.from_arrays(columns, batch.schema.names)


def _as_texts(column: pa.DictionaryArray) -> pa.Array:
    if _longest(column) <= _MAX_REPEATED:
        return column.cast(column.type.value_type)
    return pa.array(_shared(column), column.type.value_type)


def dicts(batch: pa.RecordBatch) -> Iterator[Mapping[str, Any] | BadRow]:
    """One dictionary per row; BadRow for a row with a cell that cannot be read."""
    try:
        yield from _rows(batch)
    except (ValueError, OverflowError, pa.ArrowException):  # invalid UTF-8 or an invalid date: find the row
        for number in range(batch.num_rows):
            yield _row(batch.slice(number, 1))


def _rows(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    batch = _expanded(batch)
    own = {
        name: _bytes if _is_bytes_list(field.type) else _shared
        for name, field in zip(batch.schema.names, batch.schema, strict=True)
        if _is_bytes_list(field.type) or pa.types.is_dictionary(field.type)
    }
    if not own:
        rows: list[dict[str, Any]] = batch.to_pylist()
        return rows
    others = batch.drop_columns(list(own)) if len(own) < batch.num_columns else None
    rows = others.to_pylist() if others else [{} for _ in range(batch.num_rows)]
    for name, values_of in own.items():
        for row, value in zip(rows, values_of(batch.column(name)), strict=True):
            row[name] = value
    return rows


def _expanded(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with texts in the place of indexes into distinct texts, where they take little memory."""
    columns = [
        column.cast(column.type.value_type) if _is_small_expanded(column) else column for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, batch.schema.names)


def _is_small_expanded(column: pa.Array) -> bool:
    return _is_indexed_text(column) and len(column) * _longest(column) <= MAX_EXPANDED


def _is_indexed_text(column: pa.Array) -> bool:
    return bool(pa.types.is_dictionary(column.type)) and is_text(column.type.value_type)


def _longest(column: pa.DictionaryArray) -> int:
    longest: int | None = pc.max(pc.binary_length(column.dictionary)).as_py()
    return longest or 0


def _shared(array: pa.DictionaryArray) -> list[Any]:
    """The values of a dictionary array, of which equal ones are the same object. Texts are cut off at a million
    characters."""
    used = array.indices.unique().drop_null()
    found = array.dictionary.take(used)
    if is_text(found.type) and (pc.max(pc.binary_length(found)).as_py() or 0) > _MAX_REPEATED:
        found = pc.utf8_slice_codeunits(found, 0, _MAX_REPEATED)
    values = dict(zip(used.to_pylist(), found.to_pylist(), strict=True))
    return [values.get(index) for index in array.indices.to_pylist()]


def _is_bytes_list(kind: pa.DataType) -> bool:
    return is_list(kind) and _is_byte(kind.value_type)


def _bytes(array: pa.Array) -> list[bytes | None]:
    """Lists of 8-bit integers as bytes, without a Python object for each number."""
    lists = array.cast(pa.large_list(array.type.value_type))
    values = np.asarray(lists.values.fill_null(0)).view(np.uint8)
    offsets = lists.offsets.to_numpy()
    return [
        values[begin:end].tobytes() if is_there.as_py() else None
        for is_there, begin, end in zip(lists.is_valid(), offsets[:-1], offsets[1:], strict=True)
    ]


def _row(row: pa.RecordBatch) -> Mapping[str, Any] | BadRow:
    try:
        return _rows(row)[0]
    except UnicodeDecodeError:
        return BadRow("a cell cannot be read: it is not valid UTF-8")
    except (ValueError, OverflowError, pa.ArrowException) as error:
        return BadRow(f"a cell cannot be read: {type(error).__name__}")
