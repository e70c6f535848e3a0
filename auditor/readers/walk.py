"""Walks a folder of images in a fixed order, from any point on, and splits the walk into shards.

Paths are ordered by their components. A link to a folder inside the dataset is skipped, because the folder itself is
walked. A link that leaves the dataset is followed with --follow-links; otherwise it is listed, and refused when read.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from auditor.plugin import Input, Shard
from auditor.storage import files, names

# Content-defined chunking: the checksum of a name decides whether a shard ends after it. A file that is added to a
# folder then changes one shard only, so that little is scanned again.
_MEAN_SHARD_ROWS = 256
_MAX_SHARD_ROWS = 1024


@dataclass(frozen=True, slots=True)
class ImageFile:
    """An image's name below the input, and the stat signatures of the file and its side-cars."""

    name: str
    stat_signature: str


def images(input: Input, start: str = "") -> Iterator[ImageFile]:
    """Every image of an input from `start` (inclusive) on: the named files, or all files below the folder."""
    if input.only:
        listed = {entry.name: entry.stat_signature for entry in files.all_entries(input.url)}
        yield from (ImageFile(name, listed.get(name, "")) for name in sorted(input.only) if name >= start)
    else:
        first = tuple(start.split("/")) if start else ()
        yield from _walk(input.url, "", first, input.options.follow_links, (input.url,))


def _walk(base: str, folder: str, start: tuple[str, ...], follow: bool, above: tuple[str, ...]) -> Iterator[ImageFile]:
    first = start[0] if start else ""
    listing = files.entries(files.join(base, folder))
    sidecars = {
        entry.name: entry.stat_signature for entry in listing if entry.name.endswith((".txt", ".caption", ".json"))
    }
    for entry in listing:
        if entry.name < first:
            continue
        name = f"{folder}/{entry.name}" if folder else entry.name
        if not entry.is_folder:
            if _is_image(files.join(base, name)):
                stem = names.stem(entry.name)
                beside = [sidecars.get(f"{stem}.{suffix}", "") for suffix in ("txt", "caption", "json")]
                yield ImageFile(name, "|".join([entry.stat_signature, *beside]))
            continue
        if entry.is_link:
            real = os.path.realpath(files.join(base, name))
            if Path(real).is_relative_to(base) or (follow and real in above):
                continue
            if not follow:
                yield ImageFile(name, "a link to a folder outside")
                continue
        deeper = start[1:] if entry.name == first else ()
        yield from _walk(base, name, deeper, follow, (*above, os.path.realpath(files.join(base, name))))


def _is_image(url: str) -> bool:
    """Whether a file is an image: by its suffix or, if that is unknown, by its first bytes."""
    if names.is_image(url):
        return True
    return names.may_be_image(url) and names.starts_like_image(files.head(url, names.HEAD))


def cut(input: Input, reader: str, images: Iterator[ImageFile]) -> Iterator[Shard]:
    """The shards of a walk, or of the images in it that a reader selects."""
    run: list[ImageFile] = []
    for item in images:
        run.append(item)
        if len(run) >= _MAX_SHARD_ROWS or zlib.crc32(os.fsencode(item.name)) % _MEAN_SHARD_ROWS == 0:
            yield _shard(input, reader, run)
            run = []
    if run:
        yield _shard(input, reader, run)


def _shard(input: Input, reader: str, run: list[ImageFile]) -> Shard:
    total = hashlib.sha256()
    for item in run:
        total.update(os.fsencode(f"{item.name}\0{item.stat_signature}\n"))
    label = hashlib.sha256(os.fsencode(f"{input.name}\0{run[0].name}")).hexdigest()[:16]
    return Shard(
        id=f"images-{label}",
        input=input,
        reader=reader,
        start=run[0].name,
        stop=run[-1].name,
        rows=len(run),
        version=total.hexdigest(),
    )


def run(shard: Shard) -> Iterator[ImageFile]:
    """The images of a shard that `cut` made."""
    last = _order(str(shard.stop))
    return itertools.takewhile(lambda file: _order(file.name) <= last, images(shard.input, str(shard.start)))


def _order(name: str) -> tuple[str, ...]:
    return tuple(name.split("/"))
