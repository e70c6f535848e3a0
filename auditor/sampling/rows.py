"""Simple random samples of rows: chooses the rows that are examined in full, before any image is opened.

A first pass reads the places of the images of all rows (order.py) and no image. The rows with the lowest sampling ranks
are the sample. The other rows get weak hints and, unless files outside the sample stay closed, a metadata check.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeGuard

import numpy as np
import pyarrow as pa

from auditor import readers
from auditor.plugin import Engine, Shard, ShardTask
from auditor.row_columns import RowColumns
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
        return threshold is not None and sampling_rank(item.image, self.seed) <= threshold

    def included(self, columns: RowColumns) -> np.ndarray:
        """Which rows are in a sample of rows to fetch, as `includes` says of each, bool (rows,)."""
        threshold = np.full(len(columns), self.rank_threshold, np.uint64)
        is_drawn = np.ones(len(columns), bool)
        if self.allocation:
            sources = columns.source.dictionary_encode()
            of_source = [
                self.allocation.number(sampling_rank(source, self.seed)) for source in sources.dictionary.to_pylist()
            ]
            rows = np.asarray(sources.indices)
            threshold = np.array([number or 0 for number in of_source], np.uint64)[rows]
            is_drawn = np.array([number is not None for number in of_source], bool)[rows]
        included: np.ndarray = is_drawn & (sampling_ranks(columns.url.to_pylist(), self.seed) <= threshold)
        return included


def can_be_drawn(item: Sample | Unreadable, is_fetching: bool) -> bool:
    """Whether a row belongs to the population of a sample: it has an image, should have one, or (with fetching) has a
    URL."""
    return isinstance(item, Unreadable) or item.content is not None or (is_fetching and item.url is not None)


@dataclass(frozen=True, slots=True)
class Drawable:
    """Rows of a shard that can be drawn: the places of their images, and their sources. rows: the number of all rows
    that were read."""

    rows: int
    places: Sequence[str]
    sources: Sequence[str]


def drawable(shard: Shard, is_fetching: bool) -> Iterator[Drawable]:
    """The rows of a shard that can be drawn, some at a time."""
    for items, columns in read_either_way(shard):
        found = [item for item in items if can_be_drawn(item, is_fetching)]
        yield Drawable(len(items), [item.image for item in found], [item.source for item in found])
        if columns is not None:
            urls, sources = (columns.url, columns.source) if is_fetching else (columns.url[:0], columns.source[:0])
            yield Drawable(len(columns), urls.to_pylist(), sources.to_pylist())


def read_either_way(shard: Shard) -> Iterator[tuple[list[Sample | Unreadable], RowColumns | None]]:
    """The rows of a shard: one by one, and those that its reader gives as columns."""
    batches = readers.read_columns(shard)
    for item in readers.read(shard) if batches is None else ():
        yield [item], None
    for batch in batches or ():
        if isinstance(batch, Unreadable):
            yield [batch], None
        else:
            yield [item for _, item in batch.items(batch.others)], batch.columns


def draw_simple_sample(
    shards: Iterable[Shard],
    engine: Engine,
    *,
    rows: int,
    seed: int,
    depth_outside_sample: Need,
    is_fetching: bool = False,
) -> SamplePlan:
    """The `rows` rows with the lowest sampling ranks, and any row of the same image as the last of them."""
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
        """Reads the whole shard, without its images."""
        lowest, rows, population_size = np.empty(0, np.uint64), 0, 0
        for some in drawable(shard, self.is_fetching):
            rows += some.rows
            population_size += len(some.places)
            lowest = _lowest(np.concatenate([lowest, sampling_ranks(some.places, self.seed)]), self.sample_size)
        return Ranks(shard.id, rows, lowest, population_size)


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
        for items, columns in read_either_way(shard):
            rows += len(items) + len(columns or ())
            urls += [item.url for item in items if self._is_wanted(item) and item.url]
            if columns is not None:
                wanted = self.sample_plan.included(columns) if self.sample_plan else np.ones(len(columns), bool)
                urls += columns.url.filter(pa.array(wanted)).to_pylist()
        return Urls(shard.id, rows, tuple(urls))

    def _is_wanted(self, item: Sample | Unreadable) -> TypeGuard[Sample]:
        if isinstance(item, Unreadable) or item.content is not None:
            return False
        return not self.sample_plan or self.sample_plan.includes(item)


def _lowest(ranks: np.ndarray, count: int) -> np.ndarray:
    return ranks if len(ranks) <= count else np.partition(ranks, count - 1)[:count]
