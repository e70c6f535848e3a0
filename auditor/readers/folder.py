"""A folder of images, read recursively, or single image files.

Every file with an image's suffix is a row; its format is found from its content. The caption comes from a sidecar
file: `name.txt`, `name.caption` or `name.json`, whose other fields (such as `url`) become fields of the row. Links that
leave the folder give unreadable rows unless --follow-links is given.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from auditor.errors import SampleError
from auditor.plugin import Input, Reader, Shard
from auditor.readers import unopened_archives, walk
from auditor.readers.columns import URL, as_text, by_alias, caption_beside, caption_of_image, declared, weight
from auditor.storage import files, names
from auditor.storage.content import FileContent
from auditor.types import Sample, Unreadable

_SIDECAR_LIMIT = 1 << 20


class Folder(Reader):
    """See the module."""

    id = "folder"

    def accepts(self, input: Input) -> bool:
        """Any folder, or named files that are all images."""
        return all(names.is_image(name) or names.may_be_image(name) for name in input.only)

    def shards(self, input: Input) -> Iterator[Shard]:
        """Runs of images in walking order, then archives."""
        yield from walk.cut(input, self.id, walk.images(input))
        yield from unopened_archives.shards(input, self.id)

    def read(self, shard: Shard) -> Iterator[Sample | Unreadable]:
        """One sample per image."""
        if unopened_archives.is_archive(shard):
            yield unopened_archives.row(shard)
            return
        for file in walk.run(shard):
            yield sample(shard.input, file.name)


def sample(input: Input, name: str, extra: Mapping[str, Any] | None = None) -> Sample:
    """The sample of one image file below an input, with its sidecars. extra: the manifest's fields for it."""
    row = {**_sidecar_json(input, name), **(extra or {})}
    options = input.options
    url = as_text(row.get(options.url_col)) if options.url_col else by_alias(row, URL)
    path = input.prefix + name
    caption, beside = caption_of_image(row, options.caption_col, partial(_sidecar_text, input, name))
    return Sample(
        key=path,
        source=input.prefix + (files.parent(name) or "."),
        image=path,
        content=FileContent(input.url, name, options.follow_links),
        caption=caption,
        url=url,
        row=row,
        declared=declared(row, options),
        weight=weight(row, options),
        text_beside=beside,
    )


def _beside(input: Input, name: str, suffix: str) -> str | None:
    """The name of a text beside an image; None without one."""
    folder = files.parent(name)
    url = files.join(input.url, folder)
    if not files.sidecars(url, names.text_suffix(input.options.caption_col)):
        return None
    here = files.names(url)
    for wanted in names.sidecars_of(name.rpartition("/")[2], suffixes=(suffix,)):
        for spelling in (wanted,) if wanted.isascii() else names.spellings(wanted):
            if spelling in here:
                return f"{folder}/{spelling}" if folder else spelling
    return None


def _sidecar_text(input: Input, name: str, suffixes: Sequence[str]) -> str | None:
    """The first text beside an image that is not blank."""
    return next((text for suffix in suffixes if (text := caption_beside(_sidecar(input, name, suffix)))), None)


def _sidecar_json(input: Input, name: str) -> dict[str, Any]:
    data = _sidecar(input, name, "json")
    try:
        content = json.loads(data) if data else {}
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _sidecar(input: Input, name: str, suffix: str) -> bytes | None:
    sidecar = _beside(input, name, suffix)
    if sidecar is None:
        return None
    try:
        return FileContent(input.url, sidecar, input.options.follow_links).read(_SIDECAR_LIMIT)
    except SampleError:
        return None
