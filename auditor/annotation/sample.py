"""Selects images for annotation: a stratified random sample of the images that evidence does not decide.

Strata are the rows of each verdict of about the same weight (strata.py), so rows with more weight are more likely to be
drawn. Within a stratum, rows are drawn in the order of their sampling ranks (sampling/order.py). So its labels are a
uniform random sample at any time: one can stop at any time, or extend the sample later.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from auditor.annotation.strata import Stratum, strata
from auditor.config import Config
from auditor.errors import LabelError
from auditor.evidence_store.distinct import deciding_everywhere, distinct_images
from auditor.evidence_store.selection import RowRef
from auditor.evidence_store.store import Part, Store
from auditor.sampling import order
from auditor.types import Status, VerdictKind

# The synthetic share that the allocation assumes in each stratum; no estimate depends on it.
EXPECTED: Mapping[VerdictKind, float] = {
    VerdictKind.LIKELY_SYNTHETIC: 0.5,
    VerdictKind.UNKNOWN: 0.2,
    VerdictKind.LIKELY_REAL: 0.05,
}
MIN_LABELS = 10  # per stratum, if it has as many rows
_MIN_VARIANCE = 0.0099  # assumed shares are clipped to 1 … 99 %
_BATCH_ROWS = 16_384
_COLUMNS = ["key", "status", "verdict", "sha256", "sampled"]


@dataclass(frozen=True, slots=True)
class AnnotationItem:
    """One row to label. stratum: its verdict. row_ref: its position in the dataset. sha256: of its file at the time of
    the audit."""

    key: str
    stratum: VerdictKind
    row_ref: RowRef
    sha256: str | None


@dataclass(slots=True)
class _LowestRanks:
    """The items of a stratum with the lowest (rank, key), and the number, total and highest weight of all its rows."""

    rows: int = 0
    weight: float = 0.0
    max_weight: float = 0.0
    items: dict[tuple[int, str], AnnotationItem] = field(default_factory=dict)

    def truncate(self, count: int) -> None:
        """Keeps only the first `count` items."""
        self.items = {rank: self.items[rank] for rank in sorted(self.items)[:count]}


def select_for_annotation(out: Path, config: Config, *, number: int) -> list[AnnotationItem]:
    """The `number` rows of an audit's folder to label, in the order in which they are shown. config: of the audit.

    A repeated key is drawn once, and of rows that share an image only the one that counts it. Raises LabelError if
    there is no row to label.
    """
    seed = config.seed
    by_stratum: dict[Stratum, _LowestRanks] = defaultdict(_LowestRanks)
    parts, first = list(Store(out).parts()), 0
    images = distinct_images([part.path for part in parts], deciding=deciding_everywhere(config))
    for part in parts:
        own = images.at(first, part.rows)
        _collect(part, own.is_repeat, own.given_weights, by_stratum, seed=seed, number=number)
        first += part.rows
    if not any(lowest.rows for lowest in by_stratum.values()):
        raise LabelError(f"{out}: nothing to label: every readable image is decided by evidence, or none is readable")
    by_verdict = [[by_stratum[s] for s in sorted(by_stratum) if s.label is verdict] for verdict in EXPECTED]
    counts = allocation(
        [sum(lowest.rows for lowest in verdict) for verdict in by_verdict],
        list(EXPECTED.values()),
        number,
        weights=[sum(lowest.weight for lowest in verdict) for verdict in by_verdict],
    )
    for verdict, count in zip(by_verdict, counts, strict=True):
        for lowest, n in zip(verdict, by_weight([(s.rows, s.max_weight) for s in verdict], count), strict=True):
            lowest.truncate(n)
    return _interleave([list(lowest.items.values()) for lowest in chain(*by_verdict)], seed)


def _collect(
    part: Part,
    is_repeat: np.ndarray,
    given_weights: np.ndarray | None,
    by_stratum: Mapping[Stratum, _LowestRanks],
    *,
    seed: int,
    number: int,
) -> None:
    """Adds the rows of one part of evidence. is_repeat, given_weights: as in DistinctImages."""
    start = 0
    with pq.ParquetFile(part.path) as file:
        for batch in file.iter_batches(_BATCH_ROWS, columns=_COLUMNS):
            its = slice(start, start + batch.num_rows)
            ok = pc.and_(pc.equal(batch.column("status"), Status.OK.value), batch.column("sampled"))
            counts = pc.and_(ok, pa.array(~is_repeat[its]))
            verdict = pc.if_else(counts, batch.column("verdict").fill_null(""), "").to_numpy(zero_copy_only=False)
            weights = np.ones(batch.num_rows) if given_weights is None else given_weights[its]
            for stratum, numbers in strata(verdict, weights):
                lowest = by_stratum[stratum]
                lowest.rows += len(numbers)
                lowest.weight += float(weights[numbers].sum())
                lowest.max_weight = max(lowest.max_weight, float(weights[numbers].max()))
                _add(batch, numbers, RowRef(part.shard, start), stratum.label, lowest, seed=seed, count=number)
            start += batch.num_rows


def _add(
    batch: pa.RecordBatch,
    numbers: np.ndarray,
    start: RowRef,
    verdict: VerdictKind,
    lowest: _LowestRanks,
    *,
    seed: int,
    count: int,
) -> None:
    """Adds the rows `numbers` of a batch to the `count` lowest ranks of their stratum. start: the batch's first row."""
    ranks = order.sampling_ranks(batch.column("key").take(numbers).to_pylist(), seed)
    if len(lowest.items) >= count:
        highest_rank, _ = next(reversed(lowest.items))
        is_candidate = ranks <= highest_rank
        numbers, ranks = numbers[is_candidate], ranks[is_candidate]
    rows = batch.take(numbers)
    keys, hashes = rows.column("key").to_pylist(), rows.column("sha256").to_pylist()
    for number, rank, key, sha256 in zip(numbers.tolist(), ranks.tolist(), keys, hashes, strict=True):
        row_ref = RowRef(start.shard, start.number + number)
        lowest.items.setdefault((rank, key), AnnotationItem(key, verdict, row_ref, sha256))
    lowest.truncate(count)


def allocation(
    sizes: Sequence[int],
    expected: Sequence[float],
    total: int,
    *,
    weights: Sequence[float] | None = None,
    min_labels: int = MIN_LABELS,
) -> list[int]:
    """The number of labels of each verdict: Neyman's optimum, with a minimum, and at most its rows.

    Each label goes where it lowers the variance most, which is the exact integer optimum (Wright, The American
    Statistician 66, 2012). Expected shares are rough guesses, so they are clipped to 1 … 99 %. weights: the total
    weight of the rows (default: their number).
    """
    total = min(total, sum(sizes))
    min_labels = min(min_labels, total // max(1, sum(size > 0 for size in sizes)))
    counts = [min(min_labels, size) for size in sizes]
    deviations = [
        weight * math.sqrt(max(p * (1 - p), _MIN_VARIANCE))
        for weight, p in zip(weights or sizes, expected, strict=True)
    ]

    def priority(index: int, n: int) -> float:
        return deviations[index] / math.sqrt(n * (n + 1)) if n else math.inf

    return _allocate(counts, sizes, total, priority)


def by_weight(strata: Sequence[tuple[int, float]], total: int) -> list[int]:
    """The number of labels of each stratum of one verdict, at most its rows. strata: (rows, highest weight).

    The effective sample size depends on the largest rows * highest weight / labels, which this allocation minimises
    (D'Hondt's method).
    """
    sizes = [rows for rows, _ in strata]

    def priority(index: int, n: int) -> float:
        rows, max_weight = strata[index]
        return rows * max_weight / n if n else math.inf

    return _allocate([0] * len(strata), sizes, min(total, sum(sizes)), priority)


def _allocate(counts: list[int], sizes: Sequence[int], total: int, priority: Callable[[int, int], float]) -> list[int]:
    """Adds one to the count of the highest priority, up to its size, until the counts sum to the total. priority: of a
    stratum, by its index and its count so far."""
    import heapq

    def entry(index: int) -> tuple[float, int]:
        return -priority(index, counts[index]), index

    heap = [entry(index) for index, size in enumerate(sizes) if counts[index] < size]
    heapq.heapify(heap)
    for _ in range(total - sum(counts)):
        _, index = heapq.heappop(heap)
        counts[index] += 1
        if counts[index] < sizes[index]:
            heapq.heappush(heap, entry(index))
    return counts


def _interleave(strata: Iterable[Sequence[AnnotationItem]], seed: int) -> list[AnnotationItem]:
    """The items of all strata, mixed in proportion, in the order of each stratum, without repeated keys.

    A hash jitters each item's position, so that the position does not reveal the stratum.
    """
    positions = [
        ((number + order.sampling_rank(f"turn {item.key}", seed) / 2**64) / len(stratum), item.key, item)
        for stratum in strata
        for number, item in enumerate(stratum)
    ]
    by_key: dict[str, AnnotationItem] = {}
    for _, key, item in sorted(positions, key=lambda position: position[:2]):
        by_key.setdefault(key, item)
    return list(by_key.values())
