"""Random samples of rows that do not depend on the order in which rows come: those of the lowest ranks.

A row's rank is a hash of its key and its image (pandas' SipHash, with the seed as its key). So every run, with any
number of workers, takes the same rows, and samples of parts merge into the sample of the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

T = TypeVar("T")
_KEY_BYTES = 16  # of SipHash


def ranks(key: pa.Array, image: pa.Array, seed: int) -> np.ndarray:
    """The ranks of rows, uint64 (rows,)."""
    import pandas as pd

    names = pc.binary_join_element_wise(key.fill_null(""), image.fill_null(""), "\n").to_numpy(zero_copy_only=False)
    found: np.ndarray = pd.util.hash_array(names, hash_key=f"{seed:0{_KEY_BYTES}d}"[-_KEY_BYTES:], categorize=False)
    return found


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
