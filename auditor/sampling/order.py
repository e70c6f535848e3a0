"""The order in which rows are drawn at random, from their keys alone. Pure.

A row's place is a hash of its key, so that a draw needs no list of all rows, is the same on every machine, and a larger
draw holds every smaller one. Drawing by hash is uniform over distinct keys. The values are fixed for ever: labels and
fetched images of earlier audits rest on them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def sampling_rank(key: str, seed: int) -> int:
    """A row's place in the drawing order, 0 to 2^64 - 1; the lowest is drawn first.

    BLAKE2b (RFC 7693) of the key in UTF-8, keyed with the seed in decimal digits (63 at most), 8 bytes, big-endian.
    """
    digest = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8, key=str(seed).encode("ascii"))
    return int.from_bytes(digest.digest(), "big")


def sampling_ranks(keys: Iterable[str], seed: int) -> np.ndarray:
    """The places of many keys, uint64 (keys,)."""
    import numpy as np

    return np.fromiter((sampling_rank(key, seed) for key in keys), np.uint64)
