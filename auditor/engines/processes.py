"""Runs shards in worker processes on this machine, one shard per worker at a time.

A worker that dies (a decoder crashes, the kernel runs out of memory) costs one row, not the scan. The interrupted
shards are run again, each in its own process and with crash tracking (isolated.py); a row that crashes its worker again
becomes an unreadable row.
"""

from __future__ import annotations

import itertools
import multiprocessing
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool

from auditor.engines import worker
from auditor.engines.isolated import run_isolated
from auditor.engines.machine import usable_workers
from auditor.errors import ConfigError
from auditor.plugin import Engine, R, Shard, ShardTask

_QUEUED_PER_WORKER = 2  # shards, so that no worker waits


class Processes(Engine):
    """See the module."""

    id = "processes"

    def __init__(self, workers: int | None = None) -> None:
        """Raises ConfigError in a process that may start no others (a worker of multiprocessing.Pool)."""
        if multiprocessing.current_process().daemon:
            raise ConfigError('`engine`: a daemonic process cannot start others: use engine="serial"')
        super().__init__(workers or usable_workers())

    def run(self, shards: Iterable[Shard], task: ShardTask[R]) -> Iterator[R]:
        """The results, as shards finish. The pool is rebuilt after a crash."""
        remaining = iter(shards)
        interrupted_shards: list[Shard] = []
        while True:
            yield from self._until_broken(remaining, task, interrupted_shards)
            if not interrupted_shards:
                return
            for shard in interrupted_shards:
                yield run_isolated(shard, task)
            interrupted_shards.clear()

    def _until_broken(
        self, shards: Iterator[Shard], task: ShardTask[R], interrupted_shards: list[Shard]
    ) -> Iterator[R]:
        """Results until all shards are done or a worker dies. Then `interrupted_shards` holds the unfinished ones."""
        unrelated = set(multiprocessing.active_children())
        pool = ProcessPoolExecutor(self.workers, multiprocessing.get_context("spawn"), initializer=worker.begin)
        running: dict[Future[R], Shard] = {}

        def submit(count: int) -> None:
            for shard in itertools.islice(shards, count):
                try:
                    with worker.without_main():
                        running[pool.submit(task, shard)] = shard
                except BrokenProcessPool:
                    interrupted_shards.append(shard)

        try:
            submit(self.workers * _QUEUED_PER_WORKER)
            while running:
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    shard = running.pop(future)
                    try:
                        result = future.result()
                    except BrokenProcessPool:
                        interrupted_shards.append(shard)
                        continue
                    yield result
                    submit(0 if interrupted_shards else 1)
        except BaseException:  # an error, Ctrl-C or a closed iterator: do not wait for workers to finish their shards
            for child in set(multiprocessing.active_children()) - unrelated:
                child.terminate()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
