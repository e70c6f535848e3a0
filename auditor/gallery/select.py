"""Selects the rows of an audit that are shown: for each detector and verdict the strongest ones, and random ones.

It takes one streaming pass over the evidence and keeps a few rows per group. "Random" is the order of a hash of the
key, so that the same evidence gives the same rows, however it is split into parts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from auditor.evidence_store.rows import hits, looked, rows_with
from auditor.evidence_store.selection import RowRef
from auditor.gallery.best import Best
from auditor.plugin import CONTRADICTION
from auditor.types import Evidence, Status, Tier, VerdictKind

_MIN_ROWS_PER_GROUP = 4  # however many groups there are
_COLUMNS = ["key", "status", "verdict", "camera"]
_TIERS = [None, *(tier.value for tier in reversed(Tier))]  # weakest first
_DECIDED = (VerdictKind.SYNTHETIC.value, VerdictKind.EDITED.value)
_GUESSED = (VerdictKind.LIKELY_SYNTHETIC.value, VerdictKind.LIKELY_REAL.value, VerdictKind.UNKNOWN.value)


class Group(NamedTuple):
    """Rows of one verdict with a signal of one detector, or with contradictory metadata (name: CONTRADICTION)."""

    name: str
    verdict: str


def examples(parts: Iterable[tuple[str, Path]], most: int) -> dict[Group, list[RowRef]]:
    """About `most` rows, by group; half of each group are its strongest. parts: (shard, file) pairs."""
    best: dict[Group, tuple[Best, Best]] = {}
    for shard, row, batch in _batches(parts):
        for group, numbers, strengths, hashes in _grouped(batch):
            strongest, random = best.setdefault(group, (Best(most), Best(most)))
            strongest.add(shard, row[numbers], -strengths, hashes)
            random.add(shard, row[numbers], hashes * 0.0, hashes)
    share = max(_MIN_ROWS_PER_GROUP, most // max(len(best), 1))
    chosen = {group: _mixed(*pair, share) for group, pair in sorted(best.items())}
    return take_in_turn(chosen, most)


def decided(parts: Iterable[tuple[str, Path]], most: int) -> list[RowRef]:
    """Up to `most` rows confirmed by metadata, watermarks or known images, the strongest evidence first."""
    best = Best(most)
    for shard, row, batch in _batches(parts):
        wanted = np.asarray(pc.is_in(batch.column("verdict"), _strings(_DECIDED)))
        for group, numbers, strengths, hashes in _grouped(batch.filter(pa.array(wanted))):
            if group.name != CONTRADICTION:
                best.add(shard, row[wanted][numbers], -strengths, hashes)
    return best.refs()


def _batches(parts: Iterable[tuple[str, Path]]) -> Iterator[tuple[str, np.ndarray, pa.RecordBatch]]:
    """Rows that may be in a group: shard, numbers in the part (int64) and evidence."""
    for shard, path in parts:
        for numbers, batch in rows_with(path, _is_shown, _COLUMNS):
            yield shard, numbers, batch


def _is_shown(signals: pa.StructArray) -> np.ndarray:
    """Hits and results of classifiers: bool, one per signal."""
    is_model = np.asarray(pc.equal(signals.field("evidence"), Evidence.STATISTICAL.value))
    shown: np.ndarray = (is_model & looked(signals)) | hits(signals)
    return shown


def _grouped(batch: pa.RecordBatch) -> Iterator[tuple[Group, np.ndarray, np.ndarray, np.ndarray]]:
    """Each group of a batch, with its rows' numbers (int64), strengths (float64) and key hashes (uint64)."""
    import pandas as pd

    hashes = pd.util.hash_array(batch.column("key").to_numpy(zero_copy_only=False), categorize=False)
    verdict = np.asarray(batch.column("verdict").fill_null(""), dtype=object)
    shown = np.asarray(pc.is_in(batch.column("status"), _strings([Status.OK.value, Status.NO_BYTES.value])))
    strongest = np.zeros(len(batch))
    for id, is_model, rows, hit, strength in _by_detector(batch.column("signals")):
        strongest[rows] = np.maximum(strongest[rows], np.where(hit, strength, 0))
        codes = pa.array(verdict[rows], pa.string()).dictionary_encode()
        for code, label in enumerate(codes.dictionary.to_pylist()):
            if not label or (is_model and label not in _GUESSED):
                continue
            in_group = (np.asarray(codes.indices) == code) & shown[rows] & (hit | is_model)
            if in_group.any():
                value = (
                    np.where(label == VerdictKind.LIKELY_REAL.value, 1 - strength, strength) if is_model else strength
                )
                yield Group(id, label), rows[in_group], value[in_group], hashes[rows[in_group]]
    numbers = np.flatnonzero(np.asarray(batch.column("camera").is_valid()) & (verdict == _DECIDED[0]) & shown)
    if len(numbers):
        yield Group(CONTRADICTION, _DECIDED[0]), numbers, strongest[numbers], hashes[numbers]


def _by_detector(
    signals: pa.ListArray,
) -> Iterator[tuple[str, bool, np.ndarray, np.ndarray, np.ndarray]]:
    """For each detector with hits, and each classifier with results: id, whether it is a classifier, rows, hits and
    strengths.

    A classifier's strength is its score; otherwise the strength is the tier and, within a tier, the score.
    """
    flat, row = signals.flatten(), np.asarray(pc.list_parent_indices(signals))
    shown = _is_shown(flat)
    flat, row = flat.filter(pa.array(shown)), row[shown]
    detectors = flat.field("detector").dictionary_encode()
    for code, id in sorted(enumerate(detectors.dictionary.to_pylist()), key=lambda pair: str(pair[1])):
        of_detector = np.asarray(detectors.indices) == code
        own_signals = flat.filter(pa.array(of_detector))
        score = np.asarray(own_signals.field("score").fill_null(0.0))
        if own_signals.field("evidence")[0].as_py() == Evidence.STATISTICAL.value:
            yield id, True, row[of_detector], hits(own_signals), score
        else:
            tier = np.asarray(pc.index_in(own_signals.field("tier"), _strings(_TIERS)).fill_null(0))
            yield id, False, row[of_detector], hits(own_signals), tier + score / 2


def _strings(values: Sequence[str | None]) -> pa.Array:
    """An Arrow array of strings."""
    return pa.array(values, pa.string())


def _mixed(strongest: Best, random: Best, most: int) -> list[RowRef]:
    first = strongest.refs()[: (most + 1) // 2]
    rest = [ref for ref in random.refs() if ref not in first]
    return first + rest[: most - len(first)]


def take_in_turn(chosen: Mapping[Group, list[RowRef]], most: int) -> dict[Group, list[RowRef]]:
    """At most `most` rows of all groups, taken from each group in turn."""
    kept: dict[Group, list[RowRef]] = {group: [] for group in chosen}
    count = 0
    for turn in range(max(map(len, chosen.values()), default=0)):
        for group, refs in chosen.items():
            if turn < len(refs) and count < most:
                kept[group].append(refs[turn])
                count += 1
    return {group: refs for group, refs in kept.items() if refs}
