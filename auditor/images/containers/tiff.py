"""TIFF 6.0 and BigTIFF: the file is its own EXIF structure; tag 700 holds XMP, tag 33723 IPTC-IIM (Adobe XMP, part 3),
tag 52545 C2PA (2.x, section A.3)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from auditor.images.containers import MAX_BLOCK, Block, Kind, too_large

FORMAT = "TIFF"
_XMP, _IPTC, _C2PA = 700, 33723, 52545
_MAX_ENTRIES = 4096
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 7: 1}  # type -> bytes per value, for the types that these tags may have


def matches(data: bytes) -> bool:
    """Whether the file begins like this format."""
    return data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def is_lossless(data: bytes) -> bool:
    """Always true: JPEG in TIFF is rare, and examining it in vain does no harm."""
    return True


def blocks(data: bytes) -> Iterator[Block]:
    """The EXIF structure, then the XMP, IPTC and C2PA packets of the first directory."""
    yield Block(Kind.EXIF, "TIFF", data)
    for tag, offset, size in _packets(data):
        if tag == _C2PA:
            yield Block(Kind.C2PA, "TIFF tag 52545")
        else:
            kind = Kind.XMP if tag == _XMP else Kind.IPTC
            problem = too_large(MAX_BLOCK) if size > MAX_BLOCK else ""
            yield Block(kind, f"TIFF tag {tag}", b"" if problem else data[offset : offset + size], problem=problem)


def _packets(data: bytes) -> Iterator[tuple[int, int, int]]:
    """(tag, offset, size in bytes) of the packets of the first directory."""
    order = "<" if data[:1] == b"I" else ">"
    is_big = data[2:4] in (b"+\0", b"\0+")
    number, counter, entry = ("Q", "Q", "HHQQ") if is_big else ("I", "H", "HHII")
    try:
        (at,) = struct.unpack_from(order + number, data, 8 if is_big else 4)
        (count,) = struct.unpack_from(order + counter, data, at)
        at += struct.calcsize(order + counter)
        for index in range(min(count, _MAX_ENTRIES)):
            tag, kind, length, offset = struct.unpack_from(
                order + entry, data, at + index * struct.calcsize(order + entry)
            )
            if tag in (_XMP, _IPTC, _C2PA) and kind in _SIZES:
                yield tag, offset, length * _SIZES[kind]
    except (struct.error, OverflowError):
        return
