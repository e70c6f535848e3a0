"""JSON files: an array of rows, an object that holds rows (json_shapes.py), or JSON lines under the name `.json`.

An array is read piece by piece. An object is parsed as a whole, because its rows may be anywhere in it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any

from auditor.errors import DatasetError
from auditor.storage import delimited, files, json_shapes, jsonl, lines, packed
from auditor.storage.names import is_image
from auditor.storage.tables import BadRow, Chunk, TableFile

_PEEK = 4 << 20
_FIRST_ROWS = 1000
_MAX_OBJECT = 512 << 20
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|["{}\[\],]', re.DOTALL)  # a quote alone: a string that is not complete
_ARRAY, _LINES, _OBJECT = "array", "lines", "object"


def columns(table: TableFile) -> list[str]:
    """Every key in the first thousand rows. Raises DatasetError if there are no rows in it."""
    shape, _ = _shape(table)
    if shape == _LINES:
        return jsonl.columns(table)
    first = islice(_all_rows(table), _FIRST_ROWS)
    keys = dict.fromkeys(key for row in first if not isinstance(row, BadRow) for key in row)
    if not keys and next(_all_rows(table), None) is not None:
        raise DatasetError(f"{table.url}: not an array of objects")
    return list(keys)


def chunks(table: TableFile, rows: int) -> Iterator[Chunk]:
    """Byte ranges of whole elements; of an object, ranges of rows."""
    shape, start = _shape(table)
    if shape == _LINES:
        yield from jsonl.chunks(table, rows)
    elif shape == _OBJECT:
        for first in range(0, count := len(_loaded(table.url, files.version(table.url))), rows):
            stop = min(first + rows, count)
            yield Chunk(first, stop - first, first, stop)
    else:
        ends = (start + end for _, end in _elements(packed.blocks(table.url, start)))
        yield from lines.grouped(ends, start, lines.rows_per_chunk(table.url, rows))


def rows(table: TableFile, chunk: Chunk, only: tuple[str, ...] = ()) -> Iterator[Mapping[str, Any] | BadRow]:
    """One dictionary per element; BadRow for one that cannot be parsed."""
    shape, _ = _shape(table)
    if shape == _LINES:
        yield from jsonl.rows(table, chunk, only)
    elif shape == _OBJECT:
        yield from _loaded(table.url, files.version(table.url))[chunk.start : chunk.stop]
    else:
        for element, _ in _elements(packed.blocks(table.url, chunk.start, chunk.stop)):
            yield _parsed(element)


def _all_rows(table: TableFile) -> Iterator[Mapping[str, Any] | BadRow]:
    shape, start = _shape(table)
    if shape == _OBJECT:
        yield from _loaded(table.url, files.version(table.url))
    else:
        for element, _ in _elements(packed.blocks(table.url, start)):
            yield _parsed(element)


def _elements(blocks: Iterable[bytes]) -> Iterator[tuple[bytes, int]]:
    """The elements of an array whose bracket is before the blocks, and the offset behind each with its comma."""
    buffer, base, begin, at, depth = b"", 0, 0, 0, 0
    for block in blocks:
        buffer, base, at, begin = buffer[begin:] + block, base + begin, at - begin, 0
        if len(buffer) > lines.MAX_ROW_BYTES + len(block):
            raise DatasetError("a JSON element is too large to be read")
        for token in _TOKEN.finditer(buffer, at):
            sign = buffer[token.start()]
            if sign == 0x22:  # a quote
                if token.end() - token.start() == 1:
                    at = token.start()
                    break
            elif sign in b"{[":
                depth += 1
            elif sign in b"}]" and depth:
                depth -= 1
            elif depth == 0:
                if buffer[begin : token.start()].strip():
                    yield buffer[begin : token.start()], base + token.end()
                begin = token.end()
                if sign != 0x2C:  # no comma: the end of the array
                    return
            at = token.end()
    if buffer[begin:].strip():
        yield buffer[begin:], base + len(buffer)


def _parsed(element: bytes) -> Mapping[str, Any] | BadRow:
    try:
        value = json.loads(element)
    except (ValueError, RecursionError):
        return BadRow("not a JSON element")
    if isinstance(value, dict):
        return value
    if isinstance(value, str):
        return {"image" if is_image(value) and not files.is_web(value) else "url": value}
    if isinstance(value, list) and all(isinstance(cell, str) for cell in value):
        return dict(zip(delimited.named_by_content(value), value, strict=True))
    return BadRow("a JSON element that is not an object")


def _shape(table: TableFile) -> tuple[str, int]:
    return _shape_of(table.url, files.version(table.url))


@lru_cache(maxsize=64)
def _shape_of(url: str, version: str) -> tuple[str, int]:
    """How rows are stored, and the offset behind the bracket of an array. Raises DatasetError."""
    head = packed.peek(url, _PEEK)
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"["):
        return _ARRAY, head.index(b"[") + 1
    first, _, rest = text.partition(b"\n")
    if not text or (rest.lstrip().startswith(b"{") and isinstance(_parsed(first), dict)):
        return _LINES, 0
    if text.startswith(b"{"):
        return _OBJECT, 0
    raise DatasetError(f"{url}: neither a JSON array nor a JSON object")


@lru_cache(maxsize=1)
def _loaded(url: str, version: str) -> Sequence[Mapping[str, Any]]:
    data = packed.peek(url, _MAX_OBJECT)
    if len(data) == _MAX_OBJECT:
        raise DatasetError(f"{url}: an JSON object of this size is not read: convert it to JSON lines or parquet")
    try:
        content = json.loads(data.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{url}: not JSON: {str(error)[:100]}") from error
    return json_shapes.rows(content)
