"""Runs shards on a Ray cluster: the one that RAY_ADDRESS names, one that runs on this machine, or a new one of this
machine alone.

Each worker is an actor, a process of its own on one of the nodes, and takes one shard at a time. Shards travel as
paths, so every node has to see the inputs and the output under the same paths or URLs, and needs the same version of
this package. Results are sums; pixels stay in the worker.

A shard is run again if its worker dies. If the node died with it, the shard is restarted on another one. If the node
lives, an image may be the cause, and the shard is run in a process of its own (isolated.py): a row that crashes that
process becomes an unreadable row. Nodes that join the cluster get workers too.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from time import monotonic
from typing import Any, Generic

from auditor import __version__, garbage
from auditor.engines.isolated import run_isolated
from auditor.errors import AuditorError, ConfigError
from auditor.images.deadline import end_when_overdue
from auditor.plugin import Engine, R, Shard, ShardTask

_MAX_DEATHS = 10  # of workers on one shard, or of workers in succession before they are ready
_LOOK_AGAIN = 5.0  # seconds until the nodes of the cluster are counted again
_PATIENCE = 600.0  # seconds in which a node with the reserved resources must join the cluster
_DETAIL = 300  # characters of Ray's own message
_ROUNDING = 1e-6  # of fractions of a CPU or GPU


@dataclass(frozen=True, slots=True)
class Reservation:
    """What a worker reserves: CPUs and GPUs, or fractions of one. Raises ConfigError for what Ray cannot reserve."""

    cpus: float = 1.0
    gpus: float = 0.0

    def __post_init__(self) -> None:
        if not self.cpus > 0:
            raise ConfigError(f"`num_cpus` must be above 0, got {self.cpus:g}")
        if not (0 <= self.gpus <= 1 or self.gpus == int(self.gpus) > 0):
            raise ConfigError(f"`num_gpus` must be a fraction of 1 or a whole number, got {self.gpus:g}")

    def __str__(self) -> str:
        return f"{self.cpus:g} CPUs and {self.gpus:g} GPUs"

    def fits(self, resources: dict[str, float]) -> int:
        """The number of workers that fit on a node with these resources."""
        wanted = (("CPU", self.cpus), ("GPU", self.gpus))
        return min(int(resources.get(name, 0) / amount + _ROUNDING) for name, amount in wanted if amount)


class Ray(Engine):
    """num_cpus, num_gpus: what a worker reserves; by default one CPU, and one GPU if the cluster has GPUs and the task
    can use one. workers: at most so many at a time; by default as many as the cluster has room for.

    Raises AuditorError if Ray is not installed, or no cluster can be reached.
    """

    id = "ray"
    can_reserve = True

    def __init__(self, workers: int | None = None, *, num_cpus: float | None = None, num_gpus: float | None = None):
        self._given = Reservation(1.0 if num_cpus is None else num_cpus, num_gpus or 0.0)
        self._chooses_gpus = num_gpus is None
        self._most = workers
        self._ray = _connected()
        super().__init__(workers or _room(self._ray, self._given) or 1)

    def run(self, shards: Iterable[Shard], task: ShardTask[R]) -> Iterator[R]:
        """The results, as shards finish."""
        pool = _Pool(self._ray, task, self._reservation(task), self._most)
        try:
            yield from pool.results(shards)
        finally:
            pool.end()

    def _reservation(self, task: ShardTask[Any]) -> Reservation:
        with_gpu = replace(self._given, gpus=1.0)
        chooses_one = self._chooses_gpus and task.uses_gpu and _room(self._ray, with_gpu)
        return with_gpu if chooses_one else self._given


def _connected() -> Any:
    """The module `ray`, connected to a cluster; the connection lasts as long as this process. Raises AuditorError."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a cluster that starts here reports to nobody
    try:
        import ray
    except ImportError as error:
        raise AuditorError(f"--engine ray needs Ray: pip install 'mad-auditor[ray]' ({error})") from error
    if not ray.is_initialized():
        is_main = threading.current_thread() is threading.main_thread()
        handler = signal.getsignal(signal.SIGTERM)
        try:
            ray.init(log_to_driver=False, include_dashboard=False, logging_level="error")
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            address = os.environ.get("RAY_ADDRESS", "a cluster on this machine")
            raise AuditorError(f"cannot connect to Ray ({address}): {str(error)[:_DETAIL]}") from error
        finally:
            if is_main:  # Ray replaces the handler by one that exits at once
                signal.signal(signal.SIGTERM, handler)
    return ray


def _room(ray: Any, reservation: Reservation) -> int:
    """The number of workers that the nodes which are alive have room for, whatever else runs on them."""
    return sum(reservation.fits(node["Resources"]) for node in ray.nodes() if node["Alive"])


class _Worker:
    """The actor. folder: of the driver, for relative paths."""

    def __init__(self, folder: str) -> None:
        if os.path.isdir(folder):  # a driver elsewhere has none of the cluster's folders: it has to give URLs
            os.chdir(folder)
        garbage.search_rarely()
        end_when_overdue()

    def hello(self) -> tuple[str, str]:
        """The version of this package, and the id of the node."""
        import ray

        return __version__, ray.get_runtime_context().get_node_id()

    def run(self, task: ShardTask[R], shard: Shard, is_isolated: bool) -> R | Exception:
        """The result, or the error that the engine has to raise."""
        try:
            return run_isolated(shard, task) if is_isolated else task(shard)
        except Exception as error:
            return error


@dataclass(frozen=True, slots=True)
class _Job:
    """A shard to run. deaths: of workers that had it."""

    shard: Shard
    deaths: int = 0
    is_isolated: bool = False


@dataclass(slots=True)
class _Actor:
    """A worker, from the engine's side. node: its id, as soon as the worker is ready. job: what it is doing."""

    handle: Any
    node: str = ""
    job: _Job | None = None


class _Pool(Generic[R]):
    """The workers of one run. Only workers that are ready have a shard, so that none waits for a place on a node."""

    def __init__(self, ray: Any, task: ShardTask[R], reservation: Reservation, most: int | None) -> None:
        self._ray, self._reservation, self._most = ray, reservation, most
        self._task = ray.put(task)  # once per node, not once per shard
        self._class = ray.remote(_Worker)
        self._calls: dict[Any, _Actor] = {}
        self._waiting: deque[_Job] = deque()
        self._failed_starts = 0
        self._size, self._counted = 0, -_LOOK_AGAIN
        self._had_room = monotonic()

    def results(self, shards: Iterable[Shard]) -> Iterator[R]:
        """The result of each shard, as they finish. Raises the error of a task, and AuditorError if workers die again
        and again."""
        coming = iter(shards)
        while True:
            size = self._room()
            self._waiting.extend(map(_Job, islice(coming, max(1, size - len(self._waiting)))))
            if not self._waiting and not any(actor.job for actor in self._calls.values()):
                return
            self._start(size)
            done, _ = self._ray.wait(list(self._calls), timeout=_LOOK_AGAIN)
            for call in done:
                yield from self._ended(call)

    def end(self) -> None:
        """End all workers; what they have in progress is lost."""
        for actor in self._calls.values():
            self._ray.kill(actor.handle)
        self._calls.clear()

    def _room(self) -> int:
        """The number of workers to have. Raises AuditorError if no node has had the resources of one for long."""
        now = monotonic()
        if now - self._counted >= _LOOK_AGAIN:
            room, self._counted = _room(self._ray, self._reservation), now
            self._size = min(room, self._most or room)
            self._had_room = now if room else self._had_room
            if now - self._had_room > (_PATIENCE if os.environ.get("RAY_ADDRESS") else 0):
                raise AuditorError(
                    f"no node of the Ray cluster has {self._reservation} for a worker: reserve less (--num-cpus, "
                    "--num-gpus), or add such a node"
                )
        return max(1, self._size)

    def _start(self, size: int) -> None:
        """Start workers for the shards that wait."""
        starting = sum(actor.job is None for actor in self._calls.values())
        for _ in range(min(size - len(self._calls), len(self._waiting) - starting)):
            options = {"num_cpus": self._reservation.cpus, "num_gpus": self._reservation.gpus}
            handle = self._class.options(**options, scheduling_strategy="SPREAD").remote(os.getcwd())
            self._calls[handle.hello.remote()] = _Actor(handle)

    def _ended(self, call: Any) -> Iterator[R]:
        """The result of a call, if it was of a shard; the worker goes on with another one."""
        actor = self._calls.pop(call)
        try:
            outcome = self._ray.get(call)
        except self._ray.exceptions.RayError as error:
            self._ray.kill(actor.handle)
            self._died(actor, error)
            return
        if isinstance(outcome, Exception):
            raise outcome
        if actor.job is None:
            self._greeted(actor, *outcome)
        is_result, actor.job = actor.job is not None, None
        if self._waiting:
            self._give(actor, self._waiting.popleft())
        else:
            self._ray.kill(actor.handle)
        if is_result:
            yield outcome

    def _give(self, actor: _Actor, job: _Job) -> None:
        actor.job = job
        self._calls[actor.handle.run.remote(self._task, job.shard, job.is_isolated)] = actor

    def _greeted(self, actor: _Actor, version: str, node: str) -> None:
        if version != __version__:
            raise AuditorError(
                f"node {node[:12]} of the Ray cluster has mad-auditor {version}, and this is {__version__}"
            )
        actor.node, self._failed_starts = node, 0

    def _died(self, actor: _Actor, error: Exception) -> None:
        """Have the shard of a worker that died run again. Raises AuditorError after too many deaths."""
        detail = " ".join(str(error).split())[:_DETAIL]
        if actor.job is None:
            self._failed_starts += 1
            if self._failed_starts >= _MAX_DEATHS:
                raise AuditorError(
                    f"workers do not start on the Ray cluster; every node needs mad-auditor {__version__}: {detail}"
                )
            return
        is_alive = any(node["NodeID"] == actor.node and node["Alive"] for node in self._ray.nodes())
        job = replace(actor.job, deaths=actor.job.deaths + 1, is_isolated=actor.job.is_isolated or is_alive)
        if job.deaths >= _MAX_DEATHS:
            shard = job.shard.file or job.shard.start
            raise AuditorError(f"{shard}: {_MAX_DEATHS} workers died on this part of the dataset: {detail}")
        self._waiting.appendleft(job)
