"""Reads selected rows of a dataset again, as samples that can be opened: for labelling and for the report's gallery.

A row is identified by its shard and its number in it: readers give every row once and in a stable order, and a part of
evidence has the same order. Keys are not unique.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from auditor import readers
from auditor.plugin import Shard
from auditor.types import Sample, Unreadable


class RowRef(NamedTuple):
    """The address of a row: the id of its shard (and part of evidence), and its number in both."""

    shard: str
    number: int


def pick(
    shards: Iterable[Shard], wanted: Mapping[str, Collection[int]]
) -> Iterator[tuple[RowRef, Sample | Unreadable]]:
    """The wanted rows (shard -> numbers), shard after shard; fewer if a shard is gone or has become shorter.

    The content of an item must be read before the next item is requested.
    """
    for shard in shards:
        numbers = frozenset(wanted.get(shard.id, ()))
        if not numbers:
            continue
        last = max(numbers)
        for number, item in enumerate(readers.read(shard)):
            if number in numbers:
                yield RowRef(shard.id, number), item
            if number >= last:
                break
