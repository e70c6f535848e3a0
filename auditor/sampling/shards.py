"""Cluster sampling: audits whole shards (tars, numbered shards, parts of tables, runs of images, as the reader cuts
them).

Sampling single rows would open every tar of a dataset; sampling shards opens only some and reads them whole. Shards are
drawn by a hash of their names (order.py) before any is opened, so a larger sample contains every smaller one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from auditor.plugin import Shard
from auditor.sampling.order import sampling_rank


@dataclass(frozen=True, slots=True)
class ShardSamplePlan:
    """`read` of `of` shards. names: a digest of the names of all shards, because nothing else is known of the
    others."""

    read: int
    of: int
    names: str


def sample_shards(shards: Sequence[Shard], read: int, seed: int) -> tuple[tuple[Shard, ...], ShardSamplePlan | None]:
    """The `read` shards with the lowest sampling ranks, in the dataset's order; the plan is None if that is all."""
    if read >= len(shards):
        return tuple(shards), None
    names = [name(shard) for shard in shards]
    by_rank = sorted(range(len(shards)), key=lambda index: (sampling_rank(names[index], seed), names[index]))
    digest = hashlib.sha256("\n".join(sorted(names)).encode("utf-8", "surrogatepass")).hexdigest()
    sample = tuple(shards[index] for index in sorted(by_rank[:read]))
    return sample, ShardSamplePlan(read, len(shards), digest)


def name(shard: Shard) -> str:
    """The name that a shard's rank is computed from: its file below the input and its start in that file. It does not
    depend on the input's own name."""
    return f"{shard.input.prefix}{shard.file}#{shard.start}"
