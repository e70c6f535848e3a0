"""Finds rows that share an image: several captions of one, or tables that name it twice.

Such rows stay, but shares and intervals count an image once. Rows of one audit have the same image if they name the
same URL, or the same place with the same content, or embed the same content in one table and name no URL. Two files
with the same content are two images; near-duplicates tell of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from auditor.estimate.weights import row_weights
from auditor.evidence_store.store import origin
from auditor.types import Status, VerdictKind

_COLUMNS = ["image", "source", "sha256", "status", "sampled", "verdict", "weight"]
_EMBEDDED = r"#\d+(#\d+)?$"  # the place of an image that is embedded in a row: table#row
_DECIDED = [VerdictKind.SYNTHETIC.value, VerdictKind.EDITED.value]
_READ = [Status.OK.value, Status.NO_BYTES.value]


@dataclass(frozen=True, slots=True)
class DistinctImages:
    """For each row, in the order of the parts: whether another row counts its image, bool (rows,); its weight, float64
    (rows,), None if the dataset has no weights; and the number of the row that counts its image, int64 (rows,), None if
    every row counts its own. A row that counts for others has their weights too."""

    is_repeat: np.ndarray
    given_weights: np.ndarray | None = None
    counted_by: np.ndarray | None = None

    @property
    def weights(self) -> np.ndarray:
        """The weight of each row, float64 (rows,): 1 in a dataset without weights."""
        return np.ones(len(self.is_repeat)) if self.given_weights is None else self.given_weights

    def at(self, first: int, rows: int) -> DistinctImages:
        """The same of some consecutive rows."""
        part = slice(first, first + rows)
        others = (None if each is None else each[part] for each in (self.given_weights, self.counted_by))
        return DistinctImages(self.is_repeat[part], *others)


def distinct_images(parts: Sequence[Path]) -> DistinctImages:
    """The distinct images of parts of evidence; of several rows, one that was sampled counts before the others,
    then one that shows the image to be synthetic or edited, then the first. Takes 18 bytes of memory per row while it
    looks, more if images are repeated or rows have weights, and one byte afterwards."""
    ends = np.cumsum([0, *(pq.read_metadata(part).num_rows for part in parts)])
    identity, is_read, precedence = (np.empty(ends[-1], kind) for kind in (np.uint64, bool, np.uint8))
    weights = None
    for part, start, stop in zip(parts, ends, ends[1:], strict=False):
        *columns, own_weights = _read(part)
        for whole, own in zip((identity, is_read, precedence), columns, strict=True):
            whole[start:stop] = own
        if own_weights is not None:
            weights = np.ones(ends[-1]) if weights is None else weights
            weights[start:stop] = own_weights
    is_repeat = np.zeros(len(identity), bool)
    rows = _repeated(identity, is_read)
    if not len(rows):
        return DistinctImages(is_repeat, weights)
    rows = rows[np.lexsort((rows, precedence[rows], identity[rows]))]
    is_first = np.diff(identity[rows], prepend=~identity[rows[:1]]) != 0
    is_repeat[rows] = ~is_first
    if weights is not None:
        weights[rows[is_first]] = np.add.reduceat(weights[rows], np.flatnonzero(is_first))
    counted_by = np.arange(len(identity))
    counted_by[rows] = rows[is_first][np.cumsum(is_first) - 1]
    return DistinctImages(is_repeat, weights, counted_by)


def _repeated(identity: np.ndarray, is_read: np.ndarray) -> np.ndarray:
    """The rows whose image was read and is that of another such row, int64."""
    in_order = identity[is_read]
    in_order.sort()
    repeated = np.unique(in_order[1:][in_order[1:] == in_order[:-1]])
    return np.flatnonzero(is_read & np.isin(identity, repeated)) if len(repeated) else np.zeros(0, np.int64)


def _precedence(table: pa.Table) -> np.ndarray:
    verdict = pc.index_in(table["verdict"], pa.array(_DECIDED)).fill_null(len(_DECIDED))
    precedence: np.ndarray = (np.where(np.asarray(table["sampled"]), 0, 8) + np.asarray(verdict)).astype(np.uint8)
    return precedence


def _read(part: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]:
    """For each row of a part: the hash of what identifies its image (uint64), whether the image was read, the place of
    the row among those of its image (uint8), and its weight; None instead of weights if the part has none."""
    import pandas as pd

    table = pq.read_table(part, columns=_COLUMNS, use_threads=False).combine_chunks()
    place, content, audit = table["image"], table["sha256"].fill_null(""), origin(part)
    is_address = pc.match_substring(place, "://")
    if pc.all(is_address).as_py() and not audit:
        identity = place
    else:
        table_name = pc.replace_substring_regex(place, _EMBEDDED, "")
        is_in_table = pc.and_(pc.not_equal(table_name, place), pc.equal(table_name, table["source"]))  # and has no URL
        name = pc.if_else(pc.and_(is_in_table, pc.not_equal(content, "")), table_name, place)
        own = pc.binary_join_element_wise(name, content, audit, "\n")
        identity = own if audit else pc.if_else(is_address, place, own)
    names = identity.to_numpy()
    return (
        pd.util.hash_array(names, categorize=False) if len(names) else np.zeros(0, np.uint64),
        np.asarray(pc.is_in(table["status"], pa.array(_READ))),
        _precedence(table),
        row_weights({"weight": table["weight"]}).copy() if table["weight"].null_count < len(table) else None,
    )
