"""Simple random samples of rows: chooses the rows that are examined in full, before any image is opened.

A first pass reads the keys of all rows and no image. The rows with the lowest sampling ranks (order.py) are the sample.
The other rows get weak hints and, unless files outside the sample stay closed, a metadata check.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from auditor import readers
from auditor.plugin import Engine, Shard, ShardTask
from auditor.sampling.order import sampling_rank, sampling_ranks
from auditor.types import Need, Sample, Unreadable


@dataclass(frozen=True, slots=True)
class Allocation:
    """One number per domain: its sample size, or its rank threshold. Domains are given as sorted hashes.

    It is stored as bytes, 16 per domain, because it is sent to every worker.
    """

    domains: bytes
    numbers: bytes

    @classmethod
    def of(cls, domains: np.ndarray, numbers: np.ndarray) -> Allocation:
        """From two arrays, (domains,)."""
        return cls(domains.astype("<u8").tobytes(), numbers.astype("<u8").tobytes())

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """Domains and numbers, uint64 (domains,)."""
        return np.frombuffer(self.domains, "<u8"), np.frombuffer(self.numbers, "<u8")

    def number(self, domain: int) -> int | None:
        """The number of one domain; None without one."""
        domains, numbers = self.arrays()
        index = int(np.searchsorted(domains, np.uint64(domain)))
        return int(numbers[index]) if index < len(domains) and domains[index] == domain else None

    @property
    def digest(self) -> str:
        """The sha256 of domains and numbers."""
        return hashlib.sha256(self.domains + self.numbers).hexdigest()


@dataclass(frozen=True, slots=True)
class SamplePlan:
    """The sample: the rows that can be drawn and whose sampling rank is at most `rank_threshold` or, with an
    allocation, at most the threshold of their domain (stratified.py).

    depth_outside_sample: how far the files of the other rows are opened. is_fetching: rows with a URL and no image can
    be drawn too. rows: size of the sample. population_size: number of rows that can be drawn.
    """

    seed: int
    rank_threshold: int
    depth_outside_sample: Need
    is_fetching: bool
    rows: int
    population_size: int
    allocation: Allocation | None = None

    def includes(self, item: Sample | Unreadable) -> bool:
        """Whether a row is in the sample. Rows that cannot be drawn are always included."""
        if not can_be_drawn(item, self.is_fetching):
            return True
        threshold: int | None = self.rank_threshold
        if self.allocation:
            threshold = self.allocation.number(sampling_rank(item.source, self.seed))
        return threshold is not None and sampling_rank(item.key, self.seed) <= threshold


def can_be_drawn(item: Sample | Unreadable, is_fetching: bool) -> bool:
    """Whether a row belongs to the population of a sample: it has an image, should have one, or (with fetching) has a
    URL."""
    return isinstance(item, Unreadable) or item.content is not None or (is_fetching and item.url is not None)


def draw_simple_sample(
    shards: Iterable[Shard],
    engine: Engine,
    *,
    rows: int,
    seed: int,
    depth_outside_sample: Need,
    is_fetching: bool = False,
) -> SamplePlan:
    """The `rows` rows with the lowest sampling ranks, and any row with the same key as the last of them."""
    lowest, population_size = np.empty(0, np.uint64), 0
    for result in engine.run(shards, ShardRanks(rows, seed, is_fetching)):
        population_size += result.population_size
        lowest = _lowest(np.concatenate([lowest, result.lowest]), rows)
    threshold = int(lowest.max()) if len(lowest) else 0
    return SamplePlan(
        seed, threshold, depth_outside_sample, is_fetching, rows=len(lowest), population_size=population_size
    )


@dataclass(frozen=True)
class Ranks:
    """The lowest ranks of one shard (uint64, unordered), and the number of its rows that can be drawn."""

    shard: str
    rows: int
    lowest: np.ndarray
    population_size: int


@dataclass(frozen=True)
class ShardRanks(ShardTask[Ranks]):
    """Task: the `sample_size` lowest ranks of a shard."""

    sample_size: int
    seed: int
    is_fetching: bool

    def __call__(self, shard: Shard) -> Ranks:
        """Reads the keys of the whole shard."""
        keys, rows = [], 0
        for item in readers.read(shard):
            rows += 1
            if can_be_drawn(item, self.is_fetching):
                keys.append(item.key)
        return Ranks(shard.id, rows, _lowest(sampling_ranks(keys, self.seed), self.sample_size), len(keys))


@dataclass(frozen=True)
class Urls:
    """The URLs of one shard's sampled rows that have no image."""

    shard: str
    rows: int
    urls: tuple[str, ...]


@dataclass(frozen=True)
class ShardUrls(ShardTask[Urls]):
    """Task: the URLs of a shard that a sample has to fetch."""

    sample_plan: SamplePlan | None

    def __call__(self, shard: Shard) -> Urls:
        """Reads the whole shard."""
        urls, rows = [], 0
        for item in readers.read(shard):
            rows += 1
            if (
                isinstance(item, Sample)
                and item.content is None
                and item.url
                and (not self.sample_plan or self.sample_plan.includes(item))
            ):
                urls.append(item.url)
        return Urls(shard.id, rows, tuple(urls))


def _lowest(ranks: np.ndarray, count: int) -> np.ndarray:
    return ranks if len(ranks) <= count else np.partition(ranks, count - 1)[:count]
