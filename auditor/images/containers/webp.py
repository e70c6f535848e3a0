"""WebP: RIFF chunks EXIF, "XMP ", C2PA (RFC 9649; C2PA 2.x, section A.3.3)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from auditor.images.containers import MAX_BLOCK, Block, Kind, trailer

FORMAT = "WEBP"


def matches(data: bytes) -> bool:
    """Whether the file begins like this format."""
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def is_lossless(data: bytes) -> bool:
    """Whether the first frame is VP8L."""
    return next((kind == b"VP8L" for kind, _, _ in _chunks(data) if kind in (b"VP8 ", b"VP8L", b"ANMF")), False)


def blocks(data: bytes) -> Iterator[Block]:
    """Every metadata chunk, then the trailer."""
    for kind, start, length in _chunks(data):
        body = data[start : start + min(length, MAX_BLOCK)]
        if len(body) < length:
            continue
        if kind == b"EXIF":
            yield Block(Kind.EXIF, "WebP EXIF", body)
        elif kind == b"XMP ":
            yield Block(Kind.XMP, "WebP XMP", body)
        elif kind == b"C2PA":
            yield Block(Kind.C2PA, "WebP C2PA")
    yield from trailer(data[_end(data) :], "WebP trailer")


def _end(data: bytes) -> int:
    return 8 + int.from_bytes(data[4:8], "little")


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """(kind, offset of the body, length) of each chunk."""
    at = 12
    end = min(len(data), _end(data))
    while at + 8 <= end:
        kind, length = struct.unpack_from("<4sI", data, at)
        yield kind, at + 8, length
        at += 8 + length + (length & 1)
