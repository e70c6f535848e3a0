"""Which files of a folder may be its tables.

Files that end in .json or .txt are seldom tables: they are sidecars of images, notes or settings. They are looked into
if they are no image's sidecar and the first ones of their folder are not all something else, and they count if they
hold rows that fit the folder. Of the Arrow files of a saved dataset, those count that its state.json names; files named
`cache-…` hold results that datasets.map computed from the others.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator

from auditor.plugin import Input
from auditor.readers import cells, image_base, listing, walk
from auditor.readers.columns import Columns
from auditor.storage import files, names, tables
from auditor.storage.tables import TableFile

_MAX_LOOSE = 5000  # files; where there are more, they belong to images
_MAX_NO_TABLES = 20  # such files of a folder, of which none is a table: then the others are none either
_MAX_NEAR = 100  # folders
_FIRST_ROWS = 10
_STATE = "state.json"
_MAX_LOST = 1000
_MAX_STATE = 16 << 20


def named(input: Input, is_table: Callable[[str], bool]) -> Iterator[str]:
    """The files of a folder, in a stable order, that are tables by their names and by what is beside them."""
    folder, here = None, frozenset[str]()
    for name in listing.named(input, is_table):
        if files.parent(name) != folder:
            folder = files.parent(name)
            here = _candidates(files.join(input.url, folder), is_table)
            yield from (f"{folder}/{lost}" if folder else lost for lost in _lost(files.join(input.url, folder)))
        if name.rpartition("/")[2] in here:
            yield name


class Tried:
    """Which files were looked into: where many .json and .txt files of a folder are no tables, the others are not
    opened."""

    def __init__(self) -> None:
        self._with_tables: set[str] = set()
        self._failures: Counter[str] = Counter()

    def may_be_table(self, name: str) -> bool:
        """Whether a file is to be looked into."""
        folder = files.parent(name)
        is_known = not tables.is_only_sometimes_table(name) or folder in self._with_tables
        return is_known or self._failures[folder] < _MAX_NO_TABLES

    def note(self, name: str, *, is_table: bool) -> bool:
        """Remembers what a file is; returns whether it is a table."""
        if is_table:
            self._with_tables.add(files.parent(name))
        elif tables.is_only_sometimes_table(name):
            self._failures[files.parent(name)] += 1
        return is_table


def are_near(input: Input, is_table: Callable[[str], bool]) -> bool:
    """Whether a .json or .txt file in one of the first folders may be a table."""
    return any(
        tables.is_only_sometimes_table(name)
        for folder in listing.folders(input.url, most=_MAX_NEAR)
        for name in _candidates(files.join(input.url, folder), is_table)
    )


def is_dataset(input: Input, table: TableFile, found: Columns) -> bool:
    """Whether the rows of a folder's table are rows of the dataset, if its name or its columns leave that open."""
    if not tables.is_only_sometimes_table(table.url) and not found.is_guess:
        return True
    if any(tables.embeds(table, column) for column in found.local) or _holds_image(table, found):
        return True
    if image_base.with_images(input, table, found) is not None:
        return True
    name = table.url.rpartition("/")[2]
    if names.is_companion(name) and not name.casefold().startswith("manifest"):
        return False
    is_list = len(tables.first_rows(table, 2)) == 2
    return found.url is not None and is_list and not found.is_guess and next(walk.images(input), None) is None


def _holds_image(table: TableFile, found: Columns) -> bool:
    """Whether one of the first rows embeds an image."""
    rows = tables.first_rows(table, _FIRST_ROWS, found.local) if found.local else []
    return any(isinstance(cells.image(row.get(column)), bytes) for row in rows for column in found.local)


def _candidates(folder: str, is_table: Callable[[str], bool]) -> frozenset[str]:
    """The files of one folder that may be tables."""
    if not files.is_listable(folder):
        return frozenset()
    entries = [entry.name for entry in files.entries(folder) if not entry.is_folder]
    candidates = [name for name in entries if is_table(name)]
    loose = {name for name in candidates if tables.is_only_sometimes_table(name)}
    if loose:
        stems = {names.stem(name) for name in entries if name not in loose}
        loose = {name for name in loose if names.stem(name) not in stems}
    if len(loose) > _MAX_LOOSE:
        loose = set()
    saved = _saved(folder) if _STATE in entries else None
    return frozenset(
        name
        for name in candidates
        if (name in loose or not tables.is_only_sometimes_table(name))
        and (not name.endswith(".arrow") or (name in saved if saved else not name.startswith("cache-")))
    )


def _lost(folder: str) -> list[str]:
    """The Arrow files that state.json names and that are not there."""
    here = files.names(folder) if files.is_listable(folder) else frozenset()
    lost = (name for name in _saved(folder) if name.endswith(".arrow") and "/" not in name and name not in here)
    return sorted(lost)[:_MAX_LOST] if _STATE in here else []


def _saved(folder: str) -> frozenset[str]:
    """The Arrow files that state.json names (datasets' save_to_disk); none if it names none."""
    try:
        with files.open_file(files.join(folder, _STATE)) as file:
            listed = json.loads(file.read(_MAX_STATE))["_data_files"]
            return frozenset(str(entry["filename"]) for entry in listed)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return frozenset()
