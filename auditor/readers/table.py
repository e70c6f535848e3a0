"""Tables of images and captions: csv, tsv, jsonl, json, txt, parquet or Arrow files, compressed or not, or a folder of
them.

An image is a local path (below the table's folder, or below --base-dir), embedded bytes (binary, Hugging Face's
`{bytes, path}`, base64 …: see readers/cells.py), or a list of these, which gives one row per image: `key#0, key#1`.
Every column of images gives a row: `key`, `key:conditioning_image`. A row with a URL and no image is audited by its
metadata only. Images in the folder that no table names are rows too. Columns are found as in readers/columns.py. A row
that cannot be parsed is an unreadable row with the reason.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from auditor.errors import DatasetError, SampleError
from auditor.images import causes
from auditor.plugin import Input, Reader, Shard
from auditor.readers import columns, folder, image_base, listing, loose_tables, row_columns, unopened_archives, walk
from auditor.readers.row_columns import RowBatch
from auditor.readers.rows import RowReader
from auditor.readers.table_copies import without_copies
from auditor.storage import files, names, own_tables, tables
from auditor.storage.tables import Chunk, TableFile
from auditor.types import Sample, Unreadable

_ROWS_WITH_IMAGES = 500
_ROWS_WITHOUT = 100_000
_DELTA_LOG = "_delta_log"
# A small table of file names is cut finer, so that it gives work to every processor.
_SMALL_TABLE_BYTES, _ROWS_OF_SMALL = 256 << 10, 50


class Table(Reader):
    """See the module."""

    id = "table"

    def accepts(self, input: Input) -> bool:
        """Named table files, or a folder with a table that has an image or URL column."""
        if input.only:
            return all(self.is_table(name) or _is_table_by_content(input, name) for name in input.only)
        return self._has_near(input) and any(True for _ in self._tables(input))

    def is_table(self, name: str) -> bool:
        """Whether a file name is that of a table for this reader."""
        return tables.is_table(name)

    def _has_near(self, input: Input) -> bool:
        is_table = self.is_table
        return listing.holds(input, lambda name: is_table(name) and not tables.is_only_sometimes_table(name)) or (
            loose_tables.are_near(input, is_table)
        )

    def shards(self, input: Input) -> Iterator[Shard]:
        """Pieces of each table, then the images that no table names, then archives."""
        listed = list(self._tables(input))
        _refuse_versions(input, listed)
        if not listed:
            raise DatasetError(f"{input.name}: no table with an image or URL column in it")
        readable = [_file(input, name) for name in listed if files.exists(files.join(input.url, name))]
        columns.refuse_unknown(
            (table for table in readable if input.only or not _damage(input, table)), input.options, where=input.name
        )
        for name in listed if input.only else without_copies(listed, lambda name: _opened(input, name), input.options):
            yield from self._pieces(input, name)
        if self._has_others(input):
            yield from walk.cut(input, self.id, self._others(input, walk.images(input)))
        yield from unopened_archives.shards(input, self.id)

    def read(self, shard: Shard) -> Iterator[Sample | Unreadable]:
        """Rows of a table, or images beside the tables."""
        if unopened_archives.is_archive(shard):
            yield unopened_archives.row(shard)
        elif not shard.file:
            for file in self._others(shard.input, walk.run(shard)):
                yield folder.sample(shard.input, file.name)
        elif shard.stop is None:
            place = shard.input.prefix + shard.file
            yield Unreadable(place, shard.file, place, str(shard.start) if shard.start else "no such table")
        else:
            yield from self._rows(shard)

    def read_columns(self, shard: Shard) -> Iterator[RowBatch | Unreadable] | None:
        """Rows of a table with types and URLs."""
        if not shard.file or shard.stop is None or unopened_archives.is_archive(shard):
            return None
        table, row_of = _file(shard.input, shard.file), _row_reader(shard.input, shard.file)
        return self._columns(shard, table, row_of) if row_columns.readable(table, row_of) else None

    # ---- tables

    def _tables(self, input: Input) -> Iterator[str]:
        if input.only:
            yield from input.only
        else:
            is_any_usable, tried = False, loose_tables.Tried()
            for name in loose_tables.named(input, self.is_table):
                if tried.may_be_table(name) and tried.note(name, is_table=_usable(input, name)):
                    is_any_usable = True
                    yield name
            if input.options.image_col and not is_any_usable:  # the error names the columns that there are
                found = loose_tables.named(input, self.is_table)
                yield from (name for name in found if not tables.is_only_sometimes_table(name))

    def _pieces(self, input: Input, name: str) -> Iterator[Shard]:
        url = files.join(input.url, name)
        if not files.exists(url):
            yield Shard(_label(input, name, 0), input, self.id, name, rows=1, version="missing")
            return
        version, table = files.version(url), _file(input, name)
        if not input.only and (reason := _damage(input, table)):
            yield Shard(_label(input, name, 0), input, self.id, name, start=reason, rows=1, version=version)
            return
        row_of, last = _row_reader(input, name), 0
        found = row_of.columns
        columns.refuse_unweighted(tables.columns(table), input.options, where=name)
        is_whole = all(tables.embeds(table, column) for column in found.local)
        try:
            for piece in tables.chunks(table, _rows_per_piece(url, bool(found.local), is_whole)):
                last = piece.stop
                yield Shard(
                    id=_label(input, name, piece.first),
                    input=input,
                    reader=self.id,
                    file=name,
                    start=f"{piece.first}:{piece.start}",
                    stop=piece.stop,
                    rows=None if found.others else piece.rows,
                    has_images=bool(found.local) or bool(found.lacks),
                    version=version if is_whole else _with_images(version, table, piece, row_of),
                )
        except DatasetError as error:
            reason = f"the table cannot be read from here on: {error}".replace(f"{input.url}/", "")
            yield Shard(f"{_label(input, name, last)}-end", input, self.id, name, start=reason, rows=1, version=version)

    def _rows(self, shard: Shard) -> Iterator[Sample | Unreadable]:
        table, chunk, row_of = _file(shard.input, shard.file), _chunk(shard), _row_reader(shard.input, shard.file)
        only = tuple(dict.fromkeys([*tables.columns(table), *row_of.columns.images]))
        number = chunk.first
        try:
            for row in tables.rows(table, chunk, only):
                yield from row_of(row, number)
                number += 1
        except DatasetError as error:
            yield _broken(shard, row_of, number, error)

    def _columns(self, shard: Shard, table: TableFile, row_of: RowReader) -> Iterator[RowBatch | Unreadable]:
        chunk = _chunk(shard)
        number = chunk.first
        try:
            for batch in row_columns.read(table, chunk, row_of):
                number += batch.table.num_rows
                yield batch
        except DatasetError as error:
            yield _broken(shard, row_of, number, error)

    # ---- images that no table names

    def _has_others(self, input: Input) -> bool:
        return not input.only and any(True for _ in walk.images(input))

    def _others(self, input: Input, images: Iterator[walk.ImageFile]) -> Iterator[walk.ImageFile]:
        listed = _listed(
            type(self), input, files.version(*(files.join(input.url, name) for name in self._tables(input)))
        )
        for item in images:
            if not len(listed) or listed[np.searchsorted(listed, _hash(item.name)) % len(listed)] != _hash(item.name):
                yield item


def _refuse_versions(input: Input, listed: Sequence[str]) -> None:
    """Raises DatasetError for a folder of a Delta Lake table, whose files hold rows of former versions too."""
    if not input.only:
        for folder in sorted({above for name in listed for above in image_base.above(files.parent(name))}):
            if any(entry.name == _DELTA_LOG for entry in files.all_entries(files.join(input.url, folder))):
                raise DatasetError(
                    f"{input.prefix}{folder or input.name}: a Delta Lake table, whose files hold rows of former "
                    "versions too: write its current rows to a parquet file, or name the files to read"
                )


def _chunk(shard: Shard) -> Chunk:
    first, start = (int(number) for number in str(shard.start).split(":"))
    return Chunk(first, shard.rows, start, int(shard.stop or 0))


def _broken(shard: Shard, row_of: RowReader, number: int, error: DatasetError) -> Unreadable:
    return row_of.broken(number, f"the table cannot be read from here on: {error}".replace(f"{shard.input.url}/", ""))


def _file(input: Input, name: str) -> TableFile:
    return tables.at(files.join(input.url, name), input.options.delimiter)


def _row_reader(input: Input, name: str) -> RowReader:
    """What makes samples of a table's rows. Raises DatasetError if it has no image or URL column."""
    table = _file(input, name)
    found = columns.find(table, input.options, where=name)
    if image_base.are_names_of_downloads(input, table, found):
        found = replace(found, image=None, others=())
    return RowReader(input, name, found, image_base.find(input, table, found))


def _opened(input: Input, name: str) -> tuple[TableFile, RowReader] | None:
    """A table of the input; None if it cannot be read."""
    table = _file(input, name)
    if _damage(input, table):
        return None
    return table, _row_reader(input, name)


def _is_table_by_content(input: Input, name: str) -> bool:
    """Whether a named file without a known suffix is a table: a blob of a hub's cache, for example."""
    if not names.may_be_image(name) and not tables.is_compressed(name):
        return False
    try:
        return files.exists(files.join(input.url, name)) and bool(tables.columns(_file(input, name)))
    except DatasetError:
        return False


def _usable(input: Input, name: str) -> bool:
    """Whether a table has an image or URL column, and is not one that this program wrote. A table that cannot be read
    counts, and becomes an unreadable row; a .json or .txt file, which may be anything, does not."""
    table = _file(input, name)
    if _damage(input, table):
        return not tables.is_only_sometimes_table(name)
    if own_tables.is_own(table):
        return False
    try:
        found = columns.find(table, input.options, where=name)
        if found.lacks:
            found = columns.find(table, replace(input.options, image_col=None, url_col=None), where=name)
    except DatasetError:
        return False
    return loose_tables.is_dataset(input, table, found)


def _damage(input: Input, table: TableFile) -> str | None:
    """Why a table of the input cannot be read; None if it can."""
    try:
        if not files.is_remote(input.url):
            files.inside(input.url, table.url.removeprefix(f"{input.url}/"), follow_links=input.options.follow_links)
        tables.columns(table)
    except SampleError as error:
        return f"the table cannot be read: {error}".replace(f"{input.url}/", "")
    except DatasetError as error:
        pointer = causes.pointer(files.head(table.url, causes.POINTER_HEAD))
        return f"the table cannot be read: {pointer or error}".replace(f"{input.url}/", "")
    return None


def _with_images(version: str, table: TableFile, piece: Chunk, row_of: RowReader) -> str:
    """The version of a piece of a table and of the images that it names."""
    total = hashlib.sha256(version.encode())
    try:
        for row in tables.rows(table, piece, row_of.columns.local):
            for signature in row_of.image_signatures(row):
                total.update(signature.encode("utf-8", "surrogatepass"))
    except DatasetError as error:  # reading it gives a row with the reason
        total.update(str(error).encode("utf-8", "surrogatepass"))
    return total.hexdigest()


def _rows_per_piece(url: str, has_images: bool, is_whole: bool) -> int:
    """is_whole: the table holds the images themselves, or has none."""
    if not has_images:
        return _ROWS_WITHOUT
    return _ROWS_OF_SMALL if not is_whole and files.size(url) < _SMALL_TABLE_BYTES else _ROWS_WITH_IMAGES


def _label(input: Input, name: str, first: int) -> str:
    return f"{listing.label('table', input, name)}-{first:010d}"


@lru_cache(maxsize=4)
def _listed(reader: type[Table], input: Input, version: str) -> np.ndarray:
    """The sorted hashes (uint64) of all image names in the tables, at eight bytes per name."""
    hashes: list[np.uint64] = []
    for name in reader()._tables(input):
        table = _file(input, name)
        if not input.only and _damage(input, table):
            continue
        row_of = _row_reader(input, name)
        found = row_of.columns
        if all(tables.embeds(table, column) for column in found.local):
            continue
        try:
            for piece in tables.chunks(table, _ROWS_WITHOUT):
                for row in tables.rows(table, piece, found.local):
                    hashes.extend(_hash(path) for image in row_of.names(row) for path in row_of.below_input(image))
        except DatasetError:  # a row says so
            continue
    return np.sort(np.array(hashes, dtype=np.uint64))


def _hash(name: str) -> np.uint64:
    return np.uint64(int.from_bytes(hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()))
