"""Tables of a folder that list the same images as another one: the same rows, saved in two formats. One is read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from auditor.errors import DatasetError
from auditor.readers.columns import as_text
from auditor.readers.rows import RowReader
from auditor.storage import names, tables
from auditor.storage.tables import BadRow, TableFile

_MAX_TABLES = 50  # more are the parts of one table
_HEAD = 20  # rows that are compared first

Opened = tuple[TableFile, RowReader]


def without_copies(listed: Sequence[str], opened: Callable[[str], Opened | None]) -> list[str]:
    """The tables without those that list the same images, in the same order and with the same captions, as a table of
    another format.

    Of these, the one with most columns stays, or else the first. opened: a table by its name; None if it cannot be
    read.
    """
    formats = {name: names.suffix(name) for name in listed}
    if not 1 < len(listed) <= _MAX_TABLES or len(set(formats.values())) == 1:
        return list(listed)
    found = {name: table for name in listed if (table := opened(name))}
    copies: set[str] = set()
    for alike in _groups({name: _head(*table) for name, table in found.items()}):
        for same in _groups({name: _digest(*found[name]) for name in alike}):
            best = max(same, key=lambda name: (len(tables.columns(found[name][0])), -listed.index(name)))
            copies.update(name for name in same if formats[name] != formats[best])
    return [name for name in listed if name not in copies]


def _groups(keys: Mapping[str, str]) -> list[list[str]]:
    """The groups of two or more names with the same key; '' is the key of none."""
    groups: dict[str, list[str]] = {}
    for name, key in keys.items():
        groups.setdefault(key, []).append(name)
    return [group for key, group in groups.items() if key and len(group) > 1]


def _head(table: TableFile, row_of: RowReader) -> str:
    try:
        return "\n".join(_line(row, row_of) for row in tables.first_rows(table, _HEAD, _columns(row_of)))
    except DatasetError:
        return ""


def _digest(table: TableFile, row_of: RowReader) -> str:
    total = hashlib.sha256()
    try:
        for piece in tables.chunks(table, 100_000):
            for row in tables.rows(table, piece, _columns(row_of)):
                line = "\0" if isinstance(row, BadRow) else _line(row, row_of)
                total.update(f"{line}\n".encode("utf-8", "surrogatepass"))
    except DatasetError:
        return ""
    return total.hexdigest()


def _columns(row_of: RowReader) -> tuple[str, ...]:
    caption = row_of.columns.caption
    return (*row_of.columns.images, caption) if caption else row_of.columns.images


def _line(row: Mapping[str, Any], row_of: RowReader) -> str:
    caption = row.get(row_of.columns.caption) if row_of.columns.caption else None
    return "\0".join([*row_of.images(row), as_text(caption) or ""])
