"""Tables of a folder that list the same images as another one: the same rows in two formats, or COCO's instances beside
its captions. One of them is read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence

from auditor.config import ReadOptions
from auditor.errors import DatasetError
from auditor.images import generation_settings
from auditor.readers.columns import DECLARED, as_text
from auditor.readers.rows import RowReader
from auditor.storage import names, tables
from auditor.storage.tables import BadRow, TableFile

_MAX_TABLES = 50  # more are the parts of one table

Opened = tuple[TableFile, RowReader]


def without_copies(listed: Sequence[str], opened: Callable[[str], Opened | None], options: ReadOptions) -> list[str]:
    """The tables without those that list exactly the images of another and tell nothing more: they have no captions, or
    the same in another format. opened: a table by its name; None if it cannot be read.

    Of copies, the table with most columns stays, or else the first.
    """
    if not 1 < len(listed) <= _MAX_TABLES:
        return list(listed)
    found = {name: table for name in listed if (table := opened(name))}
    captioned = {name for name, (_, row_of) in found.items() if row_of.columns.caption}
    formats = {name: names.suffix(name) for name in found}
    if len(set(formats.values())) < 2 and len(captioned) in (0, len(found)):
        return list(listed)
    copies: set[str] = set()

    def telling(name: str) -> set[str]:
        return _telling(tables.columns(found[name][0]), options)

    for same in _groups({name: _digest(*found[name], with_captions=False) for name in found}):
        if with_captions := captioned.intersection(same):
            known = {column for name in with_captions for column in tables.columns(found[name][0])}
            copies.update(name for name in same if name not in captioned and not telling(name) - known)
            same = [name for name in same if name in captioned]
        for alike in _groups({name: _digest(*found[name], with_captions=True) for name in same}):
            best = max(alike, key=lambda name: (len(tables.columns(found[name][0])), -listed.index(name)))
            known = set(tables.columns(found[best][0]))
            copies.update(name for name in alike if formats[name] != formats[best] and not telling(name) - known)
    return [name for name in listed if name not in copies]


def _telling(columns: Sequence[str], options: ReadOptions) -> set[str]:
    """The columns that say which images are synthetic, or that an option names; all if some are the settings of
    a generator."""
    if generation_settings.may_be_in(tuple(columns)):
        return set(columns)
    named = {name.casefold() for name in (options.declared_col, options.weight_col) if name}
    return {column for column in columns if column.casefold() in named.union(DECLARED)}


def _groups(keys: Mapping[str, str]) -> list[list[str]]:
    """The groups of two or more names with the same key; '' is the key of none."""
    groups: dict[str, list[str]] = {}
    for name, key in keys.items():
        groups.setdefault(key, []).append(name)
    return [group for key, group in groups.items() if key and len(group) > 1]


def _digest(table: TableFile, row_of: RowReader, *, with_captions: bool) -> str:
    """A digest of a table's images, in any order; '' if it cannot be read or has none."""
    caption = row_of.columns.caption if with_captions else None
    only = (*row_of.columns.images, *([caption] if caption else []))
    count = total = 0
    try:
        for piece in tables.chunks(table, 100_000):
            for row in tables.rows(table, piece, only):
                if isinstance(row, BadRow):
                    return ""
                line = "\0".join([*row_of.images(row), as_text(row.get(caption)) or "" if caption else ""])
                count += 1
                total += int.from_bytes(
                    hashlib.blake2b(line.encode("utf-8", "surrogatepass"), digest_size=16).digest(), "big"
                )
    except DatasetError:
        return ""
    return f"{count} {total}" if count else ""
