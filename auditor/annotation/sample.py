"""Which images people label: a random, stratified sample of those that declared and matched evidence does not decide.

Strata are the rows of about one weight of each of the audit's verdicts (labels/strata.py), so that a row is the
likelier drawn the more it weighs. Within each, rows come in the drawing order of their keys (sampling/drawing.py), so
the labels of a stratum are at any time a uniform sample of it, whenever the labelling stops and however much it is
extended.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.annotation.strata import Stratum, strata
from auditor.errors import LabelError
from auditor.estimate.weights import row_weights
from auditor.evidence_store.selection import RowRef
from auditor.evidence_store.store import Store
from auditor.sampling import order
from auditor.types import Status, VerdictKind

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

# The share of synthetic images that is expected in each stratum, for the allocation alone: no estimate rests on it.
EXPECTED: Mapping[VerdictKind, float] = {
    VerdictKind.LIKELY_SYNTHETIC: 0.5,
    VerdictKind.UNKNOWN: 0.2,
    VerdictKind.LIKELY_REAL: 0.05,
}
LEAST = 10  # labels a stratum, if it has as many rows
_BATCH = 16_384
_COLUMNS = ["key", "status", "verdict", "sha256", "sampled", "weight"]


@dataclass(frozen=True, slots=True)
class AnnotationItem:
    """One row to label. stratum: its verdict. place: where it is in the dataset. sha256: of its file when it was
    audited."""

    key: str
    stratum: VerdictKind
    place: RowRef
    sha256: str | None


@dataclass(slots=True)
class _LowestRanks:
    """The first rows of a stratum, in the drawing order, by (order, key); how many rows it has in all, what they weigh,
    and the heaviest of them."""

    rows: int = 0
    weight: float = 0.0
    heaviest: float = 0.0
    first: dict[tuple[int, str], AnnotationItem] = field(default_factory=dict)

    def cut(self, most: int) -> None:
        """Forget all but the first ones."""
        self.first = {order: self.first[order] for order in sorted(self.first)[:most]}


def draw(out: Path, *, seed: int, number: int) -> list[AnnotationItem]:
    """The rows of an audit's folder to label, in the order in which they are to be shown.

    A key that occurs more than once is drawn once. Raises LabelError where no row is left to label.
    """
    found: dict[Stratum, _LowestRanks] = defaultdict(_LowestRanks)
    for part in Store(out).parts():
        _collect(part.path, part.shard, found, seed=seed, number=number)
    if not any(first.rows for first in found.values()):
        raise LabelError(f"{out}: no image there that could be read and is still undecided: nothing to label")
    by_verdict = [[found[stratum] for stratum in sorted(found) if stratum.label is label] for label in EXPECTED]
    counts = allocation(
        [sum(first.rows for first in verdict) for verdict in by_verdict],
        list(EXPECTED.values()),
        number,
        weights=[sum(first.weight for first in verdict) for verdict in by_verdict],
    )
    for verdict, count in zip(by_verdict, counts, strict=True):
        for first, n in zip(verdict, by_weight([(s.rows, s.heaviest) for s in verdict], count), strict=True):
            first.cut(n)
    return _interleaved([list(first.first.values()) for first in chain(*by_verdict)], seed)


def _collect(path: Path, shard: str, found: Mapping[Stratum, _LowestRanks], *, seed: int, number: int) -> None:
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    start = 0
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(_BATCH, columns=_COLUMNS):
            ok = pc.and_(pc.equal(batch.column("status"), Status.OK.value), batch.column("sampled"))
            verdict = pc.if_else(ok, batch.column("verdict").fill_null(""), "").to_numpy(zero_copy_only=False)
            weights = row_weights({"weight": batch.column("weight")})
            for stratum, numbers in strata(verdict, weights):
                first = found[stratum]
                first.rows += len(numbers)
                first.weight += float(weights[numbers].sum())
                first.heaviest = max(first.heaviest, float(weights[numbers].max()))
                _add(batch, numbers, RowRef(shard, start), stratum.label, first, seed=seed, most=number)
            start += batch.num_rows


def _add(
    batch: pa.RecordBatch,
    numbers: np.ndarray,
    start: RowRef,
    label: VerdictKind,
    stratum: _LowestRanks,
    *,
    seed: int,
    most: int,
) -> None:
    """Of these rows of a batch, those that belong to the first of their stratum."""
    ranks = order.sampling_ranks(batch.column("key").take(numbers).to_pylist(), seed)
    if len(stratum.first) >= most:
        last, _ = next(reversed(stratum.first))
        is_early = ranks <= last
        numbers, ranks = numbers[is_early], ranks[is_early]
    rows = batch.take(numbers)
    keys, hashes = rows.column("key").to_pylist(), rows.column("sha256").to_pylist()
    for number, rank, key, sha256 in zip(numbers.tolist(), ranks.tolist(), keys, hashes, strict=True):
        stratum.first.setdefault(
            (rank, key), AnnotationItem(key, label, RowRef(start.shard, start.number + number), sha256)
        )
    stratum.cut(most)


def allocation(
    sizes: Sequence[int],
    expected: Sequence[float],
    total: int,
    *,
    weights: Sequence[float] | None = None,
    least: int = LEAST,
) -> list[int]:
    """How many labels each verdict gets: Neyman's optimum, with a floor, and no more than its rows.

    One label after the other goes where it lowers the variance most, which is the exact optimum in whole numbers
    (Wright, The American Statistician 66, 2012). A share is taken for no nearer to 0 or 1 than 1 %: it is a guess.
    weights: what the rows weigh together (default: their number).
    """
    total = min(total, sum(sizes))
    least = min(least, total // max(1, sum(size > 0 for size in sizes)))
    counts = [min(least, size) for size in sizes]
    pulls = [weight * math.sqrt(max(p * (1 - p), 0.0099)) for weight, p in zip(weights or sizes, expected, strict=True)]
    return _one_by_one(counts, sizes, total, lambda which, n: pulls[which] / math.sqrt(n * (n + 1)) if n else math.inf)


def by_weight(strata: Sequence[tuple[int, float]], total: int) -> list[int]:
    """How many labels of a verdict's each of its strata of about one weight gets, by (rows, heaviest row), and no more
    than its rows: what the labels are worth rests on the largest rows * heaviest / labels, which this makes smallest
    (D'Hondt's method)."""
    sizes = [rows for rows, _ in strata]

    def need(which: int, n: int) -> float:
        rows, heaviest = strata[which]
        return rows * heaviest / n if n else math.inf

    return _one_by_one([0] * len(strata), sizes, min(total, sum(sizes)), need)


def _one_by_one(counts: list[int], sizes: Sequence[int], total: int, need: Callable[[int, int], float]) -> list[int]:
    """Each count raised, up to its size, as often as it is the one that needs it most, until they make up the total."""
    import heapq

    def entry(which: int) -> tuple[float, int]:
        return -need(which, counts[which]), which

    waiting = [entry(which) for which, size in enumerate(sizes) if counts[which] < size]
    heapq.heapify(waiting)
    for _ in range(total - sum(counts)):
        _, which = heapq.heappop(waiting)
        counts[which] += 1
        if counts[which] < sizes[which]:
            heapq.heappush(waiting, entry(which))
    return counts


def _interleaved(strata: Iterable[Sequence[AnnotationItem]], seed: int) -> list[AnnotationItem]:
    """All strata in proportion, each in its own order, each key once.

    A row's turn is jittered by a hash, so that the turn does not give its stratum away.
    """
    turns = [
        ((number + order.sampling_rank(f"turn {drawn.key}", seed) / 2**64) / len(stratum), drawn.key, drawn)
        for stratum in strata
        for number, drawn in enumerate(stratum)
    ]
    once: dict[str, AnnotationItem] = {}
    for _, key, drawn in sorted(turns, key=lambda turn: turn[:2]):
        once.setdefault(key, drawn)
    return list(once.values())
