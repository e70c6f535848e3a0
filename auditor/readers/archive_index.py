"""Tables that describe the images of archives by file name: inside one (DiffusionDB's `part-000001.json`, an image
folder's `metadata.jsonl`), or beside it (Hugging Face's `images.zip` and `metadata.csv`)."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from auditor.config import ReadOptions
from auditor.errors import DatasetError, SampleError
from auditor.plugin import Input
from auditor.readers import cells, columns
from auditor.readers.members import Broken, Group, Member
from auditor.storage import files, names, tables
from auditor.storage.tables import BadRow, TableFile

_MAX_BYTES = 256 << 20  # of a table inside an archive
_MAX_ROWS = 2_000_000  # of an index; more do not fit into memory
_MAX_BESIDE = 20  # tables in a folder of archives that are looked into

Fields = Mapping[str, Mapping[str, Any]]  # the name of a file, as in the table and below its folder → its row


def split(groups: Iterable[Group | Broken], options: ReadOptions) -> tuple[Fields, Iterable[Group | Broken]]:
    """The rows of the tables among an archive's members, and the groups without the tables that give rows."""
    fields: dict[str, Mapping[str, Any]] = {}
    rest: list[Group | Broken] = []
    for group in groups:
        found = {} if isinstance(group, Broken) or not _is_table(group) else _of_member(group.members[0], options)
        fields.update(found)
        if not found:
            rest.append(group)
    return fields, rest


def beside(input: Input, archive: str) -> Fields:
    """The rows of the tables in the folder of an archive."""
    listed = tables_beside(input, files.parent(archive))
    return _of_tables(input, listed, files.version(*(files.join(input.url, name) for name in listed)))


def tables_beside(input: Input, folder: str) -> tuple[str, ...]:
    """The tables in a folder of archives that name images by their files, fit into memory and can be read."""
    if input.only:
        return ()
    here = [entry for entry in files.entries(files.join(input.url, folder)) if not entry.is_folder]
    likely = tuple((entry.name, entry.stat_signature) for entry in here if _is_likely(entry.name))[:_MAX_BESIDE]
    return _naming_files(input, folder, likely)


@lru_cache(maxsize=1024)
def _naming_files(input: Input, folder: str, likely: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    paths = [f"{folder}/{name}" if folder else name for name, _ in likely]
    return tuple(
        path
        for path in paths
        if (column := _image_column(table := _table(input, path), input.options, path)) and _is_usable(table, column)
    )


def _is_usable(table: TableFile, column: str) -> bool:
    """Whether a table can be read to its end, and has not too many rows. Any other is passed over, which is told."""
    rows = 0
    try:
        for chunk in tables.chunks(table, 1 << 20):
            for _ in tables.rows(table, chunk, (column,)):
                rows += 1
                if rows > _MAX_ROWS:
                    return False
    except DatasetError:
        return False
    return True


def of_group(group: Group, fields: Fields, archive: str) -> Mapping[str, Any]:
    """The row of the first of a sample's members that has one; {} without. archive: its name; files may be listed as
    they are after unpacking it into a folder of this name."""
    folder = names.stem(archive.rpartition("/")[2])
    for member in group.members if fields else ():
        for name in (member.name, f"{folder}/{member.name}", member.name.rpartition("/")[2]):
            for spelling in names.spellings(name):
                if spelling in fields:
                    return fields[spelling]
    return {}


def _is_table(group: Group) -> bool:
    (first, *others) = group.members
    return not others and tables.is_table(first.name) and not first.name.endswith(".txt")


def _is_likely(name: str) -> bool:
    return tables.is_always_table(name) and not names.is_companion(name)


def _of_member(member: Member, options: ReadOptions) -> dict[str, Mapping[str, Any]]:
    try:
        data = member.content.read(_MAX_BYTES)
    except SampleError:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"table.{member.suffix}"
        path.write_bytes(data)
        try:
            table = tables.at(str(path), options.delimiter)
            return dict(_rows(table, options, files.parent(member.name)))
        except DatasetError:
            return {}


@lru_cache(maxsize=2)
def _of_tables(input: Input, listed: Sequence[str], version: str) -> Fields:
    return {key: row for name in listed for key, row in _rows(_table(input, name), input.options, "")}


def _table(input: Input, name: str) -> TableFile:
    return tables.at(files.join(input.url, name), input.options.delimiter)


def _image_column(table: TableFile, options: ReadOptions, where: str) -> str | None:
    """The column of file names; None if the table has none, or if it holds the images themselves."""
    try:
        column = columns.find(table, options, where=where).image
        return None if column is None or tables.embeds(table, column) else column
    except DatasetError:
        return None


def _rows(table: TableFile, options: ReadOptions, folder: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    column = _image_column(table, options, "the table")
    if column is None:
        return
    for piece in tables.chunks(table, 100_000):
        for row in tables.rows(table, piece):
            if isinstance(row, BadRow):
                continue
            for path in cells.paths(row.get(column)):
                name = path.removeprefix("./")
                yield (f"{folder}/{name}" if folder else name), row
