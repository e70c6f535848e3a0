"""Turns rows of a table into samples: image, key, caption and fields."""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Any

from auditor.plugin import Input
from auditor.readers import cells
from auditor.readers.columns import Columns, as_text, declared, weight
from auditor.storage import files
from auditor.storage.content import BytesContent, FileContent, UnavailableContent
from auditor.storage.tables import BadRow
from auditor.storage.urls import absolute, domain, is_address
from auditor.types import Content, Sample, Unreadable

MAX_TEXT = 1 << 16  # characters of a caption or another field
MAX_KEY = 1024
NOT_UTF8 = "the table's text is not UTF-8: save it so, or captions have odd characters"
_UNDECODED = re.compile("[\udc80-\udcff]")  # bytes that are no UTF-8, as Python reads them
RESPELLED = "the image's name is spelled differently on disk (backslashes, spaces, accents or percent-encoding)"


class RowReader:
    """Turns rows of one table into samples."""

    def __init__(self, input: Input, file: str, columns: Columns, folder: str) -> None:
        """folder: what image names are relative to, below the base folder (image_base.py)."""
        self.input = input
        self.file = file
        self.columns = columns
        self._held = frozenset(columns.local)
        self._images = [(name, f":{name}" if name in columns.others else "") for name in columns.images or ("",)]
        self.base = files.normalise(input.options.base_dir) if input.options.base_dir else input.url
        self.folder = folder

    def __call__(self, row: Mapping[str, Any] | BadRow, number: int) -> Iterator[Sample | Unreadable]:
        """One sample per image: per row or, if the row holds a list of images or several columns of them, several."""
        problem = row.reason if isinstance(row, BadRow) else self.columns.lacks
        if problem or isinstance(row, BadRow):
            yield self.broken(number, problem)
            return
        key = _bounded_key(as_text(row.get(self.columns.id))) if self.columns.id else None
        for column, suffix in self._images:
            value = row.get(column)
            if suffix and not value:
                continue
            images = cells.images(value)
            if images is None:
                yield self._sample(row, number, column, value, key, suffix)
            elif not images:
                yield self._sample(row, number, column, None, key, suffix)
            else:
                for index, item in enumerate(images):
                    yield self._sample(row, number, column, item, key, f"{suffix}#{index}")

    def broken(self, number: int, reason: str) -> Unreadable:
        """A row that cannot be read, named by its number (from 0)."""
        place = self._row_name(number)
        return Unreadable(place, files.parent(self.file) or ".", place, reason)

    def names(self, row: Mapping[str, Any] | BadRow) -> Iterator[str]:
        """The names, below the base folder, of the local images in a row."""
        if not isinstance(row, BadRow):
            for column in self.columns.local:
                yield from map(self._below_base, cells.paths(row.get(column)))

    def images(self, row: Mapping[str, Any]) -> Iterator[str]:
        """What tells the images of a row apart: paths and URLs, or digests of embedded images."""
        for column in self.columns.images:
            value = row.get(column)
            for item in cells.images(value) or [value]:
                found = cells.image(item)
                if isinstance(found, bytes):
                    yield hashlib.sha256(found).hexdigest()
                elif isinstance(found, str):
                    yield found if files.is_web(found) else self._below_base(found)

    def below_input(self, name: str) -> set[str]:
        """The names of an image in a walk over the input: as given, and with the links of its folder resolved."""
        url = files.join(self.base, name)
        folder, base = files.split(url)
        spelled = url if files.is_remote(url) else os.path.normpath(url)
        prefix = f"{self.input.url}/"
        return {
            path.removeprefix(prefix)
            for path in (spelled, files.join(files.real_folder(folder), base))
            if path.startswith(prefix)
        }

    def image_signatures(self, row: Mapping[str, Any] | BadRow) -> Iterator[str]:
        """The stat signatures of the images that a row names, which change if the images do."""
        for name in self.names(row):
            is_outside = name.startswith(("/", "../")) or "://" in name
            yield f"{name}\0{'' if is_outside else files.stat_signature(files.join(self.base, name))}"

    def _sample(
        self, row: Mapping[str, Any], number: int, column: str, value: Any, key: str | None, suffix: str
    ) -> Sample | Unreadable:
        image = cells.image(value)
        url = self._url(row, column, image)
        here = self._row_name(number) + suffix
        content: Content | None = None
        place, source = url or here, self.input.prefix + self.file
        embedded, note = None, ""
        if isinstance(image, bytes):
            content, place, embedded = BytesContent(image), here, row[column]
        elif isinstance(image, cells.Undecodable):
            content, place = UnavailableContent(image.reason), here
        elif isinstance(image, str) and (column == self.columns.url or _is_address(image)):
            place = url = absolute(image)
        elif isinstance(image, str):
            name = self._below_base(image)
            note = RESPELLED if name != self._spelled(image) else ""
            content = FileContent(self.base, name, self.input.options.follow_links)
            place, source = self.input.prefix + name, self.input.prefix + (files.parent(name) or ".")
        key = f"{key}{suffix}" if key else here if content is None else place
        if content is None and url is None:
            return Unreadable(key, source, here, "no image in sample, and no URL")
        caption = _caption(row.get(self.columns.caption)) if self.columns.caption else None
        return Sample(
            key=key,
            source=domain(url) if url else source,
            image=place,
            content=content,
            caption=caption,
            url=url,
            row={
                name: cell[:MAX_TEXT] if isinstance(cell, str) else cell
                for name, cell in row.items()
                if name not in self._held and cell is not embedded
            },
            declared=declared(row, self.input.options),
            weight=weight(row, self.input.options),
            stripped_by="img2dataset" if is_img2dataset_row(row) else None,
            note=note or (NOT_UTF8 if caption and _UNDECODED.search(caption) else ""),
        )

    def _url(self, row: Mapping[str, Any], column: str, image: cells.Image) -> str | None:
        """The URL of the image in a column: the image itself if it is the column of URLs; none of a further image."""
        if self.columns.url is None or column in self.columns.others:
            return None
        found = image if column == self.columns.url else cells.image(row.get(self.columns.url))
        return absolute(found) if isinstance(found, str) else None

    def _below_base(self, name: str) -> str:
        """The image's name below the base folder, spelled as it is on disk. A name outside keeps its '..' or '/' and is
        refused when read."""
        return name if "://" in name else files.spelled_on_disk(self.base, self._spelled(name))

    def _spelled(self, name: str) -> str:
        """The image's name below the base folder, spelled as in the table. A name that begins with '/' may mean the
        dataset's own folder, as paths of web sites do."""
        joined = posixpath.normpath(posixpath.join(self.folder, name)).removeprefix(f"{self.base}/")
        if not joined.startswith("/") or files.is_remote(self.base):
            return joined
        below = posixpath.normpath(posixpath.join(self.folder, name.lstrip("/")))
        return below if files.refusal(self.base, below, follow_links=True) is None else joined

    @property
    def place(self) -> str:
        """The table's name in keys and places of rows."""
        return self.input.prefix + self.file

    def _row_name(self, number: int) -> str:
        return f"{self.place}#{number}"


def _caption(value: Any) -> str | None:
    is_text = isinstance(value, str) and value[:1] != "["
    return as_text(value[:MAX_TEXT] if is_text else cells.caption(value))


def _bounded_key(key: str | None) -> str | None:
    """The key, of which a very long one is replaced by its beginning and a digest."""
    if key is None or len(key) <= MAX_KEY:
        return key
    return f"{key[:MAX_KEY]}…{hashlib.sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


def is_img2dataset_row(row: Mapping[str, Any]) -> bool:
    """Whether a row was written by img2dataset, which re-encodes images unless told not to."""
    return "status" in row and "key" in row and ("original_width" in row or "error_message" in row)


def _is_address(image: str) -> bool:
    """Whether a text in a column of images is a URL and no path."""
    return files.is_web(image) or (image.startswith("//") and is_address(image))
