"""Walking a folder of images in one fixed order, from any point of it on, and cutting the walk into shards.

Paths are ordered by their components. A link to a folder inside the dataset is passed over, for what it shows is
walked where it lies; one that leaves the dataset is followed with --follow-links, and otherwise named (and refused
when read).
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
from auditor.storage import files

# A shard ends behind a name whose checksum says so, not after a fixed count: a file added to a folder then changes
# the shard it falls into and no other (content-defined chunking), so little is scanned again.
_CUT_EVERY = 256
_AT_MOST = 1024


@dataclass(frozen=True, slots=True)
class Found:
    """A file's name below the input, and what tells whether it or its side-cars changed."""

    name: str
    stat_signature: str


def images(input: Input, start: str = "") -> Iterator[Found]:
    """Every image of an input from `start` (inclusive) on: the files that were named, or all below its folder."""
    if input.only:
        listed = {entry.name: entry.stat_signature for entry in files.entries(input.url)}
        yield from (Found(name, listed.get(name, "")) for name in sorted(input.only) if name >= start)
    else:
        first = tuple(start.split("/")) if start else ()
        yield from _walk(input.url, "", first, input.options.follow_links, (input.url,))


def _walk(base: str, folder: str, start: tuple[str, ...], follow: bool, above: tuple[str, ...]) -> Iterator[Found]:
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
            if files.is_image_name(entry.name):
                stem = entry.name.rpartition(".")[0]
                beside = [sidecars.get(f"{stem}.{suffix}", "") for suffix in ("txt", "caption", "json")]
                yield Found(name, "|".join([entry.stat_signature, *beside]))
            continue
        if entry.is_link:
            real = os.path.realpath(files.join(base, name))
            if Path(real).is_relative_to(base) or (follow and real in above):
                continue
            if not follow:
                yield Found(name, "a link to a folder outside")
                continue
        deeper = start[1:] if entry.name == first else ()
        yield from _walk(base, name, deeper, follow, (*above, os.path.realpath(files.join(base, name))))


def cut(input: Input, reader: str, found: Iterator[Found]) -> Iterator[Shard]:
    """Shards over a walk, or over the part of one that a reader picks."""
    run: list[Found] = []
    for item in found:
        run.append(item)
        if len(run) >= _AT_MOST or zlib.crc32(os.fsencode(item.name)) % _CUT_EVERY == 0:
            yield _shard(input, reader, run)
            run = []
    if run:
        yield _shard(input, reader, run)


def _shard(input: Input, reader: str, run: list[Found]) -> Shard:
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


def run(shard: Shard) -> Iterator[Found]:
    """The images between the first and the last of a shard that `cut` made."""
    last = _order(str(shard.stop))
    return itertools.takewhile(lambda found: _order(found.name) <= last, images(shard.input, str(shard.start)))


def _order(name: str) -> tuple[str, ...]:
    return tuple(name.split("/"))
