"""Finds the folder that a table's image names are relative to.

That is the table's own folder or, if no image is there, one near it below the input: a folder above, or a folder in one
of these. So COCO's `annotations/captions_train2017.json` finds `train2017/`, and Flickr8k's `captions.txt` `Images/`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice

from auditor.errors import DatasetError
from auditor.plugin import Input
from auditor.readers.column_content import name_files
from auditor.readers.columns import Columns
from auditor.storage import files, tables
from auditor.storage.tables import TableFile

_FIRST_ROWS = 10
_MAX_FOLDERS = 50  # in one folder
_MAX_TRIED = 300


def find(input: Input, table: TableFile, columns: Columns) -> str:
    """The folder, below the input, that the names are relative to; the table's own if no image is found."""
    own = files.parent(table.url.removeprefix(f"{input.url}/"))
    if input.options.base_dir or not columns.local:
        return "" if input.options.base_dir else own
    return _find(input.url, own, table, columns.local, tables.version(table))


@lru_cache(maxsize=1024)
def _find(base: str, own: str, table: TableFile, local: Sequence[str], version: str) -> str:
    try:
        rows = tables.first_rows(table, _FIRST_ROWS, tuple(local))
    except DatasetError:
        return own
    values = [row.get(column) for row in rows for column in local]
    near = islice(_near(base, own), _MAX_TRIED)
    return next((folder for folder in near if name_files(base, folder, values)), own)


def _near(base: str, own: str) -> Iterator[str]:
    """The table's folder and those above, then the folders in them, then those one level deeper."""
    above = [own]
    while above[-1]:
        above.append(files.parent(above[-1]))
    yield from above
    below = [name for folder in above for name in _folders(base, folder)]
    yield from below
    for folder in below:
        yield from _folders(base, folder)


def _folders(base: str, folder: str) -> list[str]:
    try:
        entries = files.entries(files.join(base, folder))
    except DatasetError:
        return []
    inside = (entry.name for entry in entries if entry.is_folder and not entry.is_link)
    return [f"{folder}/{name}" if folder else name for name in islice(inside, _MAX_FOLDERS)]
