"""What columns hold, by a few of their first values; for columns whose names do not tell."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Iterable
from enum import Enum, auto
from typing import Any

from auditor.readers import cells
from auditor.storage import names, tables, urls
from auditor.storage.tables import BadRow, TableFile

_VALUES = 8
_ROWS = 1000
_CHUNK = 200


class Held(Enum):
    """What the values of a column are."""

    IMAGE = auto()  # the bytes of an image, whatever they are stored as
    PATH = auto()  # an image's file name
    ADDRESS = auto()  # a web address
    OTHER = auto()


def values(table: TableFile, columns: Iterable[str]) -> dict[str, list[Any]]:
    """The first values of each column, without missing ones. Raises DatasetError."""
    found: dict[str, list[Any]] = {name: [] for name in columns}
    seen = 0
    for chunk in tables.chunks(table, _CHUNK):
        for row in tables.rows(table, chunk, tuple(found)):
            seen += 1
            for name, values in found.items():
                value = None if isinstance(row, BadRow) else row.get(name)
                if (value or value == 0) and len(values) < _VALUES:
                    values.append(value)
            if seen >= _ROWS or all(len(values) == _VALUES for values in found.values()):
                return found
    return found


def held(values: Iterable[Any]) -> Held:
    """What most of some values are."""
    kinds = Counter(map(_kind, values))
    if not kinds:
        return Held.OTHER
    kind, count = kinds.most_common(1)[0]
    return kind if 2 * count > kinds.total() else Held.OTHER


def _kind(value: Any) -> Held:
    listed = cells.images(value)
    if listed is not None:
        return held(listed[:_VALUES])
    found = cells.image(value)
    if isinstance(found, bytes):
        return Held.IMAGE if names.starts_like_image(found[: names.HEAD]) else Held.OTHER
    if isinstance(found, cells.Undecodable):
        return Held.IMAGE
    if not isinstance(found, str) or "\n" in found:
        return Held.OTHER
    if " " not in found and urls.is_address(found):
        return Held.ADDRESS
    return Held.PATH if names.is_image(found) else Held.OTHER


def looks_like_image_address(values: Iterable[Any]) -> bool:
    """Whether one of some web addresses ends like an image's."""
    return any(isinstance(found := cells.image(value), str) and names.is_image(urls.path(found)) for value in values)


def are_same_images(some: list[Any], others: list[Any]) -> bool:
    """Whether two columns name the same images: `0.jpg` and `images/0.jpg`."""
    return bool(some) and list(map(_base, some)) == list(map(_base, others))


def _base(value: Any) -> Any:
    found = cells.image(value)
    return names.stem(posixpath.basename(found)) if isinstance(found, str) else found
