"""Proportionally stratified samples: each domain's part of the sample is proportional to its rows, to within one row.

A first pass counts the rows of each domain (16 bytes of memory per domain). The allocation steps through the domains in
random order, at equal steps from a random start (systematic sampling: Cochran, Sampling Techniques, 3rd ed., chapter 8;
Madow, Annals of Mathematical Statistics 20, 1949). A domain with c of C rows gets N·c/C rows of the sample, rounded up
or down, and every row has the same inclusion probability, also in domains that are too small for a row of their own. A
second pass finds each domain's rank threshold. A larger sample need not contain a smaller one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from auditor.plugin import Engine, Shard, ShardTask
from auditor.sampling.order import sampling_rank, sampling_ranks
from auditor.sampling.rows import Allocation, SamplePlan, drawable
from auditor.types import Need


def draw_stratified_sample(
    shards: Iterable[Shard],
    engine: Engine,
    *,
    rows: int,
    seed: int,
    depth_outside_sample: Need,
    is_fetching: bool = False,
) -> SamplePlan:
    """A sample of `rows` rows, allocated to domains, and any row of the same image as the last one of its
    domain."""
    shards = list(shards)
    domain_counts = DomainCounts()
    for result in engine.run(shards, ShardDomains(seed, is_fetching)):
        domain_counts.add(result.domains, result.counts)
    domains, counts = domain_counts.result()
    sizes = allocation(counts, rows, seed)
    domains, sizes = domains[sizes > 0], sizes[sizes > 0]
    thresholds, drawn = np.zeros(len(domains), np.uint64), 0
    if len(domains):
        lowest = _LowestRanks(domains, sizes)
        for ranks in engine.run(shards, ShardLowestRanks(Allocation.of(domains, sizes), seed, is_fetching)):
            lowest.add(ranks.domains, ranks.ranks)
        thresholds, drawn = lowest.thresholds(), int(sizes.sum())
    return SamplePlan(
        seed,
        0,
        depth_outside_sample,
        is_fetching,
        rows=drawn,
        population_size=int(counts.sum()),
        allocation=Allocation.of(domains, thresholds),
    )


def allocation(counts: np.ndarray, rows: int, seed: int) -> np.ndarray:
    """The sample size of each domain, int64 (domains,): `rows` in total, or every row if there are fewer."""
    total = int(counts.sum())
    if rows >= total:
        return counts.astype(np.int64)
    start = sampling_rank("start", seed) * total >> 64
    fits = (total + 1) * rows < 1 << 62  # if the products may overflow int64, Python's integers are used
    ends = (np.cumsum(counts).astype(np.int64 if fits else object) * rows + start) // total
    return np.diff(ends.astype(np.int64), prepend=0)


class DomainCounts:
    """Sums of counts by domain, in sorted arrays. New counts are merged when they outnumber the merged ones."""

    def __init__(self) -> None:
        self._domains, self._counts = np.empty(0, np.uint64), np.empty(0, np.int64)
        self._unmerged: list[tuple[np.ndarray, np.ndarray]] = []

    def add(self, domains: np.ndarray, counts: np.ndarray) -> None:
        """Adds the counts of one shard."""
        self._unmerged.append((domains, counts))
        if sum(len(domains) for domains, _ in self._unmerged) > max(len(self._domains), 1 << 16):
            self._merge()

    def result(self) -> tuple[np.ndarray, np.ndarray]:
        """Domains, uint64 and sorted, and the number of rows of each, int64."""
        self._merge()
        return self._domains, self._counts

    def _merge(self) -> None:
        domains = np.concatenate([self._domains, *(domains for domains, _ in self._unmerged)])
        counts = np.concatenate([self._counts, *(counts for _, counts in self._unmerged)])
        self._domains, inverse = np.unique(domains, return_inverse=True)
        self._counts = np.zeros(len(self._domains), np.int64)
        np.add.at(self._counts, inverse, counts)
        self._unmerged.clear()


class _LowestRanks:
    """Keeps the lowest ranks of each domain, up to its sample size."""

    def __init__(self, domains: np.ndarray, sizes: np.ndarray) -> None:
        self._sizes, self._all = sizes, domains
        self._domains, self._ranks = np.empty(0, np.uint64), np.empty(0, np.uint64)

    def add(self, domains: np.ndarray, ranks: np.ndarray) -> None:
        """Adds the ranks of one shard."""
        self._domains, self._ranks = lowest_of_each(
            np.concatenate([self._domains, domains]), np.concatenate([self._ranks, ranks]), self._all, self._sizes
        )

    def thresholds(self) -> np.ndarray:
        """The highest rank in the sample of each domain, uint64."""
        return self._ranks[np.searchsorted(self._domains, self._all, side="right") - 1]


def lowest_of_each(
    domains: np.ndarray, ranks: np.ndarray, sampled_domains: np.ndarray, sizes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The rows with the lowest ranks of each domain, as sorted domains and ranks.

    domains, ranks: of all rows, (rows,). sampled_domains, sizes: the sample size of each domain, (domains,).
    """
    order = np.lexsort((ranks, domains))
    domains, ranks = domains[order], ranks[order]
    position = np.arange(len(domains)) - np.searchsorted(domains, domains)
    is_sampled = position < sizes[np.searchsorted(sampled_domains, domains)]
    return domains[is_sampled], ranks[is_sampled]


@dataclass(frozen=True)
class Domains:
    """The domains of one shard (hashes, uint64), and the number of rows of each that can be drawn."""

    shard: str
    rows: int
    domains: np.ndarray
    counts: np.ndarray


@dataclass(frozen=True)
class ShardDomains(ShardTask[Domains]):
    """Task: the row counts of a shard's domains."""

    seed: int
    is_fetching: bool

    def __call__(self, shard: Shard) -> Domains:
        """Reads the whole shard."""
        rows, of_source = 0, Counter[str]()
        for some in drawable(shard, self.is_fetching):
            rows += some.rows
            of_source.update(some.sources)
        domains, inverse = np.unique(sampling_ranks(of_source, self.seed), return_inverse=True)
        counts = np.bincount(inverse, list(of_source.values()), len(domains)).astype(np.int64)
        return Domains(shard.id, rows, domains, counts)


@dataclass(frozen=True)
class LowestRanks:
    """The rows of one shard that may be in the sample, by domain and rank, both uint64 (rows,)."""

    shard: str
    rows: int
    domains: np.ndarray
    ranks: np.ndarray


@dataclass(frozen=True)
class ShardLowestRanks(ShardTask[LowestRanks]):
    """Task: the lowest ranks of each sampled domain in a shard. sizes: the sample size of each domain."""

    sizes: Allocation
    seed: int
    is_fetching: bool

    def __call__(self, shard: Shard) -> LowestRanks:
        """Reads the whole shard, without its images."""
        rows, sources, places = 0, list[str](), list[str]()
        for some in drawable(shard, self.is_fetching):
            rows += some.rows
            sources += some.sources
            places += some.places
        sampled_domains, sizes = self.sizes.arrays()
        domains, ranks = sampling_ranks(sources, self.seed), sampling_ranks(places, self.seed)
        is_candidate = np.isin(domains, sampled_domains)
        lowest = lowest_of_each(domains[is_candidate], ranks[is_candidate], sampled_domains, sizes.astype(np.int64))
        return LowestRanks(shard.id, rows, *lowest)
