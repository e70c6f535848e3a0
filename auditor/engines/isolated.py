"""Runs one shard in a process of its own, again after each crash, without the rows that caused one."""

from __future__ import annotations

import multiprocessing
import signal
from multiprocessing.connection import Connection
from typing import Any

from auditor.engines import worker
from auditor.errors import AuditorError
from auditor.images.deadline import OVERDUE
from auditor.plugin import R, Shard, ShardTask

_MAX_CRASHES = 100  # in one shard; with more, something other than its images is wrong


def run_isolated(shard: Shard, task: ShardTask[R]) -> R:
    """The result for the shard, in which a row that crashes the process is an unreadable row. Raises AuditorError after
    too many crashes."""
    context = multiprocessing.get_context("spawn")
    task = task.with_crash_tracking()
    for _ in range(_MAX_CRASHES):
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_send, args=(task, shard, sender))
        with worker.without_main():
            process.start()
        sender.close()
        try:
            outcome: R | Exception = receiver.recv()
        except EOFError:
            process.join()
            task = task.excluding_crash(shard, _cause(process.exitcode))
            continue
        finally:
            receiver.close()
        process.join()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome
    raise AuditorError(f"{shard.file or shard.start}: workers died {_MAX_CRASHES} times on this part of the dataset")


def _send(task: ShardTask[Any], shard: Shard, pipe: Connection) -> None:
    worker.begin()
    try:
        pipe.send(task(shard))
    except Exception as error:  # raised again by the engine
        pipe.send(error)


def _cause(exitcode: int | None) -> str:
    if exitcode is None or exitcode >= 0:
        return f"killed the worker (exit code {exitcode})"
    if -exitcode == OVERDUE:
        return "did not return within its time limit (--max-seconds)"
    return f"killed the worker ({signal.Signals(-exitcode).name})"
