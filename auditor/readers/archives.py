"""Archives that lie beside loose images: named one by one as rows, never opened.

Most often they are what the images were unpacked from, and opening them would count everything twice; where they are
not, the row says how to have them read.
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.plugin import Input, Shard
from auditor.readers import listing, tar
from auditor.storage import files
from auditor.types import Unreadable

_REASON = "an archive beside loose images is not opened: give it as an input of its own"


def shards(input: Input, reader: str) -> Iterator[Shard]:
    """One an archive below the input, for a reader whose `read` hands them to `row`."""
    if not input.only:
        for name in listing.named(input, tar.is_tar):
            id, version = listing.label("archive", input, name), files.stat_signature(files.join(input.url, name))
            yield Shard(id, input, reader, name, rows=1, version=version)


def is_one(shard: Shard) -> bool:
    """Whether a shard is such an archive."""
    return not shard.input.only and tar.is_tar(shard.file)


def row(shard: Shard) -> Unreadable:
    """The row that an archive is."""
    place = shard.input.prefix + shard.file
    return Unreadable(place, shard.input.prefix + (files.parent(shard.file) or "."), place, _REASON)
