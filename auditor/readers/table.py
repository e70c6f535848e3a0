"""Tables of images and captions: csv, tsv, jsonl or parquet files, or a folder of them.

An image is a local path (below the table's folder, or below --base-dir), embedded bytes (binary, or Hugging Face's
`{bytes, path}`), or a list of these, which gives one row per image: `key#0, key#1`. A row with a URL and no image is
audited by its metadata only. Images in the folder that no table names are rows too. Columns are found by their names:
see readers/columns.py. A row that cannot be parsed is an unreadable row with the reason.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from auditor.errors import DatasetError, SampleError
from auditor.plugin import Input, Reader, Shard
from auditor.readers import folder, listing, unopened_archives, walk
from auditor.readers.columns import Columns, refuse_unweighted
from auditor.readers.rows import RowReader
from auditor.storage import files, tables
from auditor.storage.tables import Chunk
from auditor.types import Sample, Unreadable

_ROWS_WITH_IMAGES = 500
_ROWS_WITHOUT = 100_000


class Table(Reader):
    """See the module."""

    id = "table"

    def accepts(self, input: Input) -> bool:
        """Named table files, or a folder with a table that has an image or URL column."""
        if input.only:
            return all(self.is_table(name) for name in input.only)
        return listing.holds(input, self.is_table) and any(True for _ in self._tables(input))

    def is_table(self, name: str) -> bool:
        """Whether a file name is that of a table for this reader."""
        return tables.is_table(name)

    def shards(self, input: Input) -> Iterator[Shard]:
        """Pieces of each table, then the images that no table names, then archives."""
        names = list(self._tables(input))
        if not names:
            raise DatasetError(f"{input.name}: no table with an image or URL column in it")
        for name in names:
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

    # ---- tables

    def _tables(self, input: Input) -> Iterator[str]:
        for name in listing.named(input, self.is_table):
            if input.only or _usable(input, name):
                yield name

    def _pieces(self, input: Input, name: str) -> Iterator[Shard]:
        url = files.join(input.url, name)
        if not files.exists(url):
            yield Shard(_label(input, name, 0), input, self.id, name, rows=1, version="missing")
            return
        version = files.version(url)
        if not input.only and (reason := _damage(input, name)):
            yield Shard(_label(input, name, 0), input, self.id, name, start=reason, rows=1, version=version)
            return
        columns = Columns.find(tables.columns(url), input.options, where=name)
        refuse_unweighted(tables.columns(url), input.options, where=name)
        is_whole = columns.image is None or tables.embeds(url, columns.image)
        for piece in tables.chunks(url, _ROWS_WITH_IMAGES if columns.image else _ROWS_WITHOUT):
            yield Shard(
                id=_label(input, name, piece.first),
                input=input,
                reader=self.id,
                file=name,
                start=f"{piece.first}:{piece.start}",
                stop=piece.stop,
                rows=piece.rows,
                version=version if is_whole else _with_images(version, url, piece, RowReader(input, name, columns)),
            )

    def _rows(self, shard: Shard) -> Iterator[Sample | Unreadable]:
        url = files.join(shard.input.url, shard.file)
        columns = Columns.find(tables.columns(url), shard.input.options, where=shard.file)
        first, start = (int(number) for number in str(shard.start).split(":"))
        row_of = RowReader(shard.input, shard.file, columns)
        number = first
        try:
            for row in tables.rows(url, Chunk(first, shard.rows, start, int(shard.stop or 0))):
                yield from row_of(row, number)
                number += 1
        except DatasetError as error:
            yield row_of.broken(number, f"the table breaks off here: {error}")

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


def _usable(input: Input, name: str) -> bool:
    """Whether a table has an image or URL column. A table that cannot be read counts, and becomes an unreadable row."""
    if _damage(input, name):
        return True
    try:
        Columns.find(tables.columns(files.join(input.url, name)), input.options, where=name)
    except DatasetError:
        return False
    return True


def _damage(input: Input, name: str) -> str | None:
    """Why a table of the input cannot be read; None if it can."""
    try:
        if not files.is_remote(input.url):
            files.inside(input.url, name, follow_links=input.options.follow_links)
        tables.columns(files.join(input.url, name))
    except (DatasetError, SampleError) as error:
        return f"the table cannot be read: {error}".replace(f"{input.url}/", "")
    return None


def _with_images(version: str, url: str, piece: Chunk, row_of: RowReader) -> str:
    """The version of a piece of a table and of the images that it names."""
    total = hashlib.sha256(version.encode())
    try:
        for row in tables.rows(url, piece, (row_of.columns.image or "",)):
            for signature in row_of.image_signatures(row):
                total.update(signature.encode("utf-8", "surrogatepass"))
    except DatasetError as error:  # reading it gives a row with the reason
        total.update(str(error).encode("utf-8", "surrogatepass"))
    return total.hexdigest()


def _label(input: Input, name: str, first: int) -> str:
    return f"{listing.label('table', input, name)}-{first:010d}"


@lru_cache(maxsize=4)
def _listed(reader: type[Table], input: Input, version: str) -> np.ndarray:
    """The sorted hashes (uint64) of all image names in the tables, at eight bytes per name."""
    hashes: list[np.uint64] = []
    for name in reader()._tables(input):
        if not input.only and _damage(input, name):
            continue
        url = files.join(input.url, name)
        columns = Columns.find(tables.columns(url), input.options, where=name)
        if columns.image is None or tables.embeds(url, columns.image):
            continue
        row_of = RowReader(input, name, columns)
        for piece in tables.chunks(url, _ROWS_WITHOUT):
            for row in tables.rows(url, piece, (columns.image,)):
                hashes.extend(_hash(path) for name in row_of.names(row) for path in row_of.below_input(name))
    return np.sort(np.array(hashes, dtype=np.uint64))


def _hash(name: str) -> np.uint64:
    return np.uint64(int.from_bytes(hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()))
