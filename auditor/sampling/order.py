"""Sampling ranks: the random order in which images are drawn, computed from what names them alone. Pure.

A rank is a hash of a name (a permanent random number). So sampling needs no list of all rows, gives the same sample on
every machine, and a larger sample contains every smaller one. The sample is uniform over distinct names. A sample of
rows draws the places of their images (types.Sample.image): rows that name the same file or URL are drawn together, and
rows of different images with the same key are not. Labels draw rows by their keys. The ranks must never change: labels
and fetched images of earlier audits depend on them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np


def sampling_rank(key: str, seed: int) -> int:
    """A row's sampling rank, 0 to 2^64 - 1; the lowest rank is drawn first.

    It is the 8-byte BLAKE2b digest (RFC 7693), big-endian, of the key in UTF-8, keyed with the seed in decimal digits
    (at most 63).
    """
    digest = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8, key=str(seed).encode("ascii"))
    return int.from_bytes(digest.digest(), "big")


def sampling_ranks(keys: Iterable[str], seed: int) -> np.ndarray:
    """The sampling ranks of keys, uint64 (keys,)."""
    return np.fromiter((sampling_rank(key, seed) for key in keys), np.uint64)
