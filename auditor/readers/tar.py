"""The members of a tar, compressed or not.

Members are read in place; nothing is unpacked to disk. Links, devices and names that leave the archive are unavailable.
A compressed tar does not allow seeking back, so its members are read in order.
"""

from __future__ import annotations

import lzma
import re
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
# What tarfile and decompressors raise on damaged or hostile archives.
_DAMAGE = (
    tarfile.TarError, EOFError, OSError, SampleError, ValueError, RecursionError, OverflowError, MemoryError, TypeError,
    IndexError, KeyError, zlib.error, lzma.LZMAError,
)  # fmt: skip
_MAX_SIZE = 1 << 50  # bytes; more is no size
_TAR_BLOCK = 512
_MAX_PAX = 1 << 20  # bytes of the extended header of one member
_PAX_RECORD = re.compile(rb"(\d{1,20}) [^=]{1,1000}=")  # POSIX.1-2008, "pax Header Block"
_PAX_NUMBERS = (b"size", b"GNU.sparse.size", b"GNU.sparse.realsize", b"mtime", b"uid", b"gid")
_MAX_DIGITS = 30
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
                if not 0 <= info.size < _MAX_SIZE or archive.offset <= info.offset:
                    raise SampleError("a header has an invalid size")
                place = info.name
                if not info.isdir() and not names.is_hidden(info.name):
                    yield Member(place, _content(archive, held, info))
    except _DAMAGE as error:
        yield Broken(f"the archive cannot be read after {place}: {error or type(error).__name__}")
    except _Damaged:
        yield Broken(f"the archive is damaged after {place}")


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
            fileobj=pa.input_stream(file, compression=compression), mode="r|", encoding="utf-8", tarinfo=_Info
        ) as archive:
            yield archive, _Held()
        return
    guarded = cast("IO[bytes]", _Guarded(file))
    start: int | None = 0
    while start is not None:
        is_plain = start > 0 or is_seekable(url, file)
        guarded.seek(start)
        mode: Any = "r:" if is_plain else "r:*"
        with tarfile.open(fileobj=guarded, mode=mode, errorlevel=0, encoding="utf-8", tarinfo=_Info) as archive:
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


class _Info(tarfile.TarInfo):
    """A header whose extended records are checked before tarfile searches them, which takes quadratic time for hostile
    ones in older releases of Python (CVE-2024-6232)."""

    def _proc_pax(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        if not 0 <= self.size <= _MAX_PAX:
            raise SampleError("an extended header has an invalid size")
        stream = cast("IO[bytes]", archive.fileobj)
        data = stream.read(-(-self.size // _TAR_BLOCK) * _TAR_BLOCK)
        _check_pax(data[: self.size])
        cast("Any", archive).fileobj = _Repeated(data, stream)
        try:
            found: tarfile.TarInfo = cast("Any", super())._proc_pax(archive)
        finally:
            cast("Any", archive).fileobj = stream
        return found


def _check_pax(data: bytes) -> None:
    """Raises SampleError if an extended header is not a sequence of `length key=value` records."""
    at = 0
    while at < len(data) and data[at : at + 1] != b"\0":
        record = _PAX_RECORD.match(data, at)
        length = int(record[1]) if record else 0
        if not record or record.end() - at >= length or at + length > len(data):
            raise SampleError("an extended header is damaged")
        key, value = data[at : at + length].split(b" ", 1)[1].split(b"=", 1)
        if key in _PAX_NUMBERS and len(value) > _MAX_DIGITS:
            raise SampleError("an extended header has an invalid size")
        at += length


class _Repeated:
    """A stream that gives data again that were read from it, and goes on with the rest."""

    def __init__(self, data: bytes, rest: IO[bytes]) -> None:
        self._data: bytes | None = data
        self._rest = rest

    def read(self, size: int = -1) -> bytes:
        if self._data is None:
            return self._rest.read(size)
        data, self._data = self._data, None
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._rest.seek(offset, whence)

    def tell(self) -> int:
        return self._rest.tell()


class _Guarded:
    """A file that refuses single reads of absurd size, which the headers of hostile archives can request."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        if size < 0 or size > _MAX_MEMBER + _TAR_BLOCK:
            raise SampleError("a header has an invalid size")
        return self._file.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True
