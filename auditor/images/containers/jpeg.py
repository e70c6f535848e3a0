"""JPEG segments (ITU T.81, JFIF): APP1 with EXIF, XMP and extended XMP (Adobe XMP, part 3), APP11 with JUMBF
(C2PA 2.x, section A.3.1), APP13 with Photoshop resources and IPTC-IIM, COM, and the trailer after EOI.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from auditor.images import text_encoding
from auditor.images.containers import Block, Kind, trailer

FORMAT = "JPEG"
_EXIF = b"Exif\0"
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_EXTENDED_XMP = b"http://ns.adobe.com/xmp/extension/\0"
_PHOTOSHOP = b"Photoshop 3.0\0"
_ALONE = frozenset((0x01, *range(0xD0, 0xD8)))  # TEM and RSTn carry no length
_SOI, _EOI, _SOS, _COM = 0xD8, 0xD9, 0xDA, 0xFE
_MAX_STRAY = 1 << 16  # bytes between two segments that belong to neither
_MARKER = re.compile(rb"\xff[\x01\xc0-\xfe]")
_NEXT_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # within entropy-coded data FF is followed by 00 or RSTn


def matches(data: bytes) -> bool:
    """Whether the file begins like this format."""
    return data.startswith(b"\xff\xd8\xff")


def is_lossless(data: bytes) -> bool:
    """Always false (lossless JPEG is a different format)."""
    return False


def blocks(data: bytes) -> Iterator[Block]:
    """Every metadata segment, with extended XMP reassembled, then the trailer."""
    extended: dict[bytes, dict[int, bytes]] = {}
    jumbf = False
    for marker, body, end in _segments(data):
        if marker == _EOI:
            yield from trailer(data[end:], "JPEG trailer")
        elif marker == 0xEB and body[:2] == b"JP":
            jumbf = True
        elif marker == 0xE1 and body.startswith(_EXTENDED_XMP):
            guid, offset, content = _extension(body)
            extended.setdefault(guid, {})[offset] = content
        else:
            yield from _block(marker, body)
    if jumbf:
        yield Block(Kind.C2PA, "JPEG APP11")
    for parts in extended.values():
        yield Block(Kind.XMP, "JPEG APP1 extended XMP", b"".join(parts[offset] for offset in sorted(parts)))


def _segments(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    """(marker, body, offset after it) of each segment; scans are skipped."""
    at = 2
    while at + 2 <= len(data):
        if data[at] != 0xFF or data[at + 1] == 0:  # stray bytes: readers go on at the next marker
            match = _MARKER.search(data, at, at + _MAX_STRAY)
            if not match:
                return
            at = match.start()
            continue
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        if marker in _ALONE or marker in (_SOI, _EOI):
            at += 2
            yield marker, b"", at
            if marker == _EOI:
                return
            continue
        if at + 4 > len(data):
            return
        (length,) = struct.unpack_from(">H", data, at + 2)
        body = data[at + 4 : at + 2 + length]
        if len(body) < length - 2:
            return
        at += 2 + max(length, 2)  # an impossible length is that of an empty segment
        yield marker, body, at
        if marker == _SOS:
            match = _NEXT_MARKER.search(data, at)
            if not match:
                return
            at = match.start()


def _block(marker: int, body: bytes) -> Iterator[Block]:
    if marker == 0xE1 and body.startswith(_EXIF):
        yield Block(Kind.EXIF, "JPEG APP1 EXIF", body[6:])
    elif marker == 0xE1 and body.startswith(_XMP):
        yield Block(Kind.XMP, "JPEG APP1 XMP", body[len(_XMP) :])
    elif marker == 0xE1 and body.lstrip().startswith((b"<?xpacket", b"<x:xmpmeta")):  # without the prefix
        yield Block(Kind.XMP, "JPEG APP1 XMP", body)
    elif marker == 0xED and body.startswith(_PHOTOSHOP):
        yield Block(Kind.IPTC, "JPEG APP13", body[len(_PHOTOSHOP) :])
    elif marker == _COM:
        yield Block(Kind.TEXT, "JPEG COM", key="comment", text=text_encoding.decoded(body))
    elif 0xE0 <= marker <= 0xEF:
        yield Block(Kind.SEGMENT, f"JPEG APP{marker - 0xE0}", body)


def _extension(body: bytes) -> tuple[bytes, int, bytes]:
    # 32 bytes GUID, 4 bytes full length, 4 bytes offset
    rest = body[len(_EXTENDED_XMP) :]
    return rest[:32], int.from_bytes(rest[36:40], "big"), rest[40:]
