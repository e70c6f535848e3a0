"""The sources of an image's bytes, opened when read: a file, bytes in the row, or a member of an archive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO

from auditor.errors import SampleError
from auditor.storage.files import inside, open_file

_PIECE = 1 << 18  # bytes; memory for all of a limit takes longer to get than a usual image takes to read


@dataclass(frozen=True, slots=True)
class FileContent:
    """A file that a dataset names. Its path is checked when it is read."""

    base: str
    name: str
    follow_links: bool = False

    def read(self, limit: int) -> bytes:
        """All bytes. Raises SampleError as in types.Content."""
        url = inside(self.base, self.name, follow_links=self.follow_links)
        try:
            with open_file(url) as file:
                return read_limited(file, limit)
        except OSError as error:
            raise SampleError(f"cannot be read: {error.strerror or error}") from None


@dataclass(frozen=True, slots=True)
class BytesContent:
    """Bytes that are stored in the row."""

    data: bytes

    def read(self, limit: int) -> bytes:
        """All bytes. Raises SampleError if there are more than `limit`."""
        if len(self.data) > limit:
            raise SampleError(_too_large(limit))
        return self.data


@dataclass(frozen=True, slots=True)
class SliceContent:
    """A member of an archive, read from the open file while its shard is being read, and from a new one later."""

    url: str
    file: IO[bytes]
    offset: int
    size: int

    def read(self, limit: int) -> bytes:
        """All bytes. Raises SampleError if there are more than `limit`, if the archive ends early, and if it cannot be
        read."""
        if self.size > limit:
            raise SampleError(_too_large(limit))
        try:
            if not self.file.closed:
                return self._read(self.file)
            with open_file(self.url) as file:
                return self._read(file)
        except OSError as error:
            raise SampleError(f"cannot be read from the archive: {error.strerror or error}") from None

    def _read(self, file: IO[bytes]) -> bytes:
        file.seek(self.offset)
        data = file.read(self.size)
        if len(data) < self.size:
            raise SampleError("the archive ends inside this member")
        return data


@dataclass(frozen=True, slots=True)
class UnavailableContent:
    """Content that cannot be read, with the reason."""

    reason: str

    def read(self, limit: int) -> bytes:
        """Always raises SampleError."""
        raise SampleError(self.reason)


def read_limited(file: IO[bytes], limit: int) -> bytes:
    """All of a file's bytes. Raises SampleError if there are more than `limit`."""
    pieces, left = [], limit + 1
    while piece := file.read(min(_PIECE, left)):
        pieces.append(piece)
        left -= len(piece)
    data = b"".join(pieces)
    if len(data) > limit:
        raise SampleError(_too_large(limit))
    return data


def _too_large(limit: int) -> str:
    return f"larger than {limit:,} bytes (--max-bytes)"
