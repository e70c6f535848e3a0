"""GIF89a: comments, and the application extensions for XMP (Adobe XMP, part 3, section 1.1.2) and C2PA (2.x, A.3.4)."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.images import text_encoding
from auditor.images.containers import MAX_BLOCK, Block, Kind, too_large, trailer

FORMAT = "GIF"
_COMMENT, _APPLICATION = 0xFE, 0xFF
_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B
_XMP = b"XMP DataXMP"
_C2PA = b"C2PA_GIF"  # the application; its authentication code is a version


def matches(data: bytes) -> bool:
    """Whether the file begins like this format."""
    return data[:6] in (b"GIF87a", b"GIF89a")


def is_lossless(data: bytes) -> bool:
    """Always false: converting to a palette destroys the least significant bits."""
    return False


def blocks(data: bytes) -> Iterator[Block]:
    """Every comment and XMP packet, then the trailer."""
    at = 13 + _table(data[10]) if len(data) > 10 else len(data)
    while at < len(data):
        kind = data[at]
        if kind == _TRAILER:
            yield from trailer(data[at + 1 :], "GIF trailer")
            return
        if kind == _IMAGE and at + 11 < len(data):
            _, at = _sub_blocks(data, at + 11 + _table(data[at + 9]))
        elif kind == _EXTENSION and at + 2 < len(data):
            label = data[at + 1]
            if label == _APPLICATION and data[at + 3 : at + 14] == _XMP:
                packet, at = _xmp(data, at + 14)
                yield Block(Kind.XMP, "GIF XMP", packet)
                continue
            if label == _APPLICATION and data[at + 3 : at + 11] == _C2PA:
                yield Block(Kind.C2PA, "GIF C2PA")
            content, at = _sub_blocks(data, at + 2)
            if label == _COMMENT:
                text = text_encoding.decoded(content)
                problem = too_large(MAX_BLOCK) if len(content) >= MAX_BLOCK else ""
                yield Block(Kind.TEXT, "GIF comment", key="comment", text=text, problem=problem)
        else:
            return


def _table(flags: int) -> int:
    """The size in bytes of the colour table that follows, from the packed field."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _sub_blocks(data: bytes, at: int) -> tuple[bytes, int]:
    """The content of a chain of sub-blocks (its first MAX_BLOCK bytes), and the offset after it."""
    parts, total = [], 0
    while at < len(data) and data[at]:
        if total < MAX_BLOCK:
            parts.append(data[at + 1 : at + 1 + data[at]])
            total += data[at]
        at += 1 + data[at]
    return b"".join(parts), at + 1


def _xmp(data: bytes, at: int) -> tuple[bytes, int]:
    # The packet is not split into sub-blocks; a "magic trailer" of 258 bytes lets old readers skip it.
    _, end = _sub_blocks(data, at)
    return data[at : max(at, end - 258)], end
