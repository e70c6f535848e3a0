"""Bounding an audit: which rows are looked at in full, chosen before any is.

A first pass reads the keys of all rows and no image; the rows that come first in the drawing order (drawing.py) are the
sample. Rows beyond it get their priors, and their files' own evidence unless the sample bounds files too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor import registry
from auditor.plugin import Engine, Reader, Shard, ShardTask
from auditor.sampling.order import sampling_rank, sampling_ranks
from auditor.types import Need, Sample, Unreadable

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True)
class Allocation:
    """A number for each of some domains (their hashes, sorted): what they give, or where their share ends.

    As bytes, 16 a domain, because it travels to every worker.
    """

    domains: bytes
    numbers: bytes

    @classmethod
    def of(cls, domains: np.ndarray, numbers: np.ndarray) -> Allocation:
        """Both (domains,)."""
        return cls(domains.astype("<u8").tobytes(), numbers.astype("<u8").tobytes())

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """Both uint64 (domains,)."""
        import numpy as np

        return np.frombuffer(self.domains, "<u8"), np.frombuffer(self.numbers, "<u8")

    def number(self, domain: int) -> int | None:
        """Of one domain, if it has one."""
        import numpy as np

        domains, numbers = self.arrays()
        at = int(np.searchsorted(domains, np.uint64(domain)))
        return int(numbers[at]) if at < len(domains) and domains[at] == domain else None

    @property
    def digest(self) -> str:
        """Of all of it."""
        return hashlib.sha256(self.domains + self.numbers).hexdigest()


@dataclass(frozen=True, slots=True)
class SamplePlan:
    """The sample: rows that can be drawn and whose place is at most `last`, or their domain's share (stratifying.py).

    beyond: how far the file of another row is opened. is_fetching: rows that only give a URL can be drawn as well.
    rows: how many are drawn, `of` so many that could be.
    """

    seed: int
    last: int
    beyond: Need
    is_fetching: bool
    rows: int
    of: int
    shares: Allocation | None = None

    def includes(self, item: Sample | Unreadable) -> bool:
        """Whether a row is in the sample; what cannot be drawn is not kept from being looked at."""
        if not can_be_drawn(item, self.is_fetching):
            return True
        last = self.shares.number(sampling_rank(item.source, self.seed)) if self.shares else self.last
        return last is not None and sampling_rank(item.key, self.seed) <= last


def can_be_drawn(item: Sample | Unreadable, is_fetching: bool) -> bool:
    """Whether a row is one of those that a sample is drawn from: an image that is there or should be, or with fetching
    a URL of one."""
    return isinstance(item, Unreadable) or item.content is not None or (is_fetching and item.url is not None)


def draw(
    shards: Iterable[Shard], engine: Engine, *, most: int, seed: int, beyond: Need, is_fetching: bool = False
) -> SamplePlan:
    """The `most` rows that come first in the drawing order (rows that share the last one's key come along)."""
    import numpy as np

    first, of = np.empty(0, np.uint64), 0
    for found in engine.run(shards, ShardPlaces(most, seed, is_fetching)):
        of += found.of
        first = _first(np.concatenate([first, found.first]), most)
    last = int(first.max()) if len(first) else 0
    return SamplePlan(seed, last, beyond, is_fetching, rows=len(first), of=of)


@dataclass(frozen=True)
class Places:
    """Of one shard: the first places (uint64, unordered) and how many rows could be drawn."""

    shard: str
    rows: int
    first: np.ndarray
    of: int


@dataclass(frozen=True)
class ShardPlaces(ShardTask[Places]):
    """Reads the keys of a shard."""

    most: int
    seed: int
    is_fetching: bool

    def __call__(self, shard: Shard) -> Places:
        """The whole shard."""
        reader: Reader = registry.load("readers", shard.reader)()
        keys, rows = [], 0
        for item in reader.read(shard):
            rows += 1
            if can_be_drawn(item, self.is_fetching):
                keys.append(item.key)
        return Places(shard.id, rows, _first(sampling_ranks(keys, self.seed), self.most), len(keys))


@dataclass(frozen=True)
class Urls:
    """Of one shard: the URLs of drawn rows that give nothing else."""

    shard: str
    rows: int
    urls: tuple[str, ...]


@dataclass(frozen=True)
class ShardUrls(ShardTask[Urls]):
    """Reads what a sample would have to fetch."""

    draw: SamplePlan | None

    def __call__(self, shard: Shard) -> Urls:
        """The whole shard."""
        reader: Reader = registry.load("readers", shard.reader)()
        found, rows = [], 0
        for item in reader.read(shard):
            rows += 1
            if (
                isinstance(item, Sample)
                and item.content is None
                and item.url
                and (not self.draw or self.draw.includes(item))
            ):
                found.append(item.url)
        return Urls(shard.id, rows, tuple(found))


def _first(found: np.ndarray, most: int) -> np.ndarray:
    import numpy as np

    return found if len(found) <= most else np.partition(found, most - 1)[:most]
