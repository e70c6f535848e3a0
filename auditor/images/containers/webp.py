"""WebP: RIFF chunks EXIF, "XMP ", C2PA (RFC 9649; C2PA 2.x, section A.3.3)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from auditor.images.containers import MAX_BLOCK, Block, Kind, too_large, trailer

FORMAT = "WEBP"
_KINDS = {b"EXIF": Kind.EXIF, b"XMP ": Kind.XMP}


def matches(data: bytes) -> bool:
    """Whether the file begins like this format."""
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def is_lossless(data: bytes) -> bool:
    """Whether the first frame is VP8L."""
    return next((kind == b"VP8L" for kind, _, _ in _chunks(data) if kind in (b"VP8 ", b"VP8L", b"ANMF")), False)


def blocks(data: bytes) -> Iterator[Block]:
    """Every metadata chunk, then the trailer."""
    for kind, start, length in _chunks(data):
        if kind == b"C2PA":
            yield Block(Kind.C2PA, "WebP C2PA")
        elif kind in _KINDS:
            body = data[start : start + length] if length <= MAX_BLOCK else b""
            problem = too_large(MAX_BLOCK) if length > MAX_BLOCK else ""
            if problem or len(body) == length:
                yield Block(_KINDS[kind], f"WebP {kind.decode().strip()}", body, problem=problem)
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
