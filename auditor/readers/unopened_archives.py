"""Archives beside loose images: each is reported as one unreadable row and not opened.

Usually the images were unpacked from them, and reading both would count every image twice. The row's reason says how
to read an archive that is not such a copy.
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.plugin import Input, Shard
from auditor.readers import listing
from auditor.storage import files, names
from auditor.types import Unreadable

_REASON = "an archive beside loose images is not opened: give it as a separate input"


def shards(input: Input, reader: str) -> Iterator[Shard]:
    """One shard per archive below the input, for a reader whose `read` passes it to `row`."""
    if not input.only:
        for name in listing.named(input, names.is_archive):
            id, version = listing.label("archive", input, name), files.stat_signature(files.join(input.url, name))
            yield Shard(id, input, reader, name, rows=1, version=version)


def is_archive(shard: Shard) -> bool:
    """Whether a shard is one of these archives."""
    return not shard.input.only and names.is_archive(shard.file)


def row(shard: Shard) -> Unreadable:
    """The unreadable row for an archive."""
    place = shard.input.prefix + shard.file
    return Unreadable(place, shard.input.prefix + (files.parent(shard.file) or "."), place, _REASON)
