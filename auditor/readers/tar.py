"""The members of a tar, compressed or not.

Members are read in place; nothing is unpacked to disk. Links, devices and names that leave the archive are unavailable.
A compressed tar does not allow seeking back, so its members are read in order.
"""

from __future__ import annotations

import lzma
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import IO, Any, cast

from auditor.errors import SampleError
from auditor.readers.members import Broken, Member
from auditor.storage import names
from auditor.storage.content import BytesContent, SliceContent, UnavailableContent
from auditor.types import Content

_MAX_MEMBER = 256 << 20
_MAX_HELD = 256 << 20  # bytes of one sample of a compressed archive that are held in memory
_CORRUPT = (zlib.error, lzma.LZMAError)  # exceptions of decompressors other than OSError
_TAR_BLOCK = 512
_MAX_PADDING = 1 << 20  # bytes of zeros after the end of an archive, behind which another one is looked for
_STREAMED = {".zst": "zstd", ".tzst": "zstd", ".lz4": "lz4"}  # compressions that tarfile does not know, but Arrow does


def members(url: str, file: IO[bytes]) -> Iterator[Member | Broken]:
    """Every member that is no folder and not hidden, of all archives that were put together in the file; Broken comes
    last if the file is damaged."""
    place = "the beginning"
    try:
        for archive, held in _archives(url, file):
            while (info := archive.next()) is not None:
                cast("Any", archive).members = []  # otherwise tarfile keeps every member
                place = info.name
                if not info.isdir() and not names.is_hidden(info.name):
                    yield Member(place, _content(archive, held, info))
    except (tarfile.TarError, EOFError, OSError, SampleError, ValueError, RecursionError, *_CORRUPT) as error:
        yield Broken(f"the archive breaks off behind {place}: {error}")
    except _Damaged:
        yield Broken(f"the archive is damaged behind {place}")


class _Damaged(Exception):
    """Behind the end of an archive is something else than zeros and another archive."""


def is_seekable(url: str, file: IO[bytes]) -> bool:
    """Whether the tar is not compressed, so that its members can be read in any order."""
    file.seek(0)
    try:
        tarfile.TarInfo.frombuf(file.read(_TAR_BLOCK), "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def _archives(url: str, file: IO[bytes]) -> Iterator[tuple[tarfile.TarFile, tuple[str, IO[bytes]] | _Held]]:
    """The archives in a file, one after the other; each must be read to its end before the next one."""
    compression = next((kind for end, kind in _STREAMED.items() if url.casefold().endswith(end)), None)
    file.seek(0)
    if compression:
        import pyarrow as pa

        with tarfile.open(
            fileobj=pa.input_stream(file, compression=compression), mode="r|", encoding="utf-8"
        ) as archive:
            yield archive, _Held()
        return
    guarded = cast("IO[bytes]", _Guarded(file))
    start: int | None = 0
    while start is not None:
        is_plain = start > 0 or is_seekable(url, file)
        guarded.seek(start)
        with tarfile.open(fileobj=guarded, mode="r:" if is_plain else "r:*", errorlevel=0, encoding="utf-8") as archive:
            yield archive, (url, file) if is_plain else _Held()
            start = _next_start(file, archive.offset) if is_plain else None


def _next_start(file: IO[bytes], offset: int) -> int | None:
    """Where the next archive begins; None at the end of the file. Tars that were put together have several ends.

    tarfile takes a damaged header for the end of the archive. Raises _Damaged if that is what it is.
    """
    for start in range(offset, offset + _MAX_PADDING, _TAR_BLOCK):
        file.seek(start)
        block = file.read(_TAR_BLOCK)
        if block.strip(b"\0"):
            try:
                tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
            except tarfile.HeaderError:
                raise _Damaged from None
            return start
        if len(block) < _TAR_BLOCK:
            return None
    return None


class _Held:
    """Counts the bytes of a sample of a compressed archive that are held in memory."""

    def __init__(self) -> None:
        self._key, self._bytes = "", 0

    def refuses(self, info: tarfile.TarInfo) -> bool:
        """Whether the member would exceed the limit; if not, it is counted."""
        key = Member(info.name, UnavailableContent("")).key
        before = self._bytes if key == self._key else 0
        is_refused = before + info.size > _MAX_HELD
        self._key, self._bytes = key, before if is_refused else before + info.size
        return is_refused


def _content(archive: tarfile.TarFile, place: tuple[str, IO[bytes]] | _Held, info: tarfile.TarInfo) -> Content:
    path = PurePosixPath(info.name)
    if path.is_absolute() or ".." in path.parts:
        return UnavailableContent("the member's path leaves the archive")
    if info.issym() or info.islnk():
        return UnavailableContent("a link in an archive is not followed")
    if not info.isreg() or info.issparse():
        return UnavailableContent("not a regular file")
    if not isinstance(place, _Held):
        return SliceContent(*place, info.offset_data, info.size)
    if place.refuses(info):
        return UnavailableContent(f"its sample is larger than {_MAX_HELD:,} bytes inside a compressed archive")
    reader = archive.extractfile(info)
    return BytesContent(reader.read() if reader else b"")


class _Guarded:
    """A file that refuses single reads of absurd size, which the headers of hostile archives can request."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        if size < 0 or size > _MAX_MEMBER + _TAR_BLOCK:
            raise SampleError("a header claims an absurd size")
        return self._file.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True
