"""The members of a zip archive, sorted by name, because zips are often in the order in which files were added."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO

from auditor.errors import SampleError
from auditor.readers.members import Broken, Member
from auditor.storage import files, names
from auditor.storage.content import UnavailableContent, read_limited
from auditor.types import Content

_MAX_MEMBERS = 1_000_000  # of an archive; its whole directory is held in memory
_ENCRYPTED = 0x1  # bit 0 of the general purpose flags (APPNOTE.TXT 4.4.4)
_FAILURES = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, ValueError)


@dataclass(frozen=True, slots=True)
class ZipContent:
    """A member of a zip, inflated when it is read: from the open archive while its shard is being read, and from a new
    one later."""

    url: str
    archive: zipfile.ZipFile
    info: zipfile.ZipInfo

    def read(self, limit: int) -> bytes:
        """All bytes. Raises SampleError if there are more than `limit`, whatever the directory says, or if they cannot
        be inflated."""
        try:
            if self.archive.fp is not None and not self.archive.fp.closed:
                return self._read(self.archive, limit)
            with files.open_file(self.url) as file, zipfile.ZipFile(file) as archive:
                return self._read(archive, limit)
        except _FAILURES as error:
            raise SampleError(f"cannot be read from the archive: {error}") from None

    def _read(self, archive: zipfile.ZipFile, limit: int) -> bytes:
        with archive.open(self.info) as file:
            return read_limited(file, limit)


def members(url: str, file: IO[bytes]) -> Iterator[Member | Broken]:
    """Every member that is no folder and not hidden."""
    try:
        archive = zipfile.ZipFile(file)
        infos = archive.infolist()
    except _FAILURES as error:
        yield Broken(f"the archive cannot be read: {error}")
        return
    if len(infos) > _MAX_MEMBERS:
        yield Broken(f"the archive has {len(infos):,} members; at most {_MAX_MEMBERS:,} are read")
        return
    for info in sorted(infos, key=lambda info: info.filename):
        if not info.is_dir() and not names.is_hidden(info.filename):
            yield Member(info.filename, _content(url, archive, info))


def _content(url: str, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Content:
    path = PurePosixPath(info.filename)
    if path.is_absolute() or ".." in path.parts:
        return UnavailableContent("the member's path leaves the archive")
    if info.flag_bits & _ENCRYPTED:
        return UnavailableContent("the member is encrypted")
    return ZipContent(url, archive, info)
