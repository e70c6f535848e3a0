"""Which images people label: a random, stratified sample of those that declared and matched evidence does not decide.

Strata are the audit's verdicts. Within each, rows come in the drawing order of their keys (sampling/drawing.py), so the
labels of a stratum are at any time a uniform sample of it, whenever the labelling stops and however much it is
extended.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.errors import LabelError
from auditor.sampling import drawing
from auditor.types import Label, Status
from auditor.verdicts.picking import Place
from auditor.verdicts.store import Store

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

# The share of synthetic images that is expected in each stratum, for the allocation alone: no estimate rests on it.
EXPECTED: Mapping[Label, float] = {Label.LIKELY_SYNTHETIC: 0.5, Label.UNKNOWN: 0.2, Label.LIKELY_REAL: 0.05}
LEAST = 10  # labels a stratum, if it has as many rows
_BATCH = 16_384
_COLUMNS = ["key", "status", "verdict", "sha256", "drawn"]


@dataclass(frozen=True, slots=True)
class Drawn:
    """One row to label. place: where it is in the dataset. sha256: of its file when it was audited."""

    key: str
    stratum: Label
    place: Place
    sha256: str | None


@dataclass(slots=True)
class _Stratum:
    """The first rows of a stratum, in the drawing order, by (order, key), and how many rows it has in all."""

    rows: int = 0
    first: dict[tuple[int, str], Drawn] = field(default_factory=dict)

    def cut(self, most: int) -> None:
        """Forget all but the first ones."""
        self.first = {order: self.first[order] for order in sorted(self.first)[:most]}


def draw(out: Path, *, seed: int, number: int) -> list[Drawn]:
    """The rows of an audit's folder to label, in the order in which they are to be shown.

    A key that occurs more than once is drawn once. Raises LabelError where no row is left to label.
    """
    strata = {label: _Stratum() for label in EXPECTED}
    for part in Store(out).parts():
        _collect(part.path, part.shard, strata, seed=seed, number=number)
    if not any(stratum.rows for stratum in strata.values()):
        raise LabelError(f"{out}: no image there that could be read and is still undecided: nothing to label")
    sizes = [stratum.rows for stratum in strata.values()]
    counts = allocation(sizes, list(EXPECTED.values()), number)
    chosen = []
    for stratum, count in zip(strata.values(), counts, strict=True):
        stratum.cut(count)
        chosen.append(list(stratum.first.values()))
    return _interleaved(chosen, seed)


def _collect(path: Path, shard: str, strata: Mapping[Label, _Stratum], *, seed: int, number: int) -> None:
    import numpy as np
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    start = 0
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(_BATCH, columns=_COLUMNS):
            ok = pc.and_(pc.equal(batch.column("status"), Status.OK.value), batch.column("drawn"))
            for label, stratum in strata.items():
                mine = pc.and_(ok, pc.equal(batch.column("verdict").fill_null(""), label.value))
                numbers = np.flatnonzero(np.asarray(mine))
                stratum.rows += len(numbers)
                _add(batch, numbers, Place(shard, start), label, stratum, seed=seed, most=number)
            start += batch.num_rows


def _add(
    batch: pa.RecordBatch, numbers: np.ndarray, start: Place, label: Label, stratum: _Stratum, *, seed: int, most: int
) -> None:
    """Of these rows of a batch, those that belong to the first of their stratum."""
    orders = drawing.places(batch.column("key").take(numbers).to_pylist(), seed)
    if len(stratum.first) >= most:
        last, _ = next(reversed(stratum.first))
        is_early = orders <= last
        numbers, orders = numbers[is_early], orders[is_early]
    rows = batch.take(numbers)
    keys, hashes = rows.column("key").to_pylist(), rows.column("sha256").to_pylist()
    for number, order, key, sha256 in zip(numbers.tolist(), orders.tolist(), keys, hashes, strict=True):
        stratum.first.setdefault((order, key), Drawn(key, label, Place(start.shard, start.number + number), sha256))
    stratum.cut(most)


def allocation(sizes: Sequence[int], expected: Sequence[float], total: int, *, least: int = LEAST) -> list[int]:
    """How many labels each stratum gets: Neyman's optimum, with a floor, and no more than its rows.

    One label after the other goes where it lowers the variance most, which is the exact optimum in whole numbers
    (Wright, The American Statistician 66, 2012). A share is taken for no nearer to 0 or 1 than 1 %: it is a guess.
    """
    import heapq

    total = min(total, sum(sizes))
    least = min(least, total // max(1, sum(size > 0 for size in sizes)))
    counts = [min(least, size) for size in sizes]
    pulls = [size * math.sqrt(max(p * (1 - p), 0.0099)) for size, p in zip(sizes, expected, strict=True)]

    def entry(which: int) -> tuple[float, int]:
        n = counts[which]
        return -pulls[which] / math.sqrt(n * (n + 1)) if n else -math.inf, which

    waiting = [entry(which) for which, size in enumerate(sizes) if counts[which] < size]
    heapq.heapify(waiting)
    for _ in range(total - sum(counts)):
        _, which = heapq.heappop(waiting)
        counts[which] += 1
        if counts[which] < sizes[which]:
            heapq.heappush(waiting, entry(which))
    return counts


def _interleaved(strata: Iterable[Sequence[Drawn]], seed: int) -> list[Drawn]:
    """All strata in proportion, each in its own order, each key once.

    A row's turn is jittered by a hash, so that the turn does not give its stratum away.
    """
    turns = [
        ((number + drawing.place(f"turn {drawn.key}", seed) / 2**64) / len(stratum), drawn.key, drawn)
        for stratum in strata
        for number, drawn in enumerate(stratum)
    ]
    once: dict[str, Drawn] = {}
    for _, key, drawn in sorted(turns, key=lambda turn: turn[:2]):
        once.setdefault(key, drawn)
    return list(once.values())
