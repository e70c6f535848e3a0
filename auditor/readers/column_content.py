"""What columns hold, by a few of their first values; for columns whose names do not tell."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from enum import Enum, auto
from typing import Any

from auditor.errors import SampleError
from auditor.readers import cells
from auditor.storage import files, names, tables, urls
from auditor.storage.tables import BadRow, TableFile

_VALUES = 8
_ROWS = 1000
_CHUNK = 200
_IMAGE_WORDS = frozenset(
    "image images img imgs jpg jpeg png webp photo photos picture pictures pic file filename".split()
)
_ORIGIN_WORDS = frozenset("original orig old source src former previous raw".split())
# Of images that belong to the row's image, and are not it.
_OTHER_WORDS = frozenset("mask masks thumb thumbnail depth author avatar logo icon profile label preview".split())
_PAGES = ("/", ".html", ".htm", ".php", ".asp", ".aspx", ".jsp")
_URL_WORDS = frozenset("url urls link links src uri href".split())
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


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


def named_alike(table: TableFile, first: str, columns: Iterable[str], base_dir: str | None) -> tuple[str, ...]:
    """Those columns with a word for images in their names that hold other images than the first column. (Original names
    of files that are not there, while those of the first column are, tell where the images came from.)"""
    alike = [name for name in columns if _words(name) & _IMAGE_WORDS]
    if not alike:
        return ()
    found = values(table, [first, *alike])
    base = base_folder(table, base_dir)
    is_here = held(found[first]) is Held.PATH and name_files(base, "", found[first])
    wanted = {Held.ADDRESS} if held(found[first]) is Held.ADDRESS else {Held.PATH, Held.IMAGE}
    others: list[str] = []
    for name in alike:
        known = [found[first], *(found[other] for other in others)]
        may_be_origin = is_here and held(found[name]) is Held.PATH and _words(name) & _ORIGIN_WORDS
        is_elsewhere = may_be_origin and not name_files(base, "", found[name])
        is_other = not any(_are_same_images(found[name], other) for other in known)
        if held(found[name]) in wanted and is_other and not is_elsewhere:
            others.append(name)
    return tuple(others)


def files_beside(table: TableFile, columns: list[str], base_dir: str | None) -> str | None:
    """The first column of images' file names of which most are there, beside the table; None without any."""
    if not columns:
        return None
    base = base_folder(table, base_dir)
    for name, found in values(table, [name for name in columns if not _words(name) & _OTHER_WORDS]).items():
        if held(found) is Held.PATH and 2 * sum(name_files(base, "", [value]) for value in found) > len(found):
            return name
    return None


def better_address(table: TableFile, known: str, columns: list[str]) -> str | None:
    """A column with a word for images in its name whose addresses end like images', if those of the known column are
    those of pages."""
    pictures = [name for name in columns if _words(name) & _IMAGE_WORDS and not _words(name) & _OTHER_WORDS]
    if not pictures:
        return None
    found = values(table, [known, *pictures])
    if not found[known] or not all(map(_is_page, found[known])):
        return None
    return next((n for n in pictures if held(found[n]) is Held.ADDRESS and _end_like_images(found[n])), None)


def are_images(table: TableFile, columns: Iterable[str]) -> bool:
    """Whether the first values of some columns are images, or web addresses that end like images."""
    found = values(table, columns)
    return any(held(some) is Held.IMAGE or _end_like_images(some) for some in found.values())


def _is_page(value: Any) -> bool:
    """Whether a web address is that of a page, by its ending."""
    found = cells.image(value)
    return isinstance(found, str) and urls.path(found).casefold().endswith(_PAGES)


def by_content(table: TableFile, columns: list[str], base_dir: str | None) -> dict[str, Any]:
    """The fields `image`, `url`, `others` and `is_guess` of Columns by what the first values are; {} without images."""
    found = values(table, columns)
    kinds = {name: held(some) for name, some in found.items()}
    addresses = [name for name in columns if kinds[name] is Held.ADDRESS]
    images = [name for name in columns if kinds[name] is Held.IMAGE]
    if not images:
        images = [name for name in columns if kinds[name] is Held.PATH]
        base = base_folder(table, base_dir)
        if addresses and images and not name_files(base, "", found[images[0]]):
            images = []  # names of what is behind the URLs
    if images:
        others = [name for name in images[1:] if not _are_same_images(found[images[0]], found[name])]
        url = {"url": _best_address(addresses, found)} if addresses else {}
        return {"image": images[0], "others": tuple(others), "is_guess": True, **url}
    if not addresses:
        return {}
    pictures = [name for name in addresses if _words(name) & _IMAGE_WORDS]
    best = _best_address(pictures or addresses, found)
    others = [name for name in pictures if name != best and not _are_same_images(found[best], found[name])]
    return {"url": best, "others": tuple(others), "is_guess": not _words(best) & (_URL_WORDS | _IMAGE_WORDS)}


def base_folder(table: TableFile, base_dir: str | None) -> str:
    """The folder that a table's image names are relative to: --base-dir, or that of the table."""
    return files.normalise(base_dir) if base_dir else files.split(table.url)[0]


def name_files(base: str, folder: str, values: Iterable[Any]) -> bool:
    """Whether one of some values is the path, from a folder below the base, of a file below the base, in any spelling.
    A path that begins with '/' may begin at that folder too."""
    paths = [spelled for value in values for path in cells.paths(value) for spelled in _spellings(path, base)]
    return any(_is_file(base, posixpath.join(folder, path)) for path in paths)


def _spellings(path: str, base: str) -> tuple[str, ...]:
    """A path as it is, from the dataset's own folder, and in other spellings; on a store, each would be a request."""
    here = (path, path.lstrip("/")) if path.startswith("/") else (path,)
    return here if files.is_remote(base) else tuple(dict.fromkeys((*here, *names.spellings(path))))


def _is_file(base: str, name: str) -> bool:
    try:
        return files.exists(files.inside(base, name, follow_links=True))
    except SampleError:
        return False


def _best_address(columns: list[str], found: Mapping[str, list[Any]]) -> str:
    """The column whose addresses are most likely those of images."""
    return max(columns, key=lambda name: (_end_like_images(found[name]), bool(_words(name) & _URL_WORDS)))


def _words(name: str) -> set[str]:
    """The words of a column's name: `sourceImage_1` has source and image."""
    return {word.casefold() for word in _WORD.findall(name)}


def _end_like_images(values: Iterable[Any]) -> bool:
    """Whether one of some web addresses ends like an image's."""
    return any(isinstance(found := cells.image(value), str) and names.is_image(urls.path(found)) for value in values)


def _are_same_images(some: list[Any], others: list[Any]) -> bool:
    """Whether two columns name the same images: `0.jpg` and `images/0.jpg`."""
    return bool(some) and list(map(_base, some)) == list(map(_base, others))


def _base(value: Any) -> Any:
    found = cells.image(value)
    return names.stem(posixpath.basename(found)) if isinstance(found, str) else found
