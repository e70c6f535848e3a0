"""Walks a folder of images in a fixed order, from any point on, and splits the walk into shards.

Paths are ordered by their components. A link to a folder inside the dataset is skipped, because the folder itself is
walked. A link that leaves the dataset is followed with --follow-links; otherwise it is listed, and refused when read.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import zlib
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from auditor.plugin import Input, Shard
from auditor.storage import files, names
from auditor.storage.files import Entry

# Content-defined chunking: the checksum of a name decides whether a shard ends after it. A file that is added to a
# folder then changes one shard only, so that little is scanned again. The first shards are short, so that a small
# folder gives work to every processor.
_MEAN_SHARD_ROWS, _MEAN_FIRST_SHARD_ROWS = 256, 32
_FIRST_ROWS = 1024  # of a walk, in short shards
_MIN_SHARD_ROWS = 16  # fewer rows cost less than starting a worker for them
_MAX_SHARD_ROWS = 1024


@dataclass(frozen=True, slots=True)
class ImageFile:
    """An image's name below the input, and the stat signatures of the file and its sidecars."""

    name: str
    stat_signature: str


@dataclass(frozen=True, slots=True)
class Found:
    """Something that a walk finds below an input: a file, a link to a folder outside, or anything hidden.

    sidecars: stat signatures of the texts in the same folder, by name.
    """

    name: str
    entry: Entry
    sidecars: Mapping[str, str]


def images(input: Input, start: str = "") -> Iterator[ImageFile]:
    """Every image of an input from `start` (inclusive) on: the named files, or all files below the folder."""
    if input.only:
        listed = {entry.name: entry.stat_signature for entry in files.all_entries(input.url)}
        yield from (ImageFile(name, listed.get(name, "")) for name in sorted(input.only) if name >= start)
        return
    for found in everything(input, start):
        if found.entry.is_folder and not found.entry.is_hidden:
            yield ImageFile(found.name, "a folder that is not entered")
        elif is_image(input, found):
            texts = names.sidecars_of(found.entry.name, input.options.caption_col) if found.sidecars else ()
            beside = filter(None, map(found.sidecars.get, texts))
            yield ImageFile(found.name, "|".join([found.entry.stat_signature, *beside]))


def everything(input: Input, start: str = "") -> Iterator[Found]:
    """All that is below the folder of an input, in the order of the walk, from `start` (inclusive) on. Hidden folders
    are not entered."""
    first = tuple(start.split("/")) if start else ()
    return _walk(input, "", first, (input.url,))


def is_image(input: Input, found: Found) -> bool:
    """Whether a file is an image: by its suffix or, if that is unknown, by its first bytes."""
    if found.entry.is_hidden or found.entry.is_folder:
        return False
    if names.is_image(found.name):
        return True
    return names.may_be_image(found.name) and names.starts_like_image(
        files.head(files.join(input.url, found.name), names.HEAD)
    )


def _walk(input: Input, folder: str, start: tuple[str, ...], above: tuple[str, ...]) -> Iterator[Found]:
    base, follow = input.url, input.options.follow_links
    url = files.join(base, folder)
    first = start[0] if start else ""
    listing, sidecars = files.all_entries(url), files.sidecars(url, names.text_suffix(input.options.caption_col))
    for number in range(bisect_left(listing, first, key=lambda entry: entry.name), len(listing)):
        entry = listing[number]
        name = f"{folder}/{entry.name}" if folder else entry.name
        if entry.is_hidden or not entry.is_folder:
            yield Found(name, entry, sidecars)
            continue
        if entry.is_link:
            real = os.path.realpath(files.join(base, name))
            if Path(real).is_relative_to(base) or (follow and real in above):
                continue
            if not follow:
                yield Found(name, entry, sidecars)
                continue
        if not files.is_listable(files.join(base, name)):
            yield Found(name, entry, sidecars)  # a row that gives the reason
            continue
        deeper = start[1:] if entry.name == first else ()
        yield from _walk(input, name, deeper, (*above, os.path.realpath(files.join(base, name))))


def cut(input: Input, reader: str, images: Iterator[ImageFile]) -> Iterator[Shard]:
    """The shards of a walk, or of the images in it that a reader selects."""
    run: list[ImageFile] = []
    for number, item in enumerate(images):
        run.append(item)
        mean = _MEAN_FIRST_SHARD_ROWS if number < _FIRST_ROWS else _MEAN_SHARD_ROWS
        is_end = len(run) >= _MIN_SHARD_ROWS and zlib.crc32(os.fsencode(item.name)) % mean == 0
        if is_end or len(run) >= _MAX_SHARD_ROWS:
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
