"""JPEG 2000 (ISO/IEC 15444-1, annex I): "xml " boxes and uuid boxes with XMP (Adobe XMP, part 3) or EXIF."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.images.containers import MAX_BLOCK, Block, Kind, too_large
from auditor.images.containers.isobmff import UUID_XMP, boxes, is_xmp

FORMAT = "JPEG2000"
_SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n"
_KINDS = {UUID_XMP: Kind.XMP, b"JpgTiffExif->JP2": Kind.EXIF}


def matches(data: bytes) -> bool:
    """Whether the file begins like this format."""
    return data.startswith(_SIGNATURE)


def is_lossless(data: bytes) -> bool:
    """Always false: the container does not show whether the image is lossless."""
    return False


def blocks(data: bytes) -> Iterator[Block]:
    """Every metadata box."""
    for kind, start, end in boxes(data, 0, len(data)):
        if kind == b"uuid" and (found := _KINDS.get(data[start : start + 16])):
            content = data[start + 16 : end]
        elif kind == b"xml " and is_xmp(data[start : min(start + 4096, end)]):
            found, content = Kind.XMP, data[start:end]
        else:
            continue
        where = f"JPEG 2000 {found.name}"
        if len(content) > MAX_BLOCK:
            yield Block(found, where, problem=too_large(MAX_BLOCK))
        else:
            yield Block(found, where, content)
