"""Finds rows that share an image: several captions of one, or tables that name it twice.

Such rows stay, but shares and intervals count an image once. Rows of one audit have the same image if they name the
same URL, or the same place with the same content, or embed the same content in one table and name no URL (unless files
outside a sample of rows were not opened). Two files with the same content are two images; near-duplicates tell of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from auditor import registry
from auditor.config import Config
from auditor.estimate.weights import row_weights
from auditor.evidence_store.store import origin
from auditor.types import Status, VerdictKind

_COLUMNS = ["image", "source", "sha256", "status", "sampled", "verdict", "decided_by", "weight"]
_EMBEDDED = r"#\d+(#\d+)?$"  # the place of an image that is embedded in a row: table#row
_DECIDED = [VerdictKind.SYNTHETIC.value, VerdictKind.EDITED.value]
_BLOCK = 1 << 18  # rows
_ROW_BITS = 56  # of a row's number, below its precedence
_READ = [Status.OK.value, Status.NO_BYTES.value]


@dataclass(frozen=True, slots=True)
class DistinctImages:
    """For each row, in the order of the parts: whether another row counts its image, bool (rows,); a hash of what
    identifies its image, uint64 (rows,); its weight, float64 (rows,), None if the dataset has no weights; and the
    number of the row that counts its image, int (rows,), None if every row counts its own. A row that counts for others
    has their weights too."""

    is_repeat: np.ndarray
    identity: np.ndarray
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
        return DistinctImages(self.is_repeat[part], self.identity[part], *others)


def deciding_everywhere(config: Config) -> frozenset[str] | None:
    """The ids of the detectors that run on rows outside a sample of rows too; None without such a sample."""
    if config.sampling.rows is None:
        return None
    deepest = config.sampling.depth_outside(config.scan.depth)
    return frozenset(id for id in config.scan.detectors if registry.load("detectors", id).needs <= deepest)


def distinct_images(
    parts: Sequence[Path], having: str | None = None, *, deciding: frozenset[str] | None = None
) -> DistinctImages:
    """The distinct images of parts of evidence; of several rows, one that shows the image to be synthetic or edited
    counts, or else the first. having: consider only rows with a value in this column.

    deciding: as deciding_everywhere returns it. Which row counts must not depend on the sample: otherwise images of
    many rows, of which one was drawn, would count with a higher probability than others.

    Takes 18 bytes of memory per row while it looks, and 9 afterwards; 4 more if images are repeated, 8 for weights.
    """
    rows = _Rows(sum(pq.read_metadata(part).num_rows for part in parts))
    for part in parts:
        rows.add(part, having, deciding)
    identity, is_read, precedence, weights = rows.columns()
    repeated = _repeated(identity, is_read)
    if not len(repeated):
        return DistinctImages(np.zeros(len(identity), bool), identity, weights)
    image = _numbers(identity, is_read, repeated)
    counting = _counting_rows(image, precedence, len(repeated))
    is_repeat = image >= 0
    is_repeat[counting] = False
    if weights is not None:
        others = np.flatnonzero(is_repeat)
        np.add.at(weights, counting[image[others]], weights[others])
    for block in _blocks(image):
        own = image[block]
        image[block] = np.where(own >= 0, counting[own], np.arange(block.start, block.start + len(own)))
    return DistinctImages(is_repeat, identity, weights, image)


class _Rows:
    """What decides which rows count, of at most `size` rows."""

    def __init__(self, size: int) -> None:
        self._identity, self._is_read = np.empty(size, np.uint64), np.empty(size, bool)
        self._precedence = np.empty(size, np.uint8)
        self._weights: np.ndarray | None = None
        self._size, self._known = size, 0

    def add(self, part: Path, having: str | None, deciding: frozenset[str] | None) -> None:
        *columns, weights = _read(part, having, deciding)
        some = slice(self._known, self._known + len(columns[0]))
        self._identity[some], self._is_read[some], self._precedence[some] = columns
        if weights is not None:
            self._weights = np.ones(self._size) if self._weights is None else self._weights
            self._weights[some] = weights
        self._known = some.stop

    def columns(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]:
        """As `_read` returns them, of all parts."""
        known = slice(self._known)
        weights = None if self._weights is None else self._weights[known]
        return self._identity[known], self._is_read[known], self._precedence[known], weights


def _repeated(identity: np.ndarray, is_read: np.ndarray) -> np.ndarray:
    """The identities, ascending, that more than one of the rows that were read has, uint64 (images,)."""
    in_order = identity[is_read]
    in_order.sort()
    is_same = in_order[1:] == in_order[:-1]  # as the one before
    is_second = is_same & ~np.concatenate([[False], is_same[:-1]])[: len(is_same)]
    repeated: np.ndarray = in_order[1:][is_second]
    return repeated


def _numbers(identity: np.ndarray, is_read: np.ndarray, repeated: np.ndarray) -> np.ndarray:
    """The place of each row's image among the repeated ones, -1 for other rows: int32 (rows,), int64 for more than 2^31
    rows."""
    number = np.empty(len(identity), np.int32 if len(identity) < 1 << 31 else np.int64)
    for block in _blocks(identity):
        at = np.minimum(np.searchsorted(repeated, identity[block]), len(repeated) - 1)
        number[block] = np.where(is_read[block] & (repeated[at] == identity[block]), at, -1)
    return number


def _counting_rows(image: np.ndarray, precedence: np.ndarray, images: int) -> np.ndarray:
    """The row that counts each repeated image, int64 (images,): the first of the lowest precedence."""
    lowest = np.full(images, np.iinfo(np.uint64).max)
    for block in _blocks(image):
        rows = np.flatnonzero(image[block] >= 0) + block.start
        np.minimum.at(lowest, image[rows], (precedence[rows].astype(np.uint64) << _ROW_BITS) | rows.astype(np.uint64))
    return (lowest & np.uint64((1 << _ROW_BITS) - 1)).astype(np.int64)


def _blocks(rows: np.ndarray) -> Iterator[slice]:
    """Consecutive rows, so that temporary arrays stay small."""
    for start in range(0, len(rows), _BLOCK):
        yield slice(start, start + _BLOCK)


def _precedence(table: pa.Table, deciding: frozenset[str] | None) -> np.ndarray:
    verdict = table["verdict"]
    if deciding is not None:
        verdict = pc.if_else(pc.is_in(table["decided_by"], pa.array(sorted(deciding), pa.string())), verdict, None)
    precedence: np.ndarray = np.asarray(pc.index_in(verdict, pa.array(_DECIDED)).fill_null(len(_DECIDED)))
    return precedence.astype(np.uint8)


def _read(
    part: Path, having: str | None, deciding: frozenset[str] | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]:
    """For each row of a part: the hash of what identifies its image (uint64), whether the image was read, the place of
    the row among those of its image (uint8), and its weight; None instead of weights if the part has none. having,
    deciding: see `distinct_images`."""
    import pandas as pd

    table = pq.read_table(part, columns=[*_COLUMNS, *([having] if having else [])], use_threads=False)
    table = (table.filter(table[having].is_valid()) if having else table).combine_chunks()
    place, content, audit = table["image"], _contents(table), origin(part)
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
        _precedence(table, deciding),
        row_weights({"weight": table["weight"]}).copy() if table["weight"].null_count < len(table) else None,
    )


def _contents(table: pa.Table) -> pa.ChunkedArray:
    """The digest of each image; empty for all, so that rows count, where files outside a sample of rows were not
    opened: among the few that were, images of many rows would be too frequent."""
    is_closed = pc.and_(pc.invert(table["sampled"]), table["sha256"].is_null())
    if pc.any(pc.and_(is_closed, pc.is_in(table["status"], pa.array(_READ)))).as_py():
        return pa.array([""] * len(table), pa.string())
    return table["sha256"].fill_null("")
