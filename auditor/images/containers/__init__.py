"""Parsers of image containers: they find the metadata blocks of a file without decoding pixels.

Only bytes that the container's structure leads to are read: a generator's name that is appended to a JPEG, or occurs by
chance in compressed data, is not a declaration. Every parser stops silently where the structure is broken.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

# ComfyUI's workflows may hold pictures, and are then tens of megabytes long.
MAX_BLOCK = 32 << 20  # bytes of one block as stored
MAX_INFLATED = 32 << 20  # bytes of anything decompressed
MAX_METADATA = 64 << 20  # bytes and characters of all blocks of a file


class Kind(Enum):
    """The content of a block."""

    TEXT = auto()  # a keyword and a text
    EXIF = auto()  # a TIFF structure
    XMP = auto()  # one XML packet
    IPTC = auto()  # IPTC-IIM records
    C2PA = auto()  # a manifest store is present; its data are not copied
    SEGMENT = auto()  # an application segment of unknown kind
    TRAILER = auto()  # the bytes after the image
    UNREAD = auto()  # blocks of any kind beyond the limits


@dataclass(frozen=True, slots=True)
class Block:
    """One piece of metadata: its place in the file, its keyword (texts only), its content.

    problem: why the content is not read, or not whole.
    """

    kind: Kind
    where: str
    data: bytes = b""
    key: str = ""
    text: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Container:
    """A file's format (None: not parsed here), its metadata blocks, and whether it stores pixels without loss."""

    format: str | None
    blocks: tuple[Block, ...] = ()
    lossless: bool = False


def walk(data: bytes) -> Container:
    """The container of a whole file."""
    from auditor.images.containers import gif, isobmff, jp2, jpeg, jxl, png, tiff, webp

    for module in (jpeg, png, webp, gif, isobmff, jxl, jp2, tiff):
        if module.matches(data):
            return Container(module.FORMAT, tuple(_bounded(module.blocks(data), data)), module.is_lossless(data))
    return Container(None, lossless=data.startswith(b"BM"))


def _bounded(blocks: Iterator[Block], file: bytes) -> Iterator[Block]:
    # Parsers are lazy: blocks beyond the limit are never decompressed. A TIFF is its own EXIF block, and no copy.
    total = 0
    for block in blocks:
        total += (len(block.data) if block.data is not file else 0) + len(block.text)
        if total > MAX_METADATA:
            yield Block(Kind.UNREAD, "metadata", problem=too_large(MAX_METADATA))
            return
        yield block


def inflate(data: bytes) -> tuple[bytes, str]:
    """Decompressed zlib data, and the problem if they were truncated at MAX_INFLATED; empty for broken data."""
    decompressor = zlib.decompressobj()
    try:
        content = decompressor.decompress(data, MAX_INFLATED)
    except zlib.error:
        return b"", ""
    is_cut = len(content) == MAX_INFLATED and not decompressor.eof
    return content, too_large(MAX_INFLATED) if is_cut else ""


def too_large(limit: int) -> str:
    """The problem of content that is larger than a limit."""
    return f"is larger than {limit >> 20} MB and was not read to its end"


def trailer(data: bytes, where: str) -> Iterator[Block]:
    """The block for the bytes after an image, if there are any."""
    if data:
        yield Block(Kind.TRAILER, where, data[:MAX_BLOCK])
