"""Rows of a manifest as columns of Arrow, for detectors that search them at once instead of one by one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from auditor.types import Sample

T = TypeVar("T")


class Vocabulary:
    """The distinct texts of a column in several batches. What is derived from a text is computed once for all of them.
    Memory grows with the number of distinct texts."""

    def __init__(self) -> None:
        self._texts = pa.array([], pa.string())
        self._derived: dict[Callable[[str], Any], pa.Array] = {}

    def __len__(self) -> int:
        """The number of distinct texts."""
        return len(self._texts)

    @property
    def size(self) -> int:
        """The memory that the texts take, in bytes."""
        return int(self._texts.nbytes)

    def coded(self, texts: pa.Array) -> CodedTexts:
        """The texts of a batch, (rows,), without nulls."""
        batch = texts.dictionary_encode()
        found = pc.index_in(batch.dictionary, self._texts)
        is_new, number = np.asarray(found.is_null()), np.array(found.fill_null(0), np.int64)
        number[is_new] = len(self._texts) + np.arange(is_new.sum())
        if is_new.any():
            self._texts = pa.concat_arrays([self._texts, batch.dictionary.filter(pa.array(is_new))])
        return CodedTexts(self, number[np.asarray(batch.indices)])

    def derived(self, function: Callable[[str], Any], kind: pa.DataType) -> pa.Array:
        """What a function returns for each distinct text, as values of this type."""
        results = self._derived.get(function, pa.array([], kind))
        if len(results) < len(self):
            of_new = [function(text) for text in self._texts[len(results) :].to_pylist()]
            results = self._derived[function] = pa.concat_arrays([results, pa.array(of_new, kind)])
        return results


@dataclass(frozen=True, slots=True)
class CodedTexts:
    """Texts of rows as numbers in a vocabulary, int64 (rows,)."""

    vocabulary: Vocabulary
    number: np.ndarray

    def take(self, rows: np.ndarray) -> CodedTexts:
        """Those of some rows, by their positions, int64 (n,)."""
        return CodedTexts(self.vocabulary, self.number[rows])

    def derived(self, function: Callable[[str], Any], kind: pa.DataType) -> pa.Array:
        """What a function returns for the text of each row, (rows,) of this type. The function must depend on the text
        alone."""
        return self.vocabulary.derived(function, kind).take(pa.array(self.number))


@dataclass(frozen=True, slots=True)
class RowColumns:
    """Rows that name a URL and no local image. Arrays of Arrow are (rows,).

    key, source, url: texts. caption: texts or null. authority: of the URL (RFC 3986, section 3.2).
    pwatermark: float64 or null. facts: for each row, the cells that say more than these (declarations, settings,
    dates); None if the manifest has no such columns. samples: the samples of rows, by their positions.
    """

    key: pa.Array
    source: pa.Array
    url: pa.Array
    caption: pa.Array
    authority: CodedTexts
    pwatermark: pa.Array
    facts: Sequence[Mapping[str, Any]] | None
    samples: Callable[[np.ndarray], list[Sample]]
    _results: dict[Callable[[RowColumns], Any], Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.key)

    def once(self, function: Callable[[RowColumns], T]) -> T:
        """What a function returns for these rows, computed once however many ask."""
        if function not in self._results:
            self._results[function] = function(self)
        found: T = self._results[function]
        return found

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
