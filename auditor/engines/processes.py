"""Worker processes on this machine, one shard each at a time.

A worker that dies (a decoder that crashes, the kernel's out-of-memory killer) costs one row, not the scan: the shards
that were in hand are done again alone, with a note of the row in hand, and the row that killed its worker once more
becomes an unreadable one.
"""

from __future__ import annotations

import itertools
import multiprocessing
import signal
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection
from typing import Any

from auditor.errors import AuditorError
from auditor.plugin import Engine, R, Shard, ShardTask

_AHEAD = 2  # shards queued a worker, so that none waits
_MOST_CRASHES = 100  # in one shard; beyond that something else than its images is wrong


class Processes(Engine):
    """See the module."""

    id = "processes"

    def run(self, shards: Iterable[Shard], work: ShardTask[R]) -> Iterator[R]:
        """As they finish. The pool is rebuilt after a crash."""
        remaining = iter(shards)
        suspects: list[Shard] = []
        while True:
            yield from self._until_broken(remaining, work, suspects)
            if not suspects:
                return
            for shard in suspects:
                yield _alone(shard, work)
            suspects.clear()

    def _until_broken(self, shards: Iterator[Shard], work: ShardTask[R], suspects: list[Shard]) -> Iterator[R]:
        """Results until the shards end, or until a worker dies: then `suspects` holds what was in hand."""
        others = set(multiprocessing.active_children())
        pool = ProcessPoolExecutor(self.workers, multiprocessing.get_context("spawn"), initializer=_ignore_interrupt)
        running: dict[Future[R], Shard] = {}

        def hand_out(count: int) -> None:
            for shard in itertools.islice(shards, count):
                try:
                    running[pool.submit(work, shard)] = shard
                except BrokenProcessPool:
                    suspects.append(shard)

        try:
            hand_out(self.workers * _AHEAD)
            while running:
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    shard = running.pop(future)
                    try:
                        result = future.result()
                    except BrokenProcessPool:
                        suspects.append(shard)
                        continue
                    yield result
                    hand_out(0 if suspects else 1)
        except BaseException:  # an error, Ctrl-C, or nobody wants the rest: workers must not finish their shards first
            for child in set(multiprocessing.active_children()) - others:
                child.terminate()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _alone(shard: Shard, work: ShardTask[R]) -> R:
    """One shard in a process of its own, again and again without the rows that kill it."""
    context = multiprocessing.get_context("spawn")
    work = work.with_crash_tracking()
    for _ in range(_MOST_CRASHES):
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_send, args=(work, shard, theirs))
        process.start()
        theirs.close()
        try:
            outcome: R | Exception = ours.recv()
        except EOFError:
            process.join()
            work = work.excluding_crash(shard, f"killed the worker ({_cause(process.exitcode)})")
            continue
        finally:
            ours.close()
        process.join()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome
    raise AuditorError(f"{shard.file or shard.start}: workers died {_MOST_CRASHES} times on this part of the dataset")


def _send(work: ShardTask[Any], shard: Shard, pipe: Connection) -> None:
    _ignore_interrupt()
    try:
        pipe.send(work(shard))
    except Exception as error:  # raised again where the engine was called
        pipe.send(error)


def _cause(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        return signal.Signals(-exitcode).name
    return f"exit code {exitcode}"


def _ignore_interrupt() -> None:
    # Ctrl-C goes to the whole group: the parent stops the workers, and half-written parts are never seen.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
