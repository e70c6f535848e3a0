"""Finds the folder that a table's image names are relative to.

That is the table's own folder or, if no image is there, one near it below the input: a folder above, or a folder in one
of these. So COCO's `annotations/captions_train2017.json` finds `train2017/`, and Flickr8k's `captions.txt` `Images/`.
If several have an image of such a name, the one whose path has a word of the table's name is meant: `val.csv` and
`val/`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence, Set
from functools import lru_cache
from itertools import islice

from auditor.errors import DatasetError
from auditor.plugin import Input
from auditor.readers.column_content import name_files
from auditor.readers.columns import Columns
from auditor.storage import files, names, tables
from auditor.storage.tables import TableFile

_FIRST_ROWS = 10
_MAX_FOLDERS = 50  # in one folder
_MAX_TRIED = 300
_WORD = re.compile(r"[a-z]+")


def find(input: Input, table: TableFile, columns: Columns) -> str:
    """The folder, below the input or --base-dir, that the names are relative to; if no image is found, the table's own
    or --base-dir itself."""
    own = "" if input.options.base_dir else files.parent(table.url.removeprefix(f"{input.url}/"))
    found = with_images(input, table, columns)
    return own if found is None else found


def with_images(input: Input, table: TableFile, columns: Columns) -> str | None:
    """The same folder; None if no image that one of the first rows names is there."""
    if not columns.local:
        return None
    base_dir = input.options.base_dir
    base = files.normalise(base_dir) if base_dir else input.url
    own = None if base_dir else files.parent(table.url.removeprefix(f"{input.url}/"))
    return _find(base, own, table, columns.local, tables.version(table))


@lru_cache(maxsize=1024)
def _find(base: str, own: str | None, table: TableFile, local: Sequence[str], version: str) -> str | None:
    try:
        rows = tables.first_rows(table, _FIRST_ROWS, tuple(local))
    except DatasetError:
        return None
    values = [row.get(column) for row in rows for column in local]
    near = [""] if own is None else _near(base, own, _words(names.stem(table.url.rpartition("/")[2])))
    return next((folder for folder in near if name_files(base, folder, values)), None)


def forget() -> None:
    """Forget which images were there; every audit begins with this."""
    _find.cache_clear()


def _words(name: str) -> set[str]:
    """The words of a name, without digits: `captions` and `val` of captions_val2017."""
    return set(_WORD.findall(name.casefold()))


def _near(base: str, own: str, words: Set[str]) -> Iterator[str]:
    """The table's folder and those above, then folders in these, first those whose path has one of the words."""
    above = [own]
    while above[-1]:
        above.append(files.parent(above[-1]))
    yield from above
    below = islice(_below(base, above), _MAX_TRIED)
    yield from sorted(below, key=lambda folder: not words & _words(folder))


def _below(base: str, above: Sequence[str]) -> Iterator[str]:
    """The folders in those, then the folders in these."""
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
