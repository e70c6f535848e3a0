"""The samples of an archive: a tar, compressed or not, or a zip."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from auditor.errors import DatasetError
from auditor.readers import tar, zipped
from auditor.readers.members import Broken, Group, consecutive, joined
from auditor.storage import files, names


@contextmanager
def groups(url: str) -> Iterator[Iterator[Group | Broken]]:
    """The samples of an archive, readable while the context is open; Broken comes last if the archive is damaged.

    Members of a sample need not follow one another if the archive is a local file that can be read in any order.
    Raises DatasetError if it cannot be opened.
    """
    try:
        with files.open_file(url) as file:
            if names.is_zip(url):
                yield joined(zipped.members(url, file))
            elif tar.is_seekable(url, file) and not files.is_remote(url):
                yield joined(tar.members(url, file))
            else:
                yield consecutive(tar.members(url, file))
    except OSError as error:
        raise DatasetError(f"{url}: {error.strerror or error}") from error
