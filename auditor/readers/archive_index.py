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
_MAX_BESIDE = 1000  # tables in a folder of archives that are looked into

Fields = Mapping[str, Mapping[str, Any]]  # the name of a file, as in the table and below its folder → its row


class Described:
    """The samples of an archive without the tables that describe them, and the rows of these tables.

    fields: grows while the samples are read; it is complete after the first one if the archive can be read in any
    order. A table that comes after images of an archive that cannot is Broken, and so is one that holds images itself.
    """

    def __init__(self, groups: Iterable[Group | Broken], options: ReadOptions, *, is_in_any_order: bool) -> None:
        self.fields: dict[str, Mapping[str, Any]] = {}
        self._options = options
        self._names: set[str] | None = None
        if is_in_any_order:
            groups = list(groups)
            self._names = {each.name for group in groups if isinstance(group, Group) for each in group.members}
        self._groups: Iterable[Group | Broken] = self._without_tables(groups)
        if is_in_any_order:
            self._groups = list(self._groups)

    def __iter__(self) -> Iterator[Group | Broken]:
        yield from self._groups

    def _without_tables(self, groups: Iterable[Group | Broken]) -> Iterator[Group | Broken]:
        is_first = True
        for group in groups:
            if isinstance(group, Broken) or not _is_table(group):
                is_first = False
                yield group
                continue
            table = group.members[0]
            rows, problem = _of_member(table, self._options)
            if rows and self._names is None and not is_first:
                problem = "it describes images, but comes after some of them in a compressed archive"
            if problem:
                yield Broken(f"{table.name}: {problem}: unpack the archive")
            elif rows:
                self.fields.update(self._placed(rows, files.parent(table.name)))
            else:
                yield group

    def _placed(self, rows: Mapping[str, Mapping[str, Any]], folder: str) -> Mapping[str, Mapping[str, Any]]:
        """The rows of a table by the places of their images: below the table's folder or, if none is there, anywhere
        in the archive."""
        below = {f"{folder}/{name}" if folder else name: row for name, row in rows.items()}
        return below if self._names is None or not self._names.isdisjoint(below) else rows


def beside(input: Input, archive: str) -> Fields:
    """The rows of the tables in the folder of an archive, and in those above it."""
    above = [files.parent(archive)]
    while above[-1]:
        above.append(files.parent(above[-1]))
    listed = tuple(name for folder in reversed(above) for name in tables_beside(input, folder))
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


def of_group(group: Group | Broken, described: Sequence[Fields], archive: str) -> Mapping[str, Any]:
    """The row of the first of a sample's members that has one, by the first table that has it; {} without. archive: its
    name below the input."""
    members = group.members if isinstance(group, Group) else []
    for fields in filter(None, described):
        for member in members:
            for name in _places(archive, member.name):
                for spelling in names.spellings(name):
                    if spelling in fields:
                        return fields[spelling]
    return {}


def _places(archive: str, member: str) -> Iterator[str]:
    """What a table may call a member: its name, from the folder into which the archive is unpacked, from one of those
    that hold the archive, from the archive itself, or without folders."""
    folders = archive.split("/")
    base = folders.pop()
    yield member
    yield f"{names.stem(base)}/{member}"
    for start in range(len(folders)):
        yield "/".join([*folders[start:], member])
        yield "/".join([*folders[start:], names.stem(base), member])
    for start in range(len(folders) + 1):
        path = "/".join([*folders[start:], base])
        yield from (f"{path}/{member}", f"{path}::{member}", f"zip://{member}::{path}")
    yield member.rpartition("/")[2]


def _is_table(group: Group) -> bool:
    (first, *others) = group.members
    return not others and tables.is_table(first.name) and not first.name.endswith(".txt")


def _is_likely(name: str) -> bool:
    if not tables.is_always_table(name):
        return tables.is_table(name) and not name.endswith(".txt") and not names.is_companion(name)
    return not names.is_companion(name) or name.casefold().startswith("manifest")


def _of_member(member: Member, options: ReadOptions) -> tuple[dict[str, Mapping[str, Any]], str]:
    """The rows of a table that describe images, and why it cannot be read if it holds others ('' if it does not)."""
    try:
        data = member.content.read(_MAX_BYTES)
    except SampleError:
        return {}, ""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"table.{member.suffix}"
        path.write_bytes(data)
        try:
            table = tables.at(str(path), options.delimiter)
            columns.find(table, options, where="the table")
            rows = dict(_rows(table, options))
            if not rows and tables.is_always_table(member.name) and tables.first_rows(table, 1):
                return {}, "a table of images inside an archive is not read"
            return rows, ""
        except DatasetError:
            return {}, ""


@lru_cache(maxsize=2)
def _of_tables(input: Input, listed: Sequence[str], version: str) -> Fields:
    return {key: row for name in listed for key, row in _rows(_table(input, name), input.options)}


def _table(input: Input, name: str) -> TableFile:
    return tables.at(files.join(input.url, name), input.options.delimiter)


def _image_column(table: TableFile, options: ReadOptions, where: str) -> str | None:
    """The column of file names; None if the table has none, or if it holds the images themselves."""
    try:
        column = columns.find(table, options, where=where).image
        return None if column is None or tables.embeds(table, column) else column
    except DatasetError:
        return None


def _rows(table: TableFile, options: ReadOptions) -> Iterator[tuple[str, Mapping[str, Any]]]:
    column = _image_column(table, options, "the table")
    if column is None:
        return
    for piece in tables.chunks(table, 100_000):
        for row in tables.rows(table, piece):
            if isinstance(row, BadRow):
                continue
            for path in cells.paths(row.get(column)):
                yield path.removeprefix("./"), row
