"""Tables that describe the images of archives by file name: inside one (DiffusionDB's `part-000001.json`, an image
folder's `metadata.jsonl`), beside it (Hugging Face's `images.zip` and `metadata.csv`), or in a folder above."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from auditor.config import ReadOptions
from auditor.errors import DatasetError, SampleError
from auditor.plugin import Input
from auditor.readers import cells, column_content, columns, image_base
from auditor.readers.members import Broken, Group, Member
from auditor.storage import files, names, tables
from auditor.storage.tables import BadRow, TableFile

_MAX_BYTES = 256 << 20  # of a table inside an archive
_MAX_ROWS = 2_000_000  # of a table; more do not fit into memory
_MAX_BESIDE = 1000  # tables in a folder of archives that are looked into
_MAX_LOOSE = 50  # .json files in a folder of archives; where there are more, they are no tables
_MAX_TABLES = 20  # that describe one archive

Fields = Mapping[str, Mapping[str, Any]]  # the name of a file, as in the table and below its folder → its row


class Described:
    """The samples of an archive without the tables that describe them, and the rows of these tables.

    fields: grows while the samples are read; it is complete after the first one if the archive can be read in any
    order. A table that comes after images of an archive that cannot is Broken, and so is one that holds images itself.
    """

    def __init__(self, groups: Iterable[Group | Broken], url: str, options: ReadOptions, *, in_any_order: bool) -> None:
        self.fields: dict[str, Mapping[str, Any]] = {}
        self._options = options
        self._members: frozenset[str] | None = None  # their names, if they are known in advance
        self._base_names: Counter[str] = Counter()
        self._reads_json = names.is_zip(url)
        if in_any_order:
            groups = list(groups)
            self._members = frozenset(
                each.name for group in groups if isinstance(group, Group) for each in group.members
            )
            self._base_names.update(map(_base, self._members))
        self._groups: Iterable[Group | Broken] = self._without_tables(groups)
        if in_any_order:
            self._groups = list(self._groups)

    def __iter__(self) -> Iterator[Group | Broken]:
        yield from self._groups

    def is_only(self, member: str) -> bool:
        """Whether no other member has this one's base name, as far as that is known."""
        return self._base_names[_base(member)] < 2

    def _without_tables(self, groups: Iterable[Group | Broken]) -> Iterator[Group | Broken]:
        has_image = False
        for group in groups:
            if isinstance(group, Broken) or not self._is_table(group):
                has_image |= isinstance(group, Group) and any(names.is_image(each.name) for each in group.members)
                yield group
                continue
            table = group.members[0]
            rows, problem = _of_member(table, self._options)
            if rows and self._members is None and has_image:
                problem = "it describes images, but comes after some of them in a compressed archive"
            if problem:
                yield Broken(f"{table.name}: {problem}: unpack the archive")
            elif rows:
                self.fields.update(self._placed(rows, files.parent(table.name)))
            else:
                yield group

    def _is_table(self, group: Group) -> bool:
        """Whether a sample is a table. (In tars, lone .json files are samples that lack their image.)"""
        (first, *others) = group.members
        return not others and (tables.is_always_table(first.name) or (self._reads_json and _is_json_table(first.name)))

    def _placed(self, rows: Mapping[str, Mapping[str, Any]], folder: str) -> Mapping[str, Mapping[str, Any]]:
        """The rows of a table by the places of their images: below the table's folder or, if none is there, anywhere
        in the archive."""
        below = {f"{folder}/{name}" if folder else name: row for name, row in rows.items()}
        return below if self._members is None or not self._members.isdisjoint(below) else rows


def tables_of(input: Input, archive: str) -> tuple[str, ...]:
    """The tables that describe the images of an archive, the nearest first: in its folder and in those above. Where
    some are named like the archive or a folder that it is in (`train.csv`, `train/0.tar`), these alone."""
    words = image_base.words_of(names.stem(archive)) | image_base.words_of(files.parent(archive))
    found: list[str] = []
    for folder in image_base.above(files.parent(archive)):
        here = tables_beside(input, folder)
        alike = [name for name in here if image_base.words_of(names.stem(_base(name))) <= words]
        found += alike or here
    return tuple(found[:_MAX_TABLES])


def rows_beside(input: Input, archive: str) -> tuple[Fields, ...]:
    """The rows of each of these tables."""
    return tuple(
        _of_table(input, name, files.version(files.join(input.url, name))) for name in tables_of(input, archive)
    )


@lru_cache(maxsize=4096)
def tables_beside(input: Input, folder: str) -> tuple[str, ...]:
    """The tables in a folder of archives that name images by their files, fit into memory and can be read."""
    if input.only:
        return ()
    here = [entry for entry in files.entries(files.join(input.url, folder)) if not entry.is_folder]
    likely = [entry for entry in here if _is_likely(entry.name)]
    loose = [entry for entry in here if _is_json_table(entry.name) and not names.is_companion(entry.name)]
    likely = (likely + (loose if len(loose) <= _MAX_LOOSE else []))[:_MAX_BESIDE]
    return _naming_files(input, folder, tuple((entry.name, entry.stat_signature) for entry in likely))


def forget() -> None:
    """Forget which tables were there; every audit begins with this."""
    tables_beside.cache_clear()


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


def of_group(group: Group | Broken, described: Described, beside: Sequence[Fields], archive: str) -> Mapping[str, Any]:
    """What tables say of the first of a sample's members that they name, {} without; an inner table counts before those
    beside the archive, and a near one before others. archive: its name below the input."""
    found: dict[str, Any] = {}
    members = group.members if isinstance(group, Group) else []
    for fields in filter(None, (described.fields, *beside)):
        row = next(filter(None, (_row_of(member.name, fields, archive, described) for member in members)), {})
        found = {**row, **found}
    return found


def _row_of(member: str, fields: Fields, archive: str, described: Described) -> Mapping[str, Any] | None:
    for name in (*_places(archive, member), *([_base(member)] if described.is_only(member) else [])):
        for spelling in names.spellings(name):
            if spelling in fields:
                return fields[spelling]
    return None


def _places(archive: str, member: str) -> Iterator[str]:
    """What a table may call a member: its name, from the folder into which the archive is unpacked, from one of those
    that hold the archive, or from the archive itself."""
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


def _is_json_table(name: str) -> bool:
    return tables.is_only_sometimes_table(name) and not name.endswith(".txt")


def _is_likely(name: str) -> bool:
    return tables.is_always_table(name) and (not names.is_companion(name) or name.casefold().startswith("manifest"))


def _base(name: str) -> str:
    return name.rpartition("/")[2]


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
            found = columns.find(table, options, where="the table")
            rows = dict(_rows(table, options))
            if not rows and not found.lacks and column_content.are_images(table, found.images):
                return {}, "a table of images inside an archive is not read"
            return rows, ""
        except DatasetError:
            return {}, ""


@lru_cache(maxsize=_MAX_TABLES)
def _of_table(input: Input, name: str, version: str) -> Fields:
    return dict(_rows(_table(input, name), input.options))


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
