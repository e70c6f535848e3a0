"""Walking image containers to the metadata they carry, block by block, without decoding a pixel.

Bytes that are not reached by a container's own structure are never looked at: a generator's name appended to a JPEG,
or found by chance in compressed data, is no declaration. Every walker stops quietly where the structure breaks off.
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
    """What a block holds."""

    TEXT = auto()  # a keyword and a text
    EXIF = auto()  # a TIFF structure
    XMP = auto()  # one XML packet
    IPTC = auto()  # IPTC-IIM records
    C2PA = auto()  # a manifest store is present; the data stay where they are
    SEGMENT = auto()  # an application segment of no known kind
    TRAILER = auto()  # what follows the image


@dataclass(frozen=True, slots=True)
class Block:
    """One piece of metadata: where it stood, its keyword (texts only), its content."""

    kind: Kind
    where: str
    data: bytes = b""
    key: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Container:
    """A file's format (None: not one we walk), its metadata, and whether it stores pixels without loss."""

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
    # Walkers inflate a block when it is asked for: what is beyond the bound is never made.
    total = 0
    for block in blocks:
        total += len(block.data) + len(block.text)
        if total > MAX_METADATA:
            return
        yield block


def inflate(data: bytes) -> bytes:
    """Decompressed zlib data; what lies beyond MAX_INFLATED is cut off, broken data give nothing."""
    try:
        return zlib.decompressobj().decompress(data, MAX_INFLATED)
    except zlib.error:
        return b""


def trailer(data: bytes, where: str) -> Iterator[Block]:
    """What follows an image, if anything does."""
    if data:
        yield Block(Kind.TRAILER, where, data[:MAX_BLOCK])
