"""The samples of an archive: a tar, compressed or not, or a zip.

A large archive that can be read in any order is read in pieces, by several workers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from typing import IO

from auditor.errors import DatasetError
from auditor.readers import tar, zipped
from auditor.readers.members import Broken, Group, Member, consecutive, joined
from auditor.storage import files, names
from auditor.storage.content import SliceContent

_PIECE_BYTES = 8 << 20
_MAX_PIECES = 16


def pieces(url: str) -> int:
    """The number of pieces to read an archive in; 1 if it is small, remote, or must be read from its beginning."""
    if files.is_remote(url):
        return 1
    number = min(_MAX_PIECES, files.size(url) // _PIECE_BYTES)
    return number if number > 1 and (names.is_zip(url) or _is_seekable(url)) else 1


def is_in_any_order(url: str) -> bool:
    """Whether the samples of an archive can be read in any order: a local one whose members can be found. Samples of
    others come as they are in the archive, and cannot be kept."""
    return names.is_zip(url) or (not files.is_remote(url) and _is_seekable(url))


@contextmanager
def groups(url: str, *, is_piece: bool = False) -> Iterator[Iterator[Group | Broken]]:
    """The samples of an archive, readable while the context is open; Broken comes last if the archive is damaged.

    Members of a sample need not follow one another if the archive is a local file that can be read in any order.
    is_piece: other pieces of the archive will be read by this process, so a tar's headers are remembered. Raises
    DatasetError if it cannot be opened.
    """
    try:
        with files.open_file(url) as file:
            if names.is_zip(url):
                yield joined(zipped.members(url, file))
            elif is_piece:
                yield (_opened(group, file) for group in _samples(url, files.version(url)))
            elif tar.is_seekable(url, file) and not files.is_remote(url):
                yield joined(tar.members(url, file))
            else:
                yield consecutive(tar.members(url, file))
    except OSError as error:
        raise DatasetError(f"{url}: {error.strerror or error}") from error


def _is_seekable(url: str) -> bool:
    try:
        with files.open_file(url) as file:
            return tar.is_seekable(url, file)
    except OSError:
        return False


@lru_cache(maxsize=1)
def _samples(url: str, version: str) -> tuple[Group | Broken, ...]:
    """All samples of a local tar, with members to be read from the tar that `_opened` gives them."""
    with files.open_file(url) as file:
        return tuple(joined(tar.members(url, file)))


def _opened(group: Group | Broken, file: IO[bytes]) -> Group | Broken:
    if isinstance(group, Broken):
        return group
    return Group(group.key, [_member(member, file) for member in group.members])


def _member(member: Member, file: IO[bytes]) -> Member:
    content = member.content
    return replace(member, content=replace(content, file=file)) if isinstance(content, SliceContent) else member
