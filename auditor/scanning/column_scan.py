"""Rows of a manifest that name URLs, scanned as columns: the same evidence as row by row, at a small part of the cost.

A detector names the rows that are alike (Detector.alike), and examines one row of each kind. Detectors that need more
than rows find nothing to open, which is the same for all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from auditor.captions import marks
from auditor.config import Limits
from auditor.evidence_store.columns import schema, signal_structs
from auditor.evidence_store.fuse import fuse
from auditor.evidence_store.signal_encoding import BaseLists, without_hit
from auditor.images import covariates
from auditor.images.view import View
from auditor.plugin import Detector
from auditor.row_columns import RowColumns
from auditor.sampling.rows import SamplePlan
from auditor.scanning.detect import run_detector, view_of
from auditor.types import Need, Signal, Status

_VIEWS = 4096  # that a detector examines at once, of rows that are like no other


@dataclass(frozen=True)
class ColumnScan:
    """Makes evidence of rows. depth: of the scan. sample_plan: must treat all rows alike, as in or outside the
    sample. is_searching_captions: give rows the marks of their captions."""

    detectors: Sequence[Detector]
    limits: Limits
    depth: Need
    sample_plan: SamplePlan | None
    is_searching_captions: bool

    def table(self, columns: RowColumns, bases: BaseLists) -> pa.Table:
        """The evidence of these rows, in its stored form."""
        n, (first,) = len(columns), self._views(columns, np.zeros(1, np.int64))
        coded = [self._coded(detector, columns, first) for detector in self.detectors]
        signals = _Signals(coded, n)
        base = bases.number(signals.base)
        own = signals.where_other_than_base if base is not None else np.ones((n, len(coded)), bool)
        verdicts = signals.verdicts()
        fixed = {
            "status": Status.NO_BYTES.value,
            "reason": first.unavailable_reason(Need.FILE) or "",
            "sampled": first.is_sampled,
            "signal_base": base,
        }
        facts = columns.facts or ()
        kinds = schema()
        arrays = {
            "key": columns.key,
            "source": columns.source,
            "image": columns.url,
            "caption": columns.caption,
            "signals": signals.lists(own),
            "pwatermark": _finite(columns.pwatermark),
            **{name: pa.repeat(pa.scalar(value, kinds.field(name).type), n) for name, value in fixed.items()},
            **{name: values.cast(kinds.field(name).type) for name, values in verdicts.items()},
        }
        if self.is_searching_captions:
            arrays["caption_marks"] = marks.stored(marks.of_rows(columns), columns.caption)
        if facts:
            arrays["year"] = pa.array([covariates.year(None, cells) for cells in facts], pa.int16())
            of_facts = pa.array([covariates.pwatermark(cells) for cells in facts], pa.float64())
            arrays["pwatermark"] = _finite(arrays["pwatermark"].fill_null(of_facts))
        nulls = {field.name: pa.nulls(n, field.type) for field in kinds if field.name not in arrays}
        return pa.table({name: {**arrays, **nulls}[name] for name in kinds.names}, schema=kinds)

    def _views(self, columns: RowColumns, rows: np.ndarray) -> list[View]:
        return [view_of(sample, self.limits, self.depth, self.sample_plan) for sample in columns.samples(rows)]

    def _coded(self, detector: Detector, columns: RowColumns, first: View) -> _Coded:
        if detector.needs > Need.ROW:
            return _Coded(tuple(run_detector(detector, [first])), np.zeros(len(columns), np.int32))
        alike = pa.array(detector.alike(columns)).dictionary_encode()
        kind = np.asarray(alike.indices)
        rows = np.zeros(len(alike.dictionary), np.int64)
        rows[kind[::-1]] = np.arange(len(kind))[::-1]
        found = [
            signal
            for start in range(0, len(rows), _VIEWS)
            for signal in run_detector(detector, self._views(columns, rows[start : start + _VIEWS]))
        ]
        numbers: dict[Signal, int] = {}
        code = np.array([numbers.setdefault(signal, len(numbers)) for signal in found], np.int32)
        return _Coded(tuple(numbers), code[kind])


@dataclass(frozen=True)
class _Coded:
    """The signals of one detector: distinct ones, and the number of each row's, int32 (rows,)."""

    distinct: tuple[Signal, ...]
    code: np.ndarray

    @property
    def usual(self) -> int:
        """The number of the most frequent signal."""
        return int(np.bincount(self.code).argmax()) if len(self.distinct) > 1 else 0


class _Signals:
    """The signals of some rows, by detector."""

    def __init__(self, coded: Sequence[_Coded], rows: int) -> None:
        self._coded, self._rows = coded, rows
        self._usual = [each.usual for each in coded]

    @property
    def base(self) -> tuple[Signal, ...]:
        """The most frequent signal of each detector; a negative one for a hit."""
        return tuple(without_hit(each.distinct[usual]) for each, usual in zip(self._coded, self._usual, strict=True))

    @property
    def where_other_than_base(self) -> np.ndarray:
        """bool (rows, detectors)."""
        other = np.zeros((self._rows, len(self._coded)), bool)
        for number, (each, usual) in enumerate(zip(self._coded, self._usual, strict=True)):
            if each.distinct[usual].is_hit:
                other[:, number] = True
            elif len(each.distinct) > 1:
                other[:, number] = each.code != usual
        return other

    def lists(self, where: np.ndarray) -> pa.ListArray:
        """The signals of each row where asked for: bool (rows, detectors)."""
        first = np.cumsum([0, *(len(each.distinct) for each in self._coded)])
        row, detector = np.nonzero(where)
        number = np.empty(len(row), np.int64)
        for index, each in enumerate(self._coded):
            own = detector == index
            number[own] = first[index] + each.code[row[own]]
        structs = signal_structs([signal for each in self._coded for signal in each.distinct])
        offsets = np.concatenate([[0], np.cumsum(where.sum(axis=1))])
        return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), structs.take(pa.array(number)))

    def verdicts(self) -> dict[str, pa.Array]:
        """The columns of the verdict, (rows,). Rows with the same signals have the same one."""
        combination = np.zeros(self._rows, np.int64)
        for each in self._coded:
            if len(each.distinct) > 1:
                combination = np.unique(combination * len(each.distinct) + each.code, return_inverse=True)[1]
        first = np.zeros(int(combination.max()) + 1, np.int64)
        first[combination[::-1]] = np.arange(self._rows)[::-1]
        found = [fuse([each.distinct[each.code[row]] for each in self._coded]) for row in first.tolist()]
        columns = {
            "verdict": pa.array([verdict.kind for verdict in found], pa.string()),
            "decided_by": pa.array([verdict.decided_by for verdict in found], pa.string()),
            "p_synthetic": pa.array([verdict.p_synthetic for verdict in found], pa.float64()),
        }
        return {name: values.take(pa.array(combination)) for name, values in columns.items()}


def _finite(values: pa.Array) -> pa.Array:
    numbers = values.to_numpy(zero_copy_only=False)
    return pa.array(numbers, pa.float64(), mask=~np.isfinite(numbers))
