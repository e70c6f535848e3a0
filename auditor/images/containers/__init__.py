"""Parsers of image containers: they find the metadata blocks of a file without decoding pixels.

Only bytes that the container's structure leads to are read: a generator's name that is appended to a JPEG, or occurs by
chance in compressed data, is not a declaration. Every parser stops silently where the structure is broken.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

MAX_BLOCK = 16 << 20  # bytes of one block as stored
MAX_INFLATED = 8 << 20  # bytes of anything decompressed
MAX_METADATA = 32 << 20  # bytes and characters of all blocks of a file


class Kind(Enum):
    """The content of a block."""

    TEXT = auto()  # a keyword and a text
    EXIF = auto()  # a TIFF structure
    XMP = auto()  # one XML packet
    IPTC = auto()  # IPTC-IIM records
    C2PA = auto()  # a manifest store is present; its data are not copied
    SEGMENT = auto()  # an application segment of unknown kind
    TRAILER = auto()  # the bytes after the image


@dataclass(frozen=True, slots=True)
class Block:
    """One piece of metadata: its place in the file, its keyword (texts only), its content."""

    kind: Kind
    where: str
    data: bytes = b""
    key: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Container:
    """A file's format (None: not parsed here), its metadata blocks, and whether it stores pixels without loss."""

    format: str | None
    blocks: tuple[Block, ...] = ()
    lossless: bool = False


def walk(data: bytes) -> Container:
    """The container of a whole file."""
    from auditor.images.containers import gif, isobmff, jpeg, png, tiff, webp

    for module in (jpeg, png, webp, gif, isobmff, tiff):
        if module.matches(data):
            return Container(module.FORMAT, tuple(_bounded(module.blocks(data))), module.is_lossless(data))
    return Container(None, lossless=data.startswith(b"BM"))


def _bounded(blocks: Iterator[Block]) -> Iterator[Block]:
    # Parsers are lazy: blocks beyond the limit are never decompressed.
    total = 0
    for block in blocks:
        total += len(block.data) + len(block.text)
        if total > MAX_METADATA:
            return
        yield block


def inflate(data: bytes) -> bytes:
    """Decompressed zlib data, cut off at MAX_INFLATED; empty for broken data."""
    try:
        return zlib.decompressobj().decompress(data, MAX_INFLATED)
    except zlib.error:
        return b""


def trailer(data: bytes, where: str) -> Iterator[Block]:
    """The block for the bytes after an image, if there are any."""
    if data:
        yield Block(Kind.TRAILER, where, data[:MAX_BLOCK])
