"""Comma- and tab-separated values, with a header or without one.

Comma-separated files use the quotes of RFC 4180. Tab-separated files have no quoting: captions contain quotation marks,
and treating them as quotes would swallow rows. A first row with a URL or an image's path is data, not a header (CC3M:
`caption<TAB>url`); its columns are then named by their content.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from auditor.errors import DatasetError
from auditor.storage import files, lines
from auditor.storage.names import is_image
from auditor.storage.tables import BadRow, Chunk

_PEEK = 1 << 20
_FIELD_LIMIT = 16 << 20


@dataclass(frozen=True, slots=True)
class _Layout:
    columns: tuple[str, ...]
    delimiter: str
    has_header: bool
    body: int  # offset of the first data row


def columns(url: str) -> list[str]:
    """Names from the header, or by the content of the columns."""
    return list(_layout(url).columns)


def chunks(url: str, rows: int) -> Iterator[Chunk]:
    """Byte ranges of whole records, without the header."""
    layout = _layout(url)
    yield from lines.chunks(url, rows, start=layout.body, quoted=_quoted(layout.delimiter))


def rows(url: str, chunk: Chunk, only: tuple[str, ...] = ()) -> Iterator[Mapping[str, Any] | BadRow]:
    """One dictionary per record; blank lines are skipped, records of another width are BadRows."""
    layout = _layout(url)
    records = _reader(lines.text(url, chunk, newline="" if _quoted(layout.delimiter) else "\n"), layout.delimiter)
    while True:
        try:
            record = next(records)
        except StopIteration:
            return
        except csv.Error as error:
            yield BadRow(f"not a record: {error}")
            continue
        if len(record) == len(layout.columns):
            yield dict(zip(layout.columns, record, strict=True))
        elif any(record):
            yield BadRow(f"{len(record)} fields where the table has {len(layout.columns)} columns")


def _layout(url: str) -> _Layout:
    return _layout_of(url, files.version(url))


@lru_cache(maxsize=64)
def _layout_of(url: str, version: str) -> _Layout:
    csv.field_size_limit(_FIELD_LIMIT)
    with files.open_file(url) as file:
        peek = file.read(_PEEK)
    text = peek.decode("utf-8-sig", "surrogateescape")
    delimiter = "\t" if url.casefold().endswith(".tsv") else _delimiter(text)
    source = list(io.StringIO(text, newline="" if _quoted(delimiter) else "\n"))  # does not split at U+2028 etc.
    records = _reader(iter(source), delimiter)
    try:
        first: list[str] = next(records, [])
    except csv.Error as error:
        raise DatasetError(f"{url}: its first row is not a record: {error}") from error
    header_lines = source[: records.line_num] if _quoted(delimiter) else source[:1]
    if any(files.is_web(cell) or is_image(cell) for cell in first):
        return _Layout(_named(first), delimiter, False, 0)
    names = [cell.strip() or f"column{number}" for number, cell in enumerate(first)]
    body = len("".join(header_lines).encode("utf-8", "surrogateescape")) + 3 * peek.startswith(b"\xef\xbb\xbf")
    return _Layout(tuple(_distinct(names)), delimiter, True, body)


def _reader(source: Iterable[str], delimiter: str) -> Any:
    if _quoted(delimiter):
        return csv.reader(source, delimiter=delimiter)
    return (line.rstrip("\n").removesuffix("\r").split(delimiter) for line in source)


def _quoted(delimiter: str) -> bytes | None:
    """The delimiter of a format with quoting; None for one without."""
    return None if delimiter == "\t" else delimiter.encode()


def _delimiter(text: str) -> str:
    line = text.partition("\n")[0]
    return max(",;\t", key=line.count) if "," not in line else ","


def _named(first: list[str]) -> tuple[str, ...]:
    names = []
    for number, cell in enumerate(first):
        kind = "url" if files.is_web(cell) else "image" if is_image(cell) else "caption"
        names.append(kind if kind not in names else f"column{number}")
    return tuple(names)


def _distinct(names: list[str]) -> Iterator[str]:
    seen: set[str] = set()
    for number, name in enumerate(names):
        yield name if name not in seen else f"{name}.{number}"
        seen.add(name)
