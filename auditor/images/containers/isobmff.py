"""AVIF and HEIF (ISO/IEC 14496-12, 23008-12): the C2PA and XMP uuid boxes (C2PA 2.x, section A.5); Exif and XMP items.

Items are found through `meta`: iinf names them, iloc gives their places, in the file or in `idat`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from auditor.images.containers import MAX_BLOCK, Block, Kind, too_large

FORMAT = "ISOBMFF"
_C2PA = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
UUID_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_AVIF = (b"avif", b"avis")
_HEVC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs")
_BRANDS = (*_AVIF, *_HEVC, b"mif1", b"msf1", b"mif2", b"miaf", b"j2ki", b"jpeg", b"avci", b"avcs", b"vvic", b"unif")
_MAX_EXTENTS = 1 << 16  # of all items
_Box = tuple[bytes, int, int]  # kind, offset of the content, offset after it


def matches(data: bytes) -> bool:
    """Whether the file begins like this format: an image brand is the major brand or a compatible one."""
    return any(brand in _BRANDS for brand in _brands(data))


def is_avif(data: bytes) -> bool:
    """Whether a brand is AVIF's."""
    return any(brand in _AVIF for brand in _brands(data))


def _brands(data: bytes) -> list[bytes]:
    if data[4:8] != b"ftyp":
        return []
    end = min(int.from_bytes(data[:4], "big"), 256)
    return [data[8:12], *(data[at : at + 4] for at in range(16, end - 3, 4))]


def size(data: bytes) -> tuple[int, int] | None:
    """Width and height of the largest image item, from its `ispe` property; None if there is none."""
    found = [(0, 0)]
    for _, start, end in _inside(data, 0, len(data), b"meta", b"iprp", b"ipco", b"ispe"):
        if end - start >= 12:
            found.append(struct.unpack_from(">II", data, start + 4))
    width, height = max(found, key=lambda sides: sides[0] * sides[1])
    return (width, height) if width and height else None


def _inside(data: bytes, at: int, end: int, kind: bytes, *inner: bytes) -> Iterator[_Box]:
    """The boxes at a path of kinds."""
    for box in boxes(data, at, end):
        if box[0] == kind and inner:
            yield from _inside(data, box[1] + (4 if kind == b"meta" else 0), box[2], *inner)
        elif box[0] == kind:
            yield box


def is_lossless(data: bytes) -> bool:
    """Always false: the container does not show whether AVIF is lossless."""
    return False


def is_xmp(head: bytes) -> bool:
    """Whether XML begins like an XMP packet."""
    return b"<x:xmpmeta" in head or b"<rdf:RDF" in head or b"<?xpacket" in head


def blocks(data: bytes) -> Iterator[Block]:
    """C2PA and XMP boxes at the top level, then Exif and XMP items."""
    for kind, start, end in boxes(data, 0, len(data)):
        if kind == b"uuid" and data[start : start + 16] == _C2PA:
            yield Block(Kind.C2PA, "ISOBMFF uuid")
        elif kind == b"uuid" and data[start : start + 16] == UUID_XMP:
            yield Block(Kind.XMP, "ISOBMFF uuid XMP", data[start + 16 : min(end, start + 16 + MAX_BLOCK)])
        elif kind == b"meta":
            yield from _items(data, start + 4, end)


def boxes(data: bytes, at: int, end: int) -> Iterator[_Box]:
    """(kind, offset of the content, offset after it) of each box in a span."""
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
    inner = {kind: (at, stop) for kind, at, stop in boxes(data, start, end)}
    if b"iinf" not in inner or b"iloc" not in inner:
        return
    kinds = dict(_item_kinds(data, *inner[b"iinf"]))
    idat = inner.get(b"idat", (0, 0))
    try:
        places = list(_item_places(data, *inner[b"iloc"]))
    except (struct.error, IndexError):
        return
    for item, in_idat, extents in places:
        if kinds.get(item) not in (b"Exif", b"mime"):
            continue
        where = "ISOBMFF Exif" if kinds[item] == b"Exif" else "ISOBMFF XMP"
        if sum(length for _, length in extents) > MAX_BLOCK:
            yield Block(Kind.EXIF if kinds[item] == b"Exif" else Kind.XMP, where, problem=too_large(MAX_BLOCK))
            continue
        base, limit = idat if in_idat else (0, len(data))
        content = b"".join(data[base + at : min(base + at + length, limit)] for at, length in extents)
        if kinds[item] == b"Exif":
            skip = 4 + int.from_bytes(content[:4], "big")  # the offset of the TIFF header inside the item
            yield Block(Kind.EXIF, where, content[skip:])
        elif is_xmp(content[:4096]):
            yield Block(Kind.XMP, where, content)


def _item_kinds(data: bytes, at: int, end: int) -> Iterator[tuple[int, bytes]]:
    at += 6 if data[at : at + 1] == b"\0" else 8  # version, flags, count
    for kind, start, _ in boxes(data, at, end):
        version = data[start] if start < len(data) else 0
        if kind == b"infe" and version >= 2:
            wide = 4 if version == 3 else 2
            item = int.from_bytes(data[start + 4 : start + 4 + wide], "big")
            yield item, data[start + 6 + wide : start + 10 + wide]


def _item_places(data: bytes, at: int, end: int) -> Iterator[tuple[int, bool, list[tuple[int, int]]]]:
    """(item, whether it is in idat, (offset, length) of its extents). Raises struct.error if iloc is cut off or
    lists too many."""
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

    total = 0
    for _ in range(number(wide)):
        item = number(wide)
        method = number(2) & 15 if version else 0
        number(2)  # data reference
        base = number(base_size)
        extents = []
        count = number(2)
        total += count
        if total > _MAX_EXTENTS:  # extents of no bytes would make endless work of a small file
            raise struct.error("iloc lists too many extents")
        for _ in range(count):
            if version and index_size:
                number(index_size)
            extents.append((base + number(offset_size), number(length_size)))
        if method in (0, 1):
            yield item, method == 1, extents
