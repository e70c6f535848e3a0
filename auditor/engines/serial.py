"""One shard after the other, in this process. For debugging: an image that crashes a decoder ends the run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from auditor.plugin import Engine, R, Shard, ShardTask


class Serial(Engine):
    """See the module."""

    id = "serial"

    def run(self, shards: Iterable[Shard], work: ShardTask[R]) -> Iterator[R]:
        """In order."""
        return (work(shard) for shard in shards)
