"""The bytes of a file as a table's format expects them: decompressed, and text in UTF-8.

Compression is recognised by the first bytes: gzip (RFC 1952), bzip2, xz, Zstandard (RFC 8878) and LZ4 frames. UTF-16
and UTF-32 are recognised by their byte order mark, and UTF-16 without one by the zeros between its first letters.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import lzma
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import IO, Any, cast

import pyarrow as pa

from auditor.errors import DatasetError
from auditor.storage import files

_BLOCK = 4 << 20
_STEP = 64 << 10
_HEAD = 64
_COMPRESSIONS = {
    b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\xfd7zXZ\0": "xz", b"\x28\xb5\x2f\xfd": "zstd", b"\x04\x22\x4d\x18": "lz4",
}  # fmt: skip
_MARKS = {codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32", codecs.BOM_UTF16_LE: "utf-16",
          codecs.BOM_UTF16_BE: "utf-16"}  # fmt: skip
_DAMAGE = (EOFError, zlib.error, lzma.LZMAError, pa.ArrowException, OSError)
_MAX_UNPACKED = 16 << 30


def blocks(url: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
    """The decoded bytes from `start` to `stop` (their offsets after decoding), in blocks of a few megabytes.

    Raises DatasetError if the compressed data are damaged or truncated, after all that can be read.
    """
    if is_plain(url):
        yield from _plain_blocks(url, start, stop)
        return
    at = 0
    for block in _decoded(url):
        low, high = max(start - at, 0), len(block) if stop is None else min(stop - at, len(block))
        at += len(block)
        if low < high:
            yield block[low:high]
        if stop is not None and at >= stop:
            return


def peek(url: str, count: int) -> bytes:
    """The first `count` decoded bytes, or fewer if the file is shorter or damaged."""
    found = bytearray()
    try:
        for block in blocks(url, 0, count):
            found += block
    except DatasetError:
        if not found:
            raise
    return bytes(found)


def is_plain(url: str) -> bool:
    """Whether the file's bytes are used as they are, so that reading can begin anywhere."""
    return _coding(url, files.version(url)) == (None, None)


def encoding(url: str) -> str | None:
    """UTF-16 or UTF-32 if the text is in that encoding; None for all others."""
    return _coding(url, files.version(url))[1]


@contextmanager
def seekable(url: str) -> Iterator[IO[bytes]]:
    """A decompressed file for formats that seek. A compressed one is unpacked into a temporary file."""
    compression = _coding(url, files.version(url))[0]
    with files.open_file(url) as file:
        if compression is None:
            yield file
            return
        with tempfile.TemporaryFile() as unpacked:
            try:
                for block in _read(_decompressed(file, compression)):
                    unpacked.write(block)
                    if unpacked.tell() > _MAX_UNPACKED or shutil.disk_usage(tempfile.gettempdir()).free < _BLOCK:
                        raise DatasetError(f"{url}: is too large to be read in compressed form: unpack it first")
            except _DAMAGE as error:
                raise _damaged(url, error) from error
            unpacked.seek(0)
            yield cast("IO[bytes]", unpacked)


def _plain_blocks(url: str, start: int, stop: int | None) -> Iterator[bytes]:
    with files.open_file(url) as file:
        file.seek(start)
        while block := file.read(_BLOCK if stop is None else min(_BLOCK, stop - start)):
            start += len(block)
            yield block


def _decoded(url: str) -> Iterator[bytes]:
    compression, encoding = _coding(url, files.version(url))
    try:
        with files.open_file(url) as file:
            raw = _read(_decompressed(file, compression) if compression else file)
            if encoding is None:
                yield from raw
                return
            decoder = codecs.getincrementaldecoder(encoding)("replace")
            for block in raw:
                yield decoder.decode(block).encode("utf-8", "replace")
            yield decoder.decode(b"", final=True).encode("utf-8", "replace")
    except _DAMAGE as error:
        raise _damaged(url, error) from error


def _read(file: Any) -> Iterator[bytes]:
    """Blocks, the last of which ends where the file does or the damage begins."""
    read = getattr(file, "read1", file.read)  # gives what is there before it raises
    held = bytearray()
    try:
        while block := read(_STEP):
            held += block
            if len(held) >= _BLOCK:
                yield bytes(held)
                held.clear()
    except _DAMAGE:
        yield bytes(held)
        raise
    yield bytes(held)


def _decompressed(file: IO[bytes], compression: str) -> Any:
    if compression == "gzip":
        return gzip.GzipFile(fileobj=file)
    if compression == "bz2":
        return bz2.BZ2File(file)
    if compression == "xz":
        return lzma.LZMAFile(file)
    return pa.CompressedInputStream(pa.PythonFile(file, "r"), compression)


@lru_cache(maxsize=1024)
def _coding(url: str, version: str) -> tuple[str | None, str | None]:
    """Compression and encoding; None where there is none to undo."""
    with files.open_file(url) as file:
        head = file.read(_HEAD)
        compression = next((kind for magic, kind in _COMPRESSIONS.items() if head.startswith(magic)), None)
        if compression:
            file.seek(0)
            try:
                head = bytes(_decompressed(file, compression).read(_HEAD))
            except _DAMAGE:
                head = b""  # reading the table says why
    return compression, _encoding(head)


def _encoding(head: bytes) -> str | None:
    for mark, encoding in _MARKS.items():
        if head.startswith(mark):
            return encoding
    pairs = head[: len(head) // 8 * 8]
    if pairs and not any(pairs[1::2]) and all(pairs[::2]):
        return "utf-16-le"
    return "utf-16-be" if pairs and not any(pairs[::2]) and all(pairs[1::2]) else None


def _damaged(url: str, error: Exception) -> DatasetError:
    return DatasetError(f"{url}: the compressed data are damaged or truncated: {str(error).splitlines()[0][:100]}")
