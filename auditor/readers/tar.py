"""The samples of one tar: consecutive members with the same path up to the first dot of the base name (webdataset).

Members are read in place; nothing is unpacked to disk. Links, devices and names that leave the archive are unavailable.
A compressed tar does not allow seeking back, so its members are read in order.
"""

from __future__ import annotations

import lzma
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import IO, Any, cast

from auditor.errors import DatasetError, SampleError
from auditor.storage import files
from auditor.storage.content import BytesContent, SliceContent, UnavailableContent
from auditor.types import Content

_MAX_MEMBER = 256 << 20
_MAX_HELD = 256 << 20  # bytes of one sample of a compressed archive that are held in memory
_MAX_MEMBERS = 1000  # of one sample
_CORRUPT = (zlib.error, lzma.LZMAError)  # exceptions of decompressors other than OSError
_TAR_BLOCK = 512


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a sample: its name in the archive, its suffix after the first dot, its content."""

    name: str
    suffix: str
    content: Content


@dataclass(slots=True)
class Group:
    """The members of one sample."""

    key: str
    members: list[Member] = field(default_factory=list)

    def ends_before(self, key: str, suffix: str) -> bool:
        """Whether a member with this key and suffix begins the next sample."""
        is_full = len(self.members) >= _MAX_MEMBERS
        return key != self.key or is_full or any(member.suffix == suffix for member in self.members)


@dataclass(frozen=True, slots=True)
class Broken:
    """The premature end of an archive, with the reason."""

    reason: str


def is_tar(name: str) -> bool:
    """Whether a file name ends like a tar's."""
    return name.casefold().endswith((".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz"))


@contextmanager
def groups(url: str) -> Iterator[Iterator[Group | Broken]]:
    """The samples of an archive, readable while the context is open; Broken comes last if the archive is damaged."""
    try:
        with files.open_file(url) as file:
            yield _groups(url, file)
    except OSError as error:
        raise DatasetError(f"{url}: {error.strerror or error}") from error


def _groups(url: str, file: IO[bytes]) -> Iterator[Group | Broken]:
    group: Group | None = None
    for member in _members(url, file):
        if isinstance(member, Broken):
            if group:
                yield group
            yield member
            return
        key, suffix = _split(member.name)
        if group is None or group.ends_before(key, suffix):
            if group:
                yield group
            group = Group(key)
        group.members.append(Member(member.name, suffix, member.content))
    if group:
        yield group


def _split(name: str) -> tuple[str, str]:
    folder, slash, base = name.rpartition("/")
    stem, _, suffix = base.partition(".")
    return f"{folder}{slash}{stem}", suffix.casefold()


def _members(url: str, file: IO[bytes]) -> Iterator[Member | Broken]:
    name, held = "the beginning", _Held()
    try:
        guarded = cast("IO[bytes]", _Guarded(file))
        with tarfile.open(fileobj=guarded, mode="r:*", errorlevel=0, encoding="utf-8") as archive:
            plain = getattr(archive, "fileobj", None) is guarded
            while (info := archive.next()) is not None:
                cast("Any", archive).members = []  # otherwise tarfile keeps every member
                name = info.name
                if not info.isdir():
                    yield Member(name, "", _content(archive, (url, file) if plain else held, info))
            if plain and _is_cut(file, archive.offset):
                yield Broken(f"the archive is damaged behind {name}")
    except (tarfile.TarError, EOFError, OSError, SampleError, ValueError, RecursionError, *_CORRUPT) as error:
        yield Broken(f"the archive breaks off behind {name}: {error}")


def _is_cut(file: IO[bytes], offset: int) -> bool:
    # tarfile takes a damaged header for the end. The true end is a block of zeros or the end of the file.
    file.seek(offset)
    return bool(file.read(_TAR_BLOCK).strip(b"\0"))


class _Held:
    """Counts the bytes of a sample of a compressed archive that are held in memory."""

    def __init__(self) -> None:
        self._key, self._bytes = "", 0

    def refuses(self, info: tarfile.TarInfo) -> bool:
        """Whether the member would exceed the limit; if not, it is counted."""
        key, _ = _split(info.name)
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
