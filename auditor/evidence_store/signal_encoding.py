"""The stored form of signals: differences from lists that many rows have in common.

Most rows of a part have the same signals: nothing was found, or the image was not opened. So a part keeps a few base
lists of signals in its footer. A row names one of them (column `signal_base`), and its column `signals` holds only the
signals that replace the one of the same detector in it. A row without a base has all its signals there. No base list
has a hit: every hit is in its own row, where other programs find it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from auditor.types import Signal, SignalOutcome

BASE = "signal_base"  # the column
_MAX_BASES = 64
Signals = tuple[Signal, ...]


def without_hit(signal: Signal) -> Signal:
    """The signal, or a negative one of the same detector in the place of a hit."""
    return Signal(signal.detector, signal.evidence, SignalOutcome.NEGATIVE, score=0.0) if signal.is_hit else signal


class BaseLists:
    """The base lists of a part that is being written."""

    def __init__(self) -> None:
        self.lists: list[Signals] = []

    def number(self, signals: Signals) -> int | None:
        """The number of a base list, which is added if it is new; None if there are too many."""
        if signals in self.lists:
            return self.lists.index(signals)
        if len(self.lists) == _MAX_BASES:
            return None
        self.lists.append(signals)
        return len(self.lists) - 1

    def encoded(self, signals: Signals) -> tuple[int | None, Signals]:
        """The base list of a row, and the signals that replace some of it. The base list is a new one if the row
        differs in more than half of its signals from every other."""
        if not signals:
            return None, ()
        found = ((number, _differing(signals, base)) for number, base in enumerate(self.lists))
        fitting = ((number, own) for number, own in found if own is not None)
        best = min(fitting, key=lambda pair: len(pair[1]), default=None)
        if best and len(best[1]) <= len(signals) / 2:
            return best
        number = self.number(tuple(map(without_hit, signals)))
        if number is None:
            return None, signals
        return number, tuple(signal for signal in signals if signal.is_hit)


def _differing(signals: Signals, base: Signals) -> Signals | None:
    """The signals that differ from the base list; None if the lists are not of the same detectors."""
    if len(signals) != len(base):
        return None
    own = []
    for signal, usual in zip(signals, base, strict=True):
        if signal is not usual and signal != usual:
            if signal.detector != usual.detector:
                return None
            own.append(signal)
    return tuple(own)


@dataclass(frozen=True)
class SignalsOfRows:
    """The signals of some rows. lists: distinct ones, of structs. of_row: the list of each row, int64 (rows,)."""

    lists: pa.ListArray
    of_row: np.ndarray

    @property
    def first_row(self) -> np.ndarray:
        """The first row with each list, int64 (lists,)."""
        first = np.zeros(len(self.lists), np.int64)
        first[self.of_row[::-1]] = np.arange(len(self.of_row))[::-1]
        return first

    def counts(self, rows: np.ndarray) -> np.ndarray:
        """The number of rows with each list, int64 (lists,). rows: those that count, bool (rows,)."""
        counts: np.ndarray = np.bincount(self.of_row[rows], minlength=len(self.lists))
        return counts


class StoredSignals:
    """Decodes the signals of one part. footer: its base lists, of objects with the fields of a signal. kind: of one
    signal."""

    def __init__(self, footer: Sequence[Sequence[dict[str, Any]]], kind: pa.StructType) -> None:
        self._base = pa.array([signal for signals in footer for signal in signals], kind)
        self._length = np.array([len(signals) for signals in footer], np.int64)
        self._start = np.cumsum([0, *self._length])[:-1]
        self._position = {
            (number, signal["detector"]): place
            for number, signals in enumerate(footer)
            for place, signal in enumerate(signals)
        }

    def decoded(self, own: pa.ListArray, base: pa.Array) -> pa.ListArray:
        """The whole list of each row. own, base: the columns `signals` and `signal_base`."""
        flat, count = own.flatten(), np.asarray(pc.list_value_length(own).fill_null(0), np.int64)
        number = np.asarray(base.fill_null(-1), np.int64)
        has_base = number >= 0
        length = np.where(has_base, self._length[number] if len(self._length) else 0, count)
        start = np.cumsum([0, *length])
        row = np.repeat(np.arange(len(own)), length)
        place = np.arange(start[-1]) - start[row]
        first = np.where(has_base, self._start[number] if len(self._start) else 0, 0)
        own_first = len(self._base) + np.cumsum(count) - count
        index = np.where(has_base, first, own_first)[row] + place
        parent = np.repeat(np.arange(len(own)), count)
        replacing = np.flatnonzero(has_base[parent])
        detectors = flat.field("detector").take(pa.array(replacing)).to_pylist()
        bases = number[parent[replacing]].tolist()
        at = np.array([self._position[pair] for pair in zip(bases, detectors, strict=True)], np.int64)
        index[start[parent[replacing]] + at] = len(self._base) + replacing
        values = pa.concat_arrays([self._base, flat]).take(pa.array(index))
        return pa.ListArray.from_arrays(pa.array(start, pa.int32()), values)

    def has(self, own: pa.ListArray, base: pa.Array, is_chosen: Callable[[pa.StructArray], np.ndarray]) -> np.ndarray:
        """Which rows have a chosen signal among their own ones or in their base list, bool (rows,).

        is_chosen: signals (n,) -> bool (n,).
        """
        of_own, of_base = np.zeros(len(own), bool), np.zeros(len(self._length), bool)
        of_own[np.asarray(pc.list_parent_indices(own))[is_chosen(own.flatten())]] = True
        of_base[np.repeat(np.arange(len(self._length)), self._length)[is_chosen(self._base)]] = True
        has_chosen: np.ndarray = of_own | np.isin(np.asarray(base.fill_null(-1)), np.flatnonzero(of_base))
        return has_chosen

    def distinct(self, own: pa.ListArray, base: pa.Array) -> SignalsOfRows:
        """The same, with one list for all rows that have nothing but their base list."""
        is_plain = np.asarray(pc.equal(pc.list_value_length(own).fill_null(0), 0)) & np.asarray(base.is_valid())
        rows, of_row = np.flatnonzero(~is_plain), np.empty(len(own), np.int64)
        of_row[rows] = np.arange(len(rows))
        numbers = np.asarray(base.fill_null(-1), np.int64)
        _, first, inverse = np.unique(numbers[is_plain], return_index=True, return_inverse=True)
        of_row[is_plain] = len(rows) + inverse
        chosen = pa.array(np.concatenate([rows, np.flatnonzero(is_plain)[first]]).astype(np.int64))
        return SignalsOfRows(self.decoded(own.take(chosen), base.take(chosen)), of_row)
