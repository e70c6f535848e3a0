"""Bounding an audit to whole shards: tars, numbered shards, pieces of tables, runs of images, as readers cut them.

A dataset of thousands of tars cannot be opened everywhere, as rows drawn one by one ask for; some of its shards can be
read whole. They are drawn by a hash of their names (drawing.py), before any is opened: a larger draw holds the smaller.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from auditor.plugin import Shard
from auditor.sampling.order import sampling_rank


@dataclass(frozen=True, slots=True)
class ShardSamplePlan:
    """So many shards of all `of`. names: a digest over the names of all, the only thing that is known of the others."""

    read: int
    of: int
    names: str


def sample_shards(shards: Sequence[Shard], most: int, seed: int) -> tuple[tuple[Shard, ...], ShardSamplePlan | None]:
    """The `most` shards that come first in the drawing order, in the dataset's; None where that is all of them."""
    if most >= len(shards):
        return tuple(shards), None
    names = [name(shard) for shard in shards]
    first = sorted(range(len(shards)), key=lambda number: (sampling_rank(names[number], seed), names[number]))[:most]
    digest = hashlib.sha256("\n".join(sorted(names)).encode("utf-8", "surrogatepass")).hexdigest()
    return tuple(shards[number] for number in sorted(first)), ShardSamplePlan(most, len(shards), digest)


def name(shard: Shard) -> str:
    """What a shard is drawn by: its file below the input and where in it it begins, whatever the input is called."""
    return f"{shard.input.prefix}{shard.file}#{shard.start}"
