"""Delimited text, with a header or without one: comma-, tab-, semicolon- or pipe-separated values.

The delimiter is given, named by a first line `sep=;` (as spreadsheets understand it), or guessed: see delimiters.py. A
first row with a URL or an image's path is data, not a header (CC3M: `caption<TAB>url`); its columns are then named by
their content.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from auditor.errors import DatasetError
from auditor.storage import delimiters, files, lines, packed, urls
from auditor.storage.delimiters import Dialect
from auditor.storage.names import is_base64_image, is_image
from auditor.storage.tables import BadRow, Chunk, TableFile

_PEEK = 1 << 20
_FIELD_LIMIT = 16 << 20
_SEPARATOR = re.compile(r'"?sep=(.)"?\r?\n')
_BOM = "\ufeff"
_LETTER = re.compile(r"[^\W\d_]")


@dataclass(frozen=True, slots=True)
class _Layout:
    columns: tuple[str, ...]
    dialect: Dialect
    body: int  # offset of the first data row


def columns(table: TableFile) -> list[str]:
    """Names from the header, or by the content of the columns."""
    return list(_layout(table).columns)


def chunks(table: TableFile, rows: int) -> Iterator[Chunk]:
    """Byte ranges of whole records, without the header."""
    layout = _layout(table)
    yield from lines.chunks(table.url, rows, start=layout.body, quoted=layout.dialect.quoted)


def rows(table: TableFile, chunk: Chunk, only: tuple[str, ...] = ()) -> Iterator[Mapping[str, Any] | BadRow]:
    """One dictionary per record; blank lines are skipped, records of another width are BadRows."""
    layout = _layout(table)
    records = layout.dialect.records(lines.text(table.url, chunk, newline=layout.dialect.newline))
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


def beginning(url: str) -> str:
    """The first megabyte as text, without an unfinished last line."""
    peek = packed.peek(url, _PEEK)
    text = peek.decode("utf-8", "surrogateescape")
    return text[: text.rfind("\n") + 1] or text if len(peek) == _PEEK else text


def _layout(table: TableFile) -> _Layout:
    return _layout_of(table, files.version(table.url))


@lru_cache(maxsize=64)
def _layout_of(table: TableFile, version: str) -> _Layout:
    csv.field_size_limit(_FIELD_LIMIT)
    text = beginning(table.url)
    mark = _BOM if text.startswith(_BOM) else ""
    named = _SEPARATOR.match(text, len(mark))
    before = text[: named.end()] if named else mark
    text = text[len(before) :]
    delimiter = table.delimiter or (named[1] if named else _guessed(table.url, text))
    dialect = delimiters.dialect(text, delimiter, from_spreadsheet=packed.encoding(table.url) is not None)
    source = list(io.StringIO(text, newline=dialect.newline))  # does not split at U+2028 etc.
    records = dialect.records(iter(source))
    try:
        first: list[str] = next(records, [])
    except csv.Error as error:
        raise DatasetError(f"{table.url}: its first row is not a record: {error}") from error
    header = source[: records.line_num] if dialect.is_quoted else source[:1]
    if is_data(first):
        return _Layout(named_by_content(first), dialect, _bytes(before))
    names = [cell.strip() or f"column{number}" for number, cell in enumerate(first)]
    return _Layout(tuple(_distinct(names)), dialect, _bytes(before + "".join(header)))


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogateescape"))


def _guessed(url: str, text: str) -> str:
    name = url.casefold()
    usual = "\t" if ".tsv" in name[-10:] or ".tab" in name[-10:] else "|" if ".psv" in name[-10:] else ","
    return delimiters.guess(text, usual=usual)


def is_data(cells: list[str]) -> bool:
    """Whether a first row is one of data: it has a URL, an image's path or an image in base64."""
    return any(files.is_web(cell) or is_image(cell) or is_base64_image(cell) for cell in cells)


def named_by_content(cells: list[str]) -> tuple[str, ...]:
    """Names of columns from the cells of a row: url (of an image rather than a page), image, caption (the text of most
    words that is no number), and id, if one number is beside an image in base64."""
    embedded = [number for number, cell in enumerate(cells) if is_base64_image(cell)]
    addresses = [number for number, cell in enumerate(cells) if files.is_web(cell)]
    paths = embedded or [number for number, cell in enumerate(cells) if number not in addresses and is_image(cell)]
    texts = [number for number, cell in enumerate(cells) if number not in (*addresses, *paths) and _LETTER.search(cell)]
    chosen = {
        max(addresses, key=lambda number: is_image(urls.path(cells[number])), default=None): "url",
        min(paths, default=None): "image",
        max(texts, key=lambda number: len(cells[number].split()), default=None): "caption",
    }
    if embedded and len(numbers := [number for number, cell in enumerate(cells) if cell.isdecimal()]) == 1:
        chosen[numbers[0]] = "id"
    return tuple(chosen.get(number, f"column{number}") for number in range(len(cells)))


def _distinct(names: list[str]) -> Iterator[str]:
    seen: set[str] = set()
    for number, name in enumerate(names):
        yield name if name not in seen else f"{name}.{number}"
        seen.add(name)
