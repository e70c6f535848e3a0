"""A sample in which every domain has its share: rows of each in proportion, to within one.

One pass counts the rows of each domain (16 bytes a domain, whatever the dataset). The sample is shared out along the
domains, in a random order, at equal steps from a random start (systematic sampling: Cochran, Sampling Techniques, 3rd
ed., chapter 8; Madow, Annals of Mathematical Statistics 20, 1949): a domain of c rows gets N·c/C of them, rounded up or
down, and every row has the same chance, those of domains too small for a row of their own included. A second pass finds
where in the drawing order each domain's share ends. A larger sample need not hold a smaller one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor import registry
from auditor.plugin import Engine, Reader, Shard, ShardTask
from auditor.sampling.order import sampling_rank, sampling_ranks
from auditor.sampling.rows import Allocation, SamplePlan, can_be_drawn
from auditor.types import Need, Sample, Unreadable

if TYPE_CHECKING:
    import numpy as np


def draw(
    shards: Iterable[Shard], engine: Engine, *, most: int, seed: int, beyond: Need, is_fetching: bool = False
) -> SamplePlan:
    """`most` rows, shared out among domains (rows that share the last one's key in a domain come along)."""
    import numpy as np

    shards = list(shards)
    counted = Counted()
    for found in engine.run(shards, ShardDomains(seed, is_fetching)):
        counted.add(found.domains, found.counts)
    domains, counts = counted.result()
    given = allocation(counts, most, seed)
    domains, given = domains[given > 0], given[given > 0]
    last, rows = np.zeros(len(domains), np.uint64), 0
    if len(domains):
        wanted = _LowestRanks(domains, given)
        for firsts in engine.run(shards, ShardLowestRanks(Allocation.of(domains, given), seed, is_fetching)):
            wanted.add(firsts.domains, firsts.places)
        last, rows = wanted.last(), int(given.sum())
    shares = Allocation.of(domains, last)
    return SamplePlan(seed, 0, beyond, is_fetching, rows=rows, of=int(counts.sum()), shares=shares)


def allocation(counts: np.ndarray, most: int, seed: int) -> np.ndarray:
    """How many rows each domain gives, int64 (domains,): `most` in all, or every row where there are fewer."""
    import numpy as np

    total = int(counts.sum())
    if most >= total:
        return counts.astype(np.int64)
    start = sampling_rank("start", seed) * total >> 64
    fits = (total + 1) * most < 1 << 62  # rows times rows may outgrow 64 bits; Python's integers never do
    ends = (np.cumsum(counts).astype(np.int64 if fits else object) * most + start) // total
    return np.diff(ends.astype(np.int64), prepend=0)


class Counted:
    """Adds up counts by domain, in sorted arrays; merged when as much has come again as there is."""

    def __init__(self) -> None:
        import numpy as np

        self._domains, self._counts = np.empty(0, np.uint64), np.empty(0, np.int64)
        self._waiting: list[tuple[np.ndarray, np.ndarray]] = []

    def add(self, domains: np.ndarray, counts: np.ndarray) -> None:
        """Those of one shard."""
        self._waiting.append((domains, counts))
        if sum(len(domains) for domains, _ in self._waiting) > max(len(self._domains), 1 << 16):
            self._merge()

    def result(self) -> tuple[np.ndarray, np.ndarray]:
        """Domains, uint64 and sorted, and the rows of each, int64."""
        self._merge()
        return self._domains, self._counts

    def _merge(self) -> None:
        import numpy as np

        every = np.concatenate([self._domains, *(domains for domains, _ in self._waiting)])
        counts = np.concatenate([self._counts, *(counts for _, counts in self._waiting)])
        self._domains, inverse = np.unique(every, return_inverse=True)
        self._counts = np.zeros(len(self._domains), np.int64)
        np.add.at(self._counts, inverse, counts)
        self._waiting.clear()


class _LowestRanks:
    """Keeps the first places of each domain, as many as it gives."""

    def __init__(self, domains: np.ndarray, given: np.ndarray) -> None:
        import numpy as np

        self._given, self._all = given, domains
        self._domains, self._places = np.empty(0, np.uint64), np.empty(0, np.uint64)

    def add(self, domains: np.ndarray, places: np.ndarray) -> None:
        """Those of one shard."""
        import numpy as np

        self._domains, self._places = first_of_each(
            np.concatenate([self._domains, domains]), np.concatenate([self._places, places]), self._all, self._given
        )

    def last(self) -> np.ndarray:
        """The place at which each domain's share ends, uint64."""
        import numpy as np

        return self._places[np.searchsorted(self._domains, self._all, side="right") - 1]


def first_of_each(
    domains: np.ndarray, places: np.ndarray, known: np.ndarray, given: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Of rows by domain and place, the first ones of each domain, sorted: as many as `given` to the `known` domains."""
    import numpy as np

    order = np.lexsort((places, domains))
    domains, places = domains[order], places[order]
    rank = np.arange(len(domains)) - np.searchsorted(domains, domains)
    is_first = rank < given[np.searchsorted(known, domains)]
    return domains[is_first], places[is_first]


@dataclass(frozen=True)
class Domains:
    """Of one shard: its domains (hashes, uint64) and how many rows of each can be drawn."""

    shard: str
    rows: int
    domains: np.ndarray
    counts: np.ndarray


@dataclass(frozen=True)
class ShardDomains(ShardTask[Domains]):
    """Reads the domains of a shard."""

    seed: int
    is_fetching: bool

    def __call__(self, shard: Shard) -> Domains:
        """The whole shard."""
        import numpy as np

        rows, found = 0, []
        for item in _items(shard):
            rows += 1
            if can_be_drawn(item, self.is_fetching):
                found.append(item.source)
        domains, counts = np.unique(sampling_ranks(found, self.seed), return_counts=True)
        return Domains(shard.id, rows, domains, counts.astype(np.int64))


@dataclass(frozen=True)
class LowestRanks:
    """Of one shard: the rows that may be in the sample, by domain and place, both uint64 (rows,)."""

    shard: str
    rows: int
    domains: np.ndarray
    places: np.ndarray


@dataclass(frozen=True)
class ShardLowestRanks(ShardTask[LowestRanks]):
    """Reads the keys of a shard's rows, in the domains that give any."""

    given: Allocation
    seed: int
    is_fetching: bool

    def __call__(self, shard: Shard) -> LowestRanks:
        """The whole shard."""
        import numpy as np

        rows, sources, keys = 0, [], []
        for item in _items(shard):
            rows += 1
            if can_be_drawn(item, self.is_fetching):
                sources.append(item.source)
                keys.append(item.key)
        known, given = self.given.arrays()
        domains, found = sampling_ranks(sources, self.seed), sampling_ranks(keys, self.seed)
        gives = np.isin(domains, known)
        return LowestRanks(shard.id, rows, *first_of_each(domains[gives], found[gives], known, given.astype(np.int64)))


def _items(shard: Shard) -> Iterator[Sample | Unreadable]:
    reader: Reader = registry.load("readers", shard.reader)()
    return reader.read(shard)
