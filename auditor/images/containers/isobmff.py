"""AVIF and HEIC (ISO/IEC 14496-12, 23008-12): the C2PA uuid box (C2PA 2.x, section A.5); Exif and XMP items.

Items are found through `meta`: iinf names them, iloc gives their places. Only items at file offsets are read.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from auditor.images.containers import MAX_BLOCK, Block, Kind

FORMAT = "ISOBMFF"
_C2PA = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_BRANDS = (b"avif", b"avis", b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1", b"miaf")
_Box = tuple[bytes, int, int]  # kind, offset of the content, offset after it


def matches(data: bytes) -> bool:
    """Whether the file begins like this format: an image brand is the major brand or a compatible one."""
    if data[4:8] != b"ftyp":
        return False
    end = min(int.from_bytes(data[:4], "big"), 256)
    return any(data[at : at + 4] in _BRANDS for at in range(8, end, 4))


def is_lossless(data: bytes) -> bool:
    """Always false: the container does not show whether AVIF is lossless."""
    return False


def blocks(data: bytes) -> Iterator[Block]:
    """C2PA boxes at the top level, then Exif and XMP items."""
    for kind, start, end in _boxes(data, 0, len(data)):
        if kind == b"uuid" and data[start : start + 16] == _C2PA:
            yield Block(Kind.C2PA, "ISOBMFF uuid")
        elif kind == b"meta":
            yield from _items(data, start + 4, end)


def _boxes(data: bytes, at: int, end: int) -> Iterator[_Box]:
    while at + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if size == 1 and at + 16 <= end:
            (size,) = struct.unpack_from(">Q", data, at + 8)
            head = 16
        elif size == 0:
            size = end - at
        if size < head:
            return
        yield kind, at + head, min(at + size, end)
        at += size


def _items(data: bytes, start: int, end: int) -> Iterator[Block]:
    boxes = {kind: (at, stop) for kind, at, stop in _boxes(data, start, end)}
    if b"iinf" not in boxes or b"iloc" not in boxes:
        return
    kinds = dict(_item_kinds(data, *boxes[b"iinf"]))
    try:
        places = list(_item_places(data, *boxes[b"iloc"]))
    except struct.error:
        return
    for item, offset, length in places:
        content = data[offset : offset + min(length, MAX_BLOCK)]
        if kinds.get(item) == b"Exif":
            skip = 4 + int.from_bytes(content[:4], "big")  # the offset of the TIFF header inside the item
            yield Block(Kind.EXIF, "ISOBMFF Exif", content[skip:])
        elif kinds.get(item) == b"mime" and (b"<x:xmpmeta" in content[:4096] or b"<rdf:RDF" in content[:4096]):
            yield Block(Kind.XMP, "ISOBMFF XMP", content)


def _item_kinds(data: bytes, at: int, end: int) -> Iterator[tuple[int, bytes]]:
    at += 6 if data[at : at + 1] == b"\0" else 8  # version, flags, count
    for kind, start, _ in _boxes(data, at, end):
        version = data[start] if start < len(data) else 0
        if kind == b"infe" and version >= 2:
            wide = 4 if version == 3 else 2
            item = int.from_bytes(data[start + 4 : start + 4 + wide], "big")
            yield item, data[start + 6 + wide : start + 10 + wide]


def _item_places(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """(item, offset, length) of the items that are contiguous in the file. Raises struct.error if iloc is cut off."""
    version = data[at]
    sizes = int.from_bytes(data[at + 4 : at + 6], "big")
    offset_size, length_size, base_size, index_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15, sizes & 15
    at += 6
    wide = 4 if version == 2 else 2

    def number(size: int) -> int:
        nonlocal at
        if at + size > end:
            raise struct.error("iloc ends early")
        at += size
        return int.from_bytes(data[at - size : at], "big")

    for _ in range(number(wide)):
        item = number(wide)
        method = number(2) & 15 if version else 0
        number(2)  # data reference
        base = number(base_size)
        extents = []
        for _ in range(number(2)):
            if version and index_size:
                number(index_size)
            extents.append((base + number(offset_size), number(length_size)))
        if method == 0 and len(extents) == 1:
            yield item, *extents[0]
