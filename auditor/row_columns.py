"""Rows of a manifest as columns of Arrow, for detectors that search them at once instead of one by one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from auditor.types import Sample

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class RowColumns:
    """Rows that name a URL and no local image. Arrays of Arrow are (rows,).

    key, source, url: texts. caption: texts or null. authority: of the URL (RFC 3986, section 3.2), dictionary-encoded.
    pwatermark: float64 or null. facts: for each row, the cells that say more than these (declarations, settings,
    dates); None if the manifest has no such columns. samples: the samples of rows, by their positions.
    """

    key: pa.Array
    source: pa.Array
    url: pa.Array
    caption: pa.Array
    authority: pa.DictionaryArray
    pwatermark: pa.Array
    facts: Sequence[Mapping[str, Any]] | None
    samples: Callable[[np.ndarray], list[Sample]]

    def __len__(self) -> int:
        return len(self.key)

    def take(self, rows: np.ndarray) -> RowColumns:
        """Some of the rows, by their positions, int64 (n,)."""
        if len(rows) == len(self):
            return self
        return RowColumns(
            key=self.key.take(rows),
            source=self.source.take(rows),
            url=self.url.take(rows),
            caption=self.caption.take(rows),
            authority=self.authority.take(rows),
            pwatermark=self.pwatermark.take(rows),
            facts=None if self.facts is None else [self.facts[row] for row in rows.tolist()],
            samples=lambda some: self.samples(rows[some]),
        )


def apart(is_candidate: Any) -> np.ndarray:
    """Numbers for `Detector.alike`: each candidate has a result of its own, and all other rows share one.

    is_candidate: bool (rows,), of Arrow or numpy.
    """
    candidates = np.asarray(is_candidate)
    numbers: np.ndarray = np.where(candidates, np.arange(1, len(candidates) + 1), 0)
    return numbers
