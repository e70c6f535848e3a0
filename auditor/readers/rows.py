"""Turns rows of a table into samples: image, key, caption and fields."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator, Mapping
from typing import Any

from auditor.plugin import Input
from auditor.readers.columns import Columns, as_text, declared, weight
from auditor.storage import files
from auditor.storage.content import BytesContent, FileContent
from auditor.storage.tables import BadRow
from auditor.storage.urls import domain
from auditor.types import Content, Sample, Unreadable


class RowReader:
    """Turns rows of one table into samples."""

    def __init__(self, input: Input, file: str, columns: Columns) -> None:
        self.input = input
        self.file = file
        self.columns = columns
        self.base = files.normalise(input.options.base_dir) if input.options.base_dir else input.url
        self.folder = "" if input.options.base_dir else files.parent(file)

    def __call__(self, row: Mapping[str, Any] | BadRow, number: int) -> Iterator[Sample | Unreadable]:
        """One sample per row; or one per image if the row holds a list of images."""
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
            for index, item in enumerate(image):
                yield self._sample(row, number, item, key, f"#{index}")

    def broken(self, number: int, reason: str) -> Unreadable:
        """A row that cannot be read, named by its number (from 0)."""
        place = self._row_name(number)
        return Unreadable(place, files.parent(self.file) or ".", place, f"row {number}: {reason}")

    def names(self, row: Mapping[str, Any] | BadRow) -> Iterator[str]:
        """The names, below the base folder, of the local images in a row."""
        image = row.get(self.columns.image) if self.columns.image and not isinstance(row, BadRow) else None
        for item in image if isinstance(image, list) else [image]:
            if isinstance(name := _unpacked(item), str) and name and not files.is_web(name):
                yield self._below_base(name)

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
        self, row: Mapping[str, Any], number: int, image: Any, key: str | None, suffix: str
    ) -> Sample | Unreadable:
        image = _unpacked(image)
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
            name = self._below_base(image)
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
            weight=weight(row, self.input.options),
            stripped_by="img2dataset" if is_img2dataset_row(row) else None,
        )

    def _below_base(self, name: str) -> str:
        """The image's name below the base folder. A name outside keeps its '..' or '/' and is refused when read."""
        if "://" in name:
            return name
        joined = posixpath.normpath(posixpath.join(self.folder, name))
        return joined.removeprefix(f"{self.base}/")

    def _row_name(self, number: int) -> str:
        return f"{self.input.prefix}{self.file}#{number}"


def is_img2dataset_row(row: Mapping[str, Any]) -> bool:
    """Whether a row was written by img2dataset, which re-encodes images unless told not to."""
    return "status" in row and "key" in row and ("original_width" in row or "error_message" in row)


def _unpacked(image: Any) -> Any:
    """The bytes or the path from Hugging Face's struct of both."""
    return image.get("bytes") or image.get("path") if isinstance(image, dict) else image
