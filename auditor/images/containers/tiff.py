"""TIFF 6.0: the file is its own EXIF structure; tag 700 holds XMP, tag 33723 IPTC-IIM (Adobe XMP, part 3)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from auditor.images.containers import MAX_BLOCK, Block, Kind

FORMAT = "TIFF"
_XMP, _IPTC = 700, 33723
_MAX_ENTRIES = 4096
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 7: 1}  # type -> bytes per value, for the types that these tags may have


def matches(data: bytes) -> bool:
    """Whether the file begins like this format."""
    return data[:4] in (b"II*\0", b"MM\0*")


def is_lossless(data: bytes) -> bool:
    """Always true: JPEG in TIFF is rare, and examining it in vain does no harm."""
    return True


def blocks(data: bytes) -> Iterator[Block]:
    """The EXIF structure, then the XMP and IPTC packets of the first directory."""
    yield Block(Kind.EXIF, "TIFF", data)
    for tag, content in _packets(data):
        if tag == _XMP:
            yield Block(Kind.XMP, "TIFF tag 700", content)
        elif tag == _IPTC:
            yield Block(Kind.IPTC, "TIFF tag 33723", content)


def _packets(data: bytes) -> Iterator[tuple[int, bytes]]:
    order = "<" if data[:1] == b"I" else ">"
    try:
        (at,) = struct.unpack_from(order + "I", data, 4)
        (count,) = struct.unpack_from(order + "H", data, at)
        for index in range(min(count, _MAX_ENTRIES)):
            tag, kind, length, offset = struct.unpack_from(order + "HHII", data, at + 2 + 12 * index)
            if tag in (_XMP, _IPTC) and kind in _SIZES:
                yield tag, data[offset : offset + min(length * _SIZES[kind], MAX_BLOCK)]
    except struct.error:
        return
