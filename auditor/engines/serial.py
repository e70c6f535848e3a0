"""Runs shards one after the other in this process. For debugging: an image that crashes a decoder ends the run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from auditor.plugin import Engine, R, Shard, ShardTask


class Serial(Engine):
    """See the module."""

    id = "serial"

    def run(self, shards: Iterable[Shard], task: ShardTask[R]) -> Iterator[R]:
        """The results, in order."""
        return (task(shard) for shard in shards)
