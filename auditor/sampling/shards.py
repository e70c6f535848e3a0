"""Cluster sampling: audits shards (tars, numbered shards, parts of tables, runs of images, as the reader cuts them), or
a sample of their rows (two-stage sampling).

Sampling single rows would open every tar of a dataset and read every key of a manifest; sampling shards opens only some
of them. Shards are drawn by a hash of their names (order.py) before any is opened, so a larger sample contains every
smaller one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from auditor.config import MANY_ROWS, USUAL_SHARDS, SamplingConfig
from auditor.plugin import Shard
from auditor.sampling.order import sampling_rank


@dataclass(frozen=True, slots=True)
class ShardSamplePlan:
    """`read` of `of` shards. names: a digest of the names of all shards, because nothing else is known of the
    others."""

    read: int
    of: int
    names: str


def with_two_stages(sampling: SamplingConfig, shards: Sequence[Shard]) -> SamplingConfig:
    """The options with `sample_shards`, if rows of a very large manifest are to be fetched: reading all of it would
    take hours."""
    known = [shard.rows for shard in shards if shard.rows is not None]
    is_large = sum(known) > MANY_ROWS and len(shards) > USUAL_SHARDS
    if not is_large or not sampling.fetch or sampling.sample_shards:
        return sampling
    return replace(sampling, sample_shards=USUAL_SHARDS)


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
