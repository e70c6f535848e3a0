"""Tables of images and captions: csv, tsv, jsonl or parquet files, or a folder of them.

An image is a local path (below the table's folder, or below --base-dir), embedded bytes (binary, or Hugging Face's
`{bytes, path}`), or a list of either, which gives a row each: `key#0, key#1`. A row with a URL and no image is
audited by its metadata alone. Images in the folder that no table names are rows too. Column names are found by
alias: see readers/columns.py. A row that cannot be parsed is an unreadable row that says why.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from auditor import files, tables
from auditor.contents import BytesContent, FileContent
from auditor.errors import DatasetError, Refused
from auditor.plugin import Input, Reader, Shard
from auditor.readers import folder, listing, walk
from auditor.readers.columns import Columns, as_text, declared
from auditor.tables import BadRow, Chunk
from auditor.types import Content, Sample, Unreadable
from auditor.urls import domain

if TYPE_CHECKING:
    import numpy as np

_ROWS_WITH_IMAGES = 500
_ROWS_WITHOUT = 100_000


class Table(Reader):
    """See the module."""

    id = "table"
    others_are_rows: ClassVar[bool] = True

    def accepts(self, input: Input) -> bool:
        """Table files that were named, or a folder with a table that has an image or a URL column."""
        if input.only:
            return all(self.is_table(name) for name in input.only)
        return listing.holds(input, self.is_table) and any(True for _ in self._tables(input))

    def is_table(self, name: str) -> bool:
        """Whether a file name is that of a table this reader takes."""
        return tables.is_table(name)

    def shards(self, input: Input) -> Iterator[Shard]:
        """Pieces of each table, then the images that none of them names."""
        found = list(self._tables(input))
        if not found:
            raise DatasetError(f"{input.name}: no table with an image or URL column in it")
        for name in found:
            yield from self._pieces(input, name)
        if self._has_others(input):
            yield from walk.cut(input, self.id, self._others(input, walk.images(input)))

    def read(self, shard: Shard) -> Iterator[Sample | Unreadable]:
        """Rows of a table, or images beside the tables."""
        if not shard.file:
            for found in self._others(shard.input, walk.run(shard)):
                yield folder.sample(shard.input, found.name)
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
            yield Shard(_label(input, name, 0), input, self.id, name, rows=1, stamp="missing")
            return
        stamp = files.stamp(url)
        if not input.only and (reason := _damage(input, name)):
            yield Shard(_label(input, name, 0), input, self.id, name, start=reason, rows=1, stamp=stamp)
            return
        columns = Columns.find(tables.columns(url), input.options, where=name)
        for piece in tables.chunks(url, _ROWS_WITH_IMAGES if columns.image else _ROWS_WITHOUT):
            yield Shard(
                id=_label(input, name, piece.first),
                input=input,
                reader=self.id,
                file=name,
                start=f"{piece.first}:{piece.start}",
                stop=piece.stop,
                rows=piece.rows,
                stamp=stamp,
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
        return self.others_are_rows and not input.only and any(True for _ in walk.images(input))

    def _others(self, input: Input, found: Iterator[walk.Found]) -> Iterator[walk.Found]:
        import numpy as np

        listed = _listed(type(self), input, files.stamp(*(files.join(input.url, name) for name in self._tables(input))))
        for item in found:
            if not len(listed) or listed[np.searchsorted(listed, _hash(item.name)) % len(listed)] != _hash(item.name):
                yield item


class RowReader:
    """Turns rows of one table into samples."""

    def __init__(self, input: Input, file: str, columns: Columns) -> None:
        self.input = input
        self.file = file
        self.columns = columns
        self.base = files.normalise(input.options.base_dir) if input.options.base_dir else input.url
        self.folder = "" if input.options.base_dir else files.parent(file)

    def __call__(self, row: Mapping[str, Any] | BadRow, number: int) -> Iterator[Sample | Unreadable]:
        """One sample a row, or one an image where the row holds a list of them."""
        if isinstance(row, BadRow):
            yield self.broken(number, row.reason)
            return
        image = row.get(self.columns.image) if self.columns.image else None
        key = as_text(row.get(self.columns.id)) if self.columns.id else None
        if not isinstance(image, list):
            yield self._sample(row, number, image, key, "")
        elif not image:
            yield self._sample(row, number, None, key, "")
        else:
            for index, one in enumerate(image):
                yield self._sample(row, number, one, key, f"#{index}")

    def broken(self, number: int, reason: str) -> Unreadable:
        """A row that cannot be read, named by its number (from 0)."""
        place = self._row_name(number)
        return Unreadable(place, files.parent(self.file) or ".", place, f"row {number}: {reason}")

    def names(self, row: Mapping[str, Any] | BadRow) -> Iterator[str]:
        """The local images that a row names, below the input."""
        image = row.get(self.columns.image) if self.columns.image and not isinstance(row, BadRow) else None
        for one in image if isinstance(image, list) else [image]:
            if isinstance(one, str) and one and not files.is_web(one):
                yield self._place(one)

    def _sample(
        self, row: Mapping[str, Any], number: int, image: Any, key: str | None, suffix: str
    ) -> Sample | Unreadable:
        if isinstance(image, dict):
            image = image.get("bytes") or image.get("path")
        url = as_text(row.get(self.columns.url)) if self.columns.url else None
        here = self._row_name(number) + suffix
        content: Content | None = None
        place, source = url or here, self.input.prefix + self.file
        if isinstance(image, bytes):
            content, place = BytesContent(image), here
        elif isinstance(image, str) and files.is_web(image):
            url = url or image
            place = url
        elif isinstance(image, str) and image:
            name = self._place(image)
            content = FileContent(self.base, name, self.input.options.follow_links)
            place, source = self.input.prefix + name, self.input.prefix + (files.parent(name) or ".")
        key = f"{key}{suffix}" if key else here if content is None else place
        if content is None and url is None:
            return Unreadable(key, source, here, f"row {number}: no image in sample, and no URL")
        return Sample(
            key=key,
            source=domain(url) if url else source,
            image=place,
            content=content,
            caption=as_text(row.get(self.columns.caption)) if self.columns.caption else None,
            url=url,
            row={name: value for name, value in row.items() if name != self.columns.image},
            declared=declared(row, self.input.options),
            stripped_by="img2dataset" if is_img2dataset_row(row) else None,
        )

    def _place(self, name: str) -> str:
        """Where a named image lies below the base; what leaves it keeps its '..' or '/' and is refused when read."""
        if "://" in name:
            return name
        joined = posixpath.normpath(posixpath.join(self.folder, name))
        return joined.removeprefix(f"{self.base}/")

    def _row_name(self, number: int) -> str:
        return f"{self.input.prefix}{self.file}#{number}"


def is_img2dataset_row(row: Mapping[str, Any]) -> bool:
    """Whether a row was written by img2dataset, which re-encodes images unless told not to."""
    return "status" in row and "key" in row and ("original_width" in row or "error_message" in row)


def _usable(input: Input, name: str) -> bool:
    """Whether a table has an image or a URL column; one that cannot be read may have, and becomes a row."""
    if _damage(input, name):
        return True
    try:
        Columns.find(tables.columns(files.join(input.url, name)), input.options, where=name)
    except DatasetError:
        return False
    return True


def _damage(input: Input, name: str) -> str | None:
    """Why a table that lies in the input cannot be read, or None if it can."""
    try:
        if not files.is_remote(input.url):
            files.inside(input.url, name, follow_links=input.options.follow_links)
        tables.columns(files.join(input.url, name))
    except (DatasetError, Refused) as error:
        return f"the table cannot be read: {error}".replace(f"{input.url}/", "")
    return None


def _label(input: Input, name: str, first: int) -> str:
    digest = hashlib.sha256(f"{input.name}\0{name}".encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return f"table-{digest}-{first:010d}"


@lru_cache(maxsize=4)
def _listed(reader: type[Table], input: Input, stamp: str) -> np.ndarray:
    """Hashes of every image name that the tables hold, sorted: eight bytes a name, whatever the dataset's size."""
    import numpy as np

    found: list[np.uint64] = []
    for name in reader()._tables(input):
        if not input.only and _damage(input, name):
            continue
        url = files.join(input.url, name)
        columns = Columns.find(tables.columns(url), input.options, where=name)
        if columns.image is None or tables.holds_bytes(url, columns.image):
            continue
        row_of = RowReader(input, name, columns)
        for piece in tables.chunks(url, _ROWS_WITHOUT):
            found.extend(
                _hash(place) for row in tables.rows(url, piece, (columns.image,)) for place in row_of.names(row)
            )
    return np.sort(np.array(found, dtype=np.uint64))


def _hash(name: str) -> np.uint64:
    import numpy as np

    return np.uint64(int.from_bytes(hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()))
