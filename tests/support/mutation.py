"""Mutates files as faults and attackers do: flipped, cut, repeated and swapped bytes, lengths that lie, spliced files."""

from __future__ import annotations

import random
import struct
from collections.abc import Sequence

_NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def mutated(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """The data after one to eight random changes. others: what parts may come from."""
    found = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        if found:
            rng.choice(_CHANGES)(rng, found, others)
    return bytes(found)


def _flip(rng: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _number(rng: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    size, order = rng.choice("BHI"), rng.choice("<>")
    packed = struct.pack(order + size, rng.choice(_NUMBERS) & (1 << 8 * struct.calcsize(size)) - 1)
    at = rng.randrange(len(data))
    data[at : at + len(packed)] = packed


def _cut(rng: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    del data[rng.randrange(len(data)) :]


def _remove(rng: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    at = rng.randrange(len(data))
    del data[at : at + rng.randrange(1, 64)]


def _repeat(rng: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    at = rng.randrange(len(data))
    data[at:at] = data[at : at + rng.randrange(1, 256)] * rng.choice((1, 2, 50))


def _random(rng: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    at = rng.randrange(len(data))
    data[at : at + 16] = rng.randbytes(rng.randrange(1, 32))


def _splice(rng: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    other = rng.choice(others)
    at, start = rng.randrange(len(data)), rng.randrange(max(1, len(other)))
    data[at : at + rng.choice((0, 16, 1 << 20))] = other[start : start + rng.randrange(1, 4096)]


_CHANGES = (_flip, _flip, _number, _number, _cut, _remove, _repeat, _random, _splice)
