"""Selects the most suspicious rows of an audit: of the whole dataset, and of its suspicious sources or shards.

Rows that metadata, a watermark or a known image decides come first, then the highest scores of the classifier; equal
ones in the order of a hash of the key, so that the same evidence gives the same rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from auditor.evidence_store.rows import rows_where
from auditor.evidence_store.selection import RowRef
from auditor.gallery.best import Best
from auditor.plugin import SUSPICIOUS, of_subgroup
from auditor.results import Subgroup
from auditor.types import Status, VerdictKind

MOST, MOST_OF_SUBGROUP = 12, 4  # rows
_DECISIVE, _OTHERS = ["status", "verdict", "p_synthetic"], ["key", "source", "sampled"]
_CONFIRMED = (VerdictKind.SYNTHETIC.value, VerdictKind.EDITED.value)


def suspicious(parts: Iterable[tuple[str, Path]], subgroups: Sequence[Subgroup]) -> Mapping[str, list[RowRef]]:
    """The MOST most suspicious rows, half of them confirmed if there are that many; then MOST_OF_SUBGROUP rows of each
    subgroup (sources or shards). parts: (shard, file) pairs."""
    confirmed, scored = Best(MOST), Best(MOST)
    of = {(each.by, each.value): Best(MOST_OF_SUBGROUP) for each in subgroups}
    for shard, numbers, source, ranks, hashes in _ranked(parts):
        for best, is_wanted in ((confirmed, ranks < 0), (scored, ranks >= 0)):
            best.add(shard, numbers[is_wanted], ranks[is_wanted], hashes[is_wanted])
        for (by, value), best in of.items():
            is_member = np.full(len(ranks), shard == value) if by == "shard" else source == value
            best.add(shard, numbers[is_member], ranks[is_member], hashes[is_member])
    half = max(MOST // 2, MOST - len(scored.refs()))
    first = confirmed.refs()[:half]
    first += scored.refs()[: MOST - len(first)]
    return {SUSPICIOUS: first, **{of_subgroup(*which): best.refs() for which, best in of.items()}}


def _ranked(
    parts: Iterable[tuple[str, Path]],
) -> Iterator[tuple[str, np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Of each batch the rows whose image is confirmed or has a score: shard, row numbers (int64), sources, ranks
    (float64, the most suspicious lowest: negative if confirmed, else 1 - score) and hashes of the keys (uint64).
    Confirmed rows outside of the sample come after the others, because their images are not shown."""
    import pandas as pd

    for shard, path in parts:
        for numbers, rows in rows_where(path, _DECISIVE, _is_confirmed_or_scored, _OTHERS):
            hashes = pd.util.hash_array(rows["key"].to_numpy(), categorize=False)
            confirmed = np.where(np.asarray(rows["sampled"]), -2.0, -1.0)
            ranks = np.where(_is_confirmed(rows), confirmed, 1.0 - rows["p_synthetic"].fill_null(np.nan).to_numpy())
            yield shard, numbers, rows["source"].to_numpy(), ranks, hashes


def _is_confirmed(rows: pa.Table) -> np.ndarray:
    confirmed: np.ndarray = np.asarray(pc.is_in(rows["verdict"], pa.array(_CONFIRMED, pa.string())))
    return confirmed


def _is_confirmed_or_scored(rows: pa.Table) -> np.ndarray:
    is_read = np.asarray(pc.equal(rows["status"], Status.OK.value))
    wanted: np.ndarray = is_read & (_is_confirmed(rows) | np.asarray(rows["p_synthetic"].is_valid()))
    return wanted
