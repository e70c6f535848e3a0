"""The order in which rows of a dataset are drawn at random: by a keyed hash of their keys. Pure.

It depends on nothing but key and seed, so that any prefix of it is a uniform sample that anybody can draw again, and a
larger sample holds the smaller ones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

_BYTES = 8


def place(key: str, seed: int) -> int:
    """Where a key comes in the order: 0 to 2**64 - 1, uniformly."""
    data = key.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(data, digest_size=_BYTES, key=_key(seed)).digest(), "big")


def places(keys: Iterable[str], seed: int) -> np.ndarray:
    """uint64 (n,): the place of each key."""
    import numpy as np

    secret, new = _key(seed), hashlib.blake2b
    digests = [new(key.encode("utf-8", "surrogatepass"), digest_size=_BYTES, key=secret).digest() for key in keys]
    return np.frombuffer(b"".join(digests), ">u8").astype(np.uint64)


def _key(seed: int) -> bytes:
    return str(seed).encode()
