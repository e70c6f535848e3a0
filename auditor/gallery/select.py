"""Which rows of an audit are shown: of each detector and verdict the strongest, and others as good as at random.

One streaming pass over the evidence; memory is a few rows a group. "At random" is the order of a hash of the key, so
that the same evidence gives the same rows, whatever the parts they lie in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from auditor.evidence_store.rows import hits, looked
from auditor.evidence_store.selection import RowRef
from auditor.plugin import CONTRADICTION
from auditor.types import Evidence, Status, Tier, VerdictKind

_BATCH = 16_384
_LEAST = 4  # rows a group, however many groups there are
_COLUMNS = ["key", "status", "verdict", "camera", "signals"]
_TIERS = [None, *(tier.value for tier in reversed(Tier))]  # weakest first
_DECIDED = (VerdictKind.SYNTHETIC.value, VerdictKind.EDITED.value)
_GUESSED = (VerdictKind.LIKELY_SYNTHETIC.value, VerdictKind.LIKELY_REAL.value, VerdictKind.UNKNOWN.value)


class Group(NamedTuple):
    """Rows of one verdict that a detector had its say in, or that contradict themselves."""

    name: str
    verdict: str


def examples(parts: Iterable[tuple[str, Path]], most: int) -> dict[Group, list[RowRef]]:
    """About `most` rows, by group: half of each group's are its strongest. parts: shard and file."""
    best: dict[Group, tuple[_Best, _Best]] = {}
    for shard, start, batch in _batches(parts):
        for group, numbers, strengths, hashes in _grouped(batch):
            strongest, random = best.setdefault(group, (_Best(most), _Best(most)))
            strongest.add(shard, numbers + start, -strengths, hashes)
            random.add(shard, numbers + start, hashes * 0.0, hashes)
    share = max(_LEAST, most // max(len(best), 1))
    chosen = {group: _mixed(*pair, share) for group, pair in sorted(best.items())}
    return within(chosen, most)


def decided(parts: Iterable[tuple[str, Path]], most: int) -> list[RowRef]:
    """Up to `most` rows that declared or matched evidence decides, the strongest evidence first."""
    best = _Best(most)
    for shard, start, batch in _batches(parts):
        wanted = np.asarray(pc.is_in(batch.column("verdict"), _strings(_DECIDED)))
        places = np.flatnonzero(wanted) + start
        for group, numbers, strengths, hashes in _grouped(batch.filter(pa.array(wanted))):
            if group.name != CONTRADICTION:
                best.add(shard, places[numbers], -strengths, hashes)
    return best.places()


def _batches(parts: Iterable[tuple[str, Path]]) -> Iterator[tuple[str, int, pa.RecordBatch]]:
    for shard, path in parts:
        start = 0
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(_BATCH, columns=_COLUMNS):
                yield shard, start, batch
                start += batch.num_rows


def _grouped(batch: pa.RecordBatch) -> Iterator[tuple[Group, np.ndarray, np.ndarray, np.ndarray]]:
    """Each group of a batch: numbers of its rows (int64), how strong each is (float64), hashes of keys (uint64)."""
    import pandas as pd

    hashes = pd.util.hash_array(batch.column("key").to_numpy(zero_copy_only=False))
    verdict = np.asarray(batch.column("verdict").fill_null(""), dtype=object)
    shown = np.asarray(pc.is_in(batch.column("status"), _strings([Status.OK.value, Status.NO_BYTES.value])))
    strongest = np.zeros(len(batch))
    for id, is_model, rows, hit, strength in _by_detector(batch.column("signals")):
        strongest[rows] = np.maximum(strongest[rows], np.where(hit, strength, 0))
        codes = pa.array(verdict[rows], pa.string()).dictionary_encode()
        for code, label in enumerate(codes.dictionary.to_pylist()):
            if not label or (is_model and label not in _GUESSED):
                continue
            found = (np.asarray(codes.indices) == code) & shown[rows] & (hit | is_model)
            if found.any():
                value = (
                    np.where(label == VerdictKind.LIKELY_REAL.value, 1 - strength, strength) if is_model else strength
                )
                yield Group(id, label), rows[found], value[found], hashes[rows[found]]
    numbers = np.flatnonzero(np.asarray(batch.column("camera").is_valid()) & (verdict == _DECIDED[0]) & shown)
    if len(numbers):
        yield Group(CONTRADICTION, _DECIDED[0]), numbers, strongest[numbers], hashes[numbers]


def _by_detector(
    signals: pa.ListArray,
) -> Iterator[tuple[str, bool, np.ndarray, np.ndarray, np.ndarray]]:
    """Each detector that found something, or is a model that looked: whether it is one, rows, hits, how strong each is.

    A model's strength is its score; otherwise it is the tier and, within it, the score.
    """
    flat, row = signals.flatten(), np.asarray(pc.list_parent_indices(signals))
    is_model = pc.equal(flat.field("evidence"), Evidence.STATISTICAL.value)
    shown = (np.asarray(is_model) & looked(flat)) | hits(flat)
    flat, row = flat.filter(pa.array(shown)), row[shown]
    detectors = flat.field("detector").dictionary_encode()
    for code, id in sorted(enumerate(detectors.dictionary.to_pylist()), key=lambda found: str(found[1])):
        mine = np.asarray(detectors.indices) == code
        own = flat.filter(pa.array(mine))
        score = np.asarray(own.field("score").fill_null(0.0))
        if own.field("evidence")[0].as_py() == Evidence.STATISTICAL.value:
            yield id, True, row[mine], hits(own), score
        else:
            tier = np.asarray(pc.index_in(own.field("tier"), _strings(_TIERS)).fill_null(0))
            yield id, False, row[mine], hits(own), tier + score / 2


def _strings(values: Sequence[str | None]) -> pa.Array:
    """As an arrow array of strings."""
    return pa.array(values, pa.string())


class _Best:
    """The first `most` rows in order of rank, then of the key's hash, each once."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._rows: dict[RowRef, tuple[float, int]] = {}

    def add(self, shard: str, numbers: np.ndarray, ranks: np.ndarray, hashes: np.ndarray) -> None:
        """More rows of one shard."""
        for index in np.lexsort((hashes, ranks))[: self._most].tolist():
            place = RowRef(shard, int(numbers[index]))
            rank = (float(ranks[index]), int(hashes[index]))
            self._rows[place] = min(rank, self._rows.get(place, rank))
        if len(self._rows) > self._most:
            self._rows = {place: self._rows[place] for place in self.places()}

    def places(self) -> list[RowRef]:
        """In order."""
        return sorted(self._rows, key=lambda place: (*self._rows[place], place))[: self._most]


def _mixed(strongest: _Best, random: _Best, most: int) -> list[RowRef]:
    first = strongest.places()[: (most + 1) // 2]
    rest = [place for place in random.places() if place not in first]
    return first + rest[: most - len(first)]


def within(chosen: Mapping[Group, list[RowRef]], most: int) -> dict[Group, list[RowRef]]:
    """At most `most` over all groups, taken from each in turn."""
    kept: dict[Group, list[RowRef]] = {group: [] for group in chosen}
    count = 0
    for turn in range(max(map(len, chosen.values()), default=0)):
        for group, places in chosen.items():
            if turn < len(places) and count < most:
                kept[group].append(places[turn])
                count += 1
    return {group: places for group, places in kept.items() if places}
