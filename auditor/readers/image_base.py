"""Finds the folder that a table's image names are relative to.

That is the table's own folder or, if no image is there, one near it below the input: a folder above, or a folder in one
of these. So COCO's `annotations/captions_train2017.json` finds `train2017/`, and Flickr8k's `captions.txt` `Images/`.
Several folders may have images of these names: `val.csv` means those in `val/`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any

from auditor.errors import DatasetError
from auditor.plugin import Input
from auditor.readers import column_content as content
from auditor.readers import walk
from auditor.readers.column_content import Held, name_files
from auditor.readers.columns import Columns
from auditor.storage import files, names, tables
from auditor.storage.tables import TableFile

_FIRST_ROWS = (10, 200)  # more if the first images are missing
_MAX_FOLDERS = 50  # in one folder
_MAX_TRIED, _MIN_TRIED = 300, 10  # folders
_MAX_LOOKUPS = 5000  # of files, for one table
_FEW_VALUES = 3  # that are looked for on a store, where each is a request
_WORD = re.compile(r"[^\W\d_]+|\d+")


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


def are_names_of_downloads(input: Input, table: TableFile, columns: Columns) -> bool:
    """Whether the images that a table names beside URLs are what downloads of these would be called: the input has no
    image (of a table that is named itself: none of the first ones is there), and no option says that it should."""
    if not input.only and next(walk.images(input), None) is not None:
        return False
    if not columns.url or not columns.image or input.options.image_col or input.options.base_dir:
        return False
    if any(tables.embeds(table, column) for column in columns.local):
        return False
    found = content.values(table, columns.local)
    is_of_names = all(content.held(values) is Held.PATH for values in found.values())
    return is_of_names and with_images(input, table, columns) is None


@lru_cache(maxsize=1024)
def _find(base: str, own: str | None, table: TableFile, local: Sequence[str], version: str) -> str | None:
    for count in _FIRST_ROWS[:1] if files.is_remote(base) else _FIRST_ROWS:
        try:
            rows = tables.first_rows(table, count, tuple(local))
        except DatasetError:
            return None
        values = [row.get(column) for row in rows for column in local]
        if (found := _folder_of(values, base, own, names.stem(table.url.rpartition("/")[2]))) is not None:
            return found
        if len(rows) < count:
            break
    return None


def _folder_of(values: Sequence[Any], base: str, own: str | None, name: str) -> str | None:
    """The folder of images; None if none of these is there. name: of the table."""
    near = [""] if own is None else above(own)
    found = next((folder for folder in near if name_files(base, folder, values)), None)
    if found is not None or own is None:
        return found
    return _named_like(name, base, near, values)


def _named_like(name: str, base: str, near: Sequence[str], values: Sequence[Any]) -> str | None:
    """Of the folders below those near a table, the one that it means; None if none has an image of such a name.

    That is, of the folders with most of these images (or half as many), the one of the table's name, or else the one
    that shares most words with it, without those that all of them have.
    """
    tried = values[:_FEW_VALUES] if files.is_remote(base) else values
    hits = {
        folder: sum(name_files(base, folder, [value]) for value in tried)
        for folder in islice(_below(base, near), min(_MAX_TRIED, max(_MIN_TRIED, _MAX_LOOKUPS // max(1, len(tried)))))
    }
    candidates = [folder for folder, count in hits.items() if count and 2 * count >= max(hits.values())]
    if not candidates:
        return None
    of_each = [words_of(folder) for folder in candidates]
    words = words_of(name) - of_each[0].intersection(*of_each)

    def likeness(folder: str) -> tuple[bool, int, int]:
        return name.casefold() in folder.casefold().split("/"), len(words & words_of(folder)), hits[folder]

    return max(candidates, key=likeness)


def forget() -> None:
    """Forget which images were there; every audit begins with this."""
    _find.cache_clear()


def words_of(name: str) -> set[str]:
    """The words and numbers of a name: `captions`, `val` and `2017` of captions_val2017."""
    return set(_WORD.findall(name.casefold()))


def above(own: str) -> list[str]:
    """A folder and those above, up to the input: ''."""
    found = [own]
    while found[-1]:
        found.append(files.parent(found[-1]))
    return found


def _below(base: str, near: Sequence[str]) -> Iterator[str]:
    """The folders in those, then the folders in these."""
    below = [name for folder in near for name in _folders(base, folder)]
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
