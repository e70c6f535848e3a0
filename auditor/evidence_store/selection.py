"""Some rows of a dataset again, as samples that can be opened: for people to label, for the report's gallery.

A row is named by its shard and its number within it, because a reader gives every row once and in a stable order, and
a part of evidence holds them in the same order; keys may occur twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from auditor import registry
from auditor.plugin import Reader, Shard
from auditor.types import Sample, Unreadable


class RowRef(NamedTuple):
    """Where a row is: the shard's id, which names the part of evidence too, and the row's number in both."""

    shard: str
    number: int


def pick(
    shards: Iterable[Shard], wanted: Mapping[str, Collection[int]]
) -> Iterator[tuple[RowRef, Sample | Unreadable]]:
    """The wanted rows, shard -> numbers, shard after shard. A shard that is gone or has become shorter gives fewer.

    What comes is as the reader gives it: its content is to be read before the next one is asked for.
    """
    for shard in shards:
        numbers = frozenset(wanted.get(shard.id, ()))
        if not numbers:
            continue
        last = max(numbers)
        reader: Reader = registry.load("readers", shard.reader)()
        for number, item in enumerate(reader.read(shard)):
            if number in numbers:
                yield RowRef(shard.id, number), item
            if number >= last:
                break
