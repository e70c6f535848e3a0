"""JPEG XL (ISO/IEC 18181-2): boxes Exif, "xml " (XMP) and jumb (C2PA 2.x, section A.3); a bare codestream has none.

Boxes may be compressed with Brotli (`brob`); those are named, not read.
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.images.containers import MAX_BLOCK, Block, Kind, too_large
from auditor.images.containers.isobmff import boxes

FORMAT = "JXL"
_CONTAINER = b"\0\0\0\x0cJXL \r\n\x87\n"
_CODESTREAM = b"\xff\x0a"
_KINDS = {b"Exif": Kind.EXIF, b"xml ": Kind.XMP, b"jumb": Kind.C2PA}
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))  # width to height (18181-1, SizeHeader)


def matches(data: bytes) -> bool:
    """Whether the file begins like this format."""
    return data.startswith((_CONTAINER, _CODESTREAM))


def is_lossless(data: bytes) -> bool:
    """Always false: the container does not show whether the image is lossless."""
    return False


def blocks(data: bytes) -> Iterator[Block]:
    """Every metadata box."""
    if not data.startswith(_CONTAINER):
        return
    for kind, start, end in boxes(data, 0, len(data)):
        packed = kind == b"brob"
        name = data[start : start + 4] if packed else kind
        if name not in _KINDS:
            continue
        where = f"JPEG XL {name.decode().strip()}"
        if packed:
            yield Block(_KINDS[name], where, problem="is compressed with Brotli and was not read")
        elif name == b"jumb":
            yield Block(Kind.C2PA, where)
        elif end - start > MAX_BLOCK:
            yield Block(_KINDS[name], where, problem=too_large(MAX_BLOCK))
        else:
            yield Block(_KINDS[name], where, _tiff(data[start:end]) if name == b"Exif" else data[start:end])


def _tiff(box: bytes) -> bytes:
    """The TIFF structure of an Exif box, before which its offset stands; some writers leave the offset out."""
    return box if box[:4] in (b"II*\0", b"MM\0*") else box[4 + int.from_bytes(box[:4], "big") :]


def size(data: bytes) -> tuple[int, int] | None:
    """Width and height from the codestream's header; None if there is none."""
    for kind, start, end in boxes(data, 0, len(data)) if data.startswith(_CONTAINER) else [(b"jxlc", 0, len(data))]:
        at = start + (4 if kind == b"jxlp" else 0)  # a part's number
        if kind in (b"jxlc", b"jxlp"):
            return _size(data[at : min(at + 16, end)])
    return None


def _size(codestream: bytes) -> tuple[int, int] | None:
    if not codestream.startswith(_CODESTREAM) or len(codestream) < 4:
        return None
    bits = int.from_bytes(codestream[2:], "little")

    def take(count: int) -> int:
        nonlocal bits
        value = bits & ((1 << count) - 1)
        bits >>= count
        return value

    is_small = take(1)

    def side() -> int:
        return 8 * (1 + take(5)) if is_small else 1 + take((9, 13, 18, 30)[take(2)])

    height = side()
    ratio = take(3)
    width = side() if ratio == 0 else height * _RATIOS[ratio - 1][0] // _RATIOS[ratio - 1][1]
    return width, height
