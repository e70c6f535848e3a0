"""Sampling ranks: the random order in which images are drawn, computed from what names them alone. Pure.

A rank is a hash of a name (a permanent random number). So sampling needs no list of all rows, gives the same sample on
every machine, and a larger sample contains every smaller one. The sample is uniform over distinct names. A sample of
rows draws their images by `unit`; labels draw rows by their keys. The ranks must never change: labels and fetched
images of earlier audits depend on them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

import numpy as np

_EMBEDDED = re.compile(r"#\d+(#\d+)?$")  # the place of an image that is embedded in a row: table#row


def unit(key: str, image: str) -> str:
    """What names the image of a row in a sample: its path or URL, so that rows that name the same image are drawn
    together, and rows of different images with the same key are not. An embedded image has no name but its row's key in
    the table."""
    table = image if "://" in image else _EMBEDDED.sub("", image)
    return image if table == image else f"{table}\0{key}"


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
