"""Random samples of rows that do not depend on the order in which rows come: those of the lowest ranks.

A row's rank is a hash of its image and the seed. So every run, with any number of workers, takes the same rows, and
samples of parts merge into the sample of the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import numpy as np

T = TypeVar("T")
# SplitMix64 (Steele, Lea & Flood, OOPSLA 2014, doi:10.1145/2660193.2660195): the step, and shifts and factors that mix.
_STEP = 0x9E3779B97F4A7C15
_MIX = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1))


def ranks(identity: np.ndarray, seed: int) -> np.ndarray:
    """The ranks of rows, uint64 (rows,). identity: a hash of each row's image, uint64 (rows,)."""
    rank: np.ndarray = identity + np.uint64((seed + 1) * _STEP % (1 << 64))
    for shift, factor in _MIX:
        rank ^= rank >> np.uint64(shift)
        rank *= np.uint64(factor)
    return rank


class LowestRanks(Generic[T]):
    """The items of the `size` lowest ranks of all that were added."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._items: list[tuple[int, T]] = []

    def add(self, ranks: np.ndarray, items_of: Callable[[np.ndarray], Sequence[T]]) -> None:
        """Adds rows. ranks: uint64 (rows,). items_of: the items of the rows with these numbers."""
        chosen = np.arange(len(ranks))
        if len(self._items) >= self._size:
            chosen = chosen[ranks < np.uint64(self._items[-1][0])]
        if len(chosen) > self._size:
            chosen = chosen[np.argpartition(ranks[chosen], self._size - 1)[: self._size]]
        if len(chosen):
            new = zip(ranks[chosen].tolist(), items_of(chosen), strict=True)
            self._items = sorted([*self._items, *new], key=lambda item: item[0])[: self._size]

    @property
    def items(self) -> list[T]:
        """The items, by rank."""
        return [item for _, item in self._items]
