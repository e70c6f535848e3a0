"""Parses the user's path into an Input, and lists the files of an Input."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterator
from fnmatch import fnmatch

import bracex

from auditor.config import ReadOptions
from auditor.errors import NoSuchInput
from auditor.plugin import Input
from auditor.storage import files, names
from auditor.storage.files import Entry

_GLOB = frozenset("*?[")
MAX_FOLDERS = 1000  # that are searched to detect a format


def parse(path: str | os.PathLike[str], options: ReadOptions) -> Input:
    """A folder, a file, or a pattern of files: `{00000..00099}.tar`, `*.parquet`.

    Raises NoSuchInput if nothing matches, and DatasetError if a store cannot be reached. Missing members of a brace
    range are kept: each is an unreadable row of the audit.
    """
    text = os.fspath(path)
    url = files.normalise(text)
    if files.is_remote(url):
        files.check_reachable(url)
    if files.is_folder(url):
        return Input(url, _last(url), options=options)
    if files.exists(url):
        folder, name = files.split(_as_named(text, url))
        return Input(folder, name, (name,), options=options)
    folder, pattern = os.path.split(text)
    expanded = _expanded(files.normalise(folder or "."), pattern)
    if not expanded:
        raise NoSuchInput(f"{text}: no such file or folder{_hint(text)}")
    return Input(files.normalise(folder or "."), pattern, tuple(expanded), options=options)


def _hint(text: str) -> str:
    """hf://owner/name is a model; people mean a dataset."""
    _, protocol, path = text.partition("hf://")
    return f"; did you mean hf://datasets/{path}?" if protocol and not path.startswith("datasets/") else ""


def _as_named(text: str, url: str) -> str:
    """The URL of a file under the name that the user gave, if that is a link and its target's name tells less: files of
    the Hugging Face hub's cache are links to blobs without a suffix."""
    folder, name = os.path.split(text)
    if files.is_remote(text) or names.suffix(name) == names.suffix(url) or names.is_image(name):
        return url
    return files.join(files.normalise(folder or "."), name)


def _last(url: str) -> str:
    return url.rpartition("/")[2] or url


def _expanded(folder: str, pattern: str) -> list[str]:
    if "{" not in pattern and not _GLOB & set(pattern):
        return []
    existing = [entry.name for entry in files.entries(folder)] if files.is_folder(folder) else []
    found: dict[str, None] = {}
    try:
        for name in bracex.iexpand(pattern, limit=1_000_000):
            found.update(dict.fromkeys([x for x in existing if fnmatch(x, name)] if _GLOB & set(name) else [name]))
    except bracex.ExpansionLimitException:
        raise NoSuchInput(f"{pattern}: matches more than a million files") from None
    return list(found) if any(name in existing for name in found) else []


def holds(input: Input, test: Callable[[str], bool]) -> bool:
    """Whether a file passes the test: one of those named, or of those in the first folders below the input."""
    return any(True for _ in _near(input, test))


def count(input: Input, test: Callable[[str], bool]) -> int:
    """How many files pass the test: of those named, or of those in the first folders below the input."""
    return sum(1 for _ in _near(input, test))


def folders(
    url: str, is_entered: Callable[[str], bool] = lambda folder: True, *, most: int = MAX_FOLDERS
) -> Iterator[str]:
    """The folder at a URL ('') and those below it, level by level: the first `most` that can be listed. Links are not
    followed. is_entered: whether the folders in one come too; asked after that one was given."""
    waiting = deque([""])
    for _ in range(most):
        if not waiting:
            return
        folder = waiting.popleft()
        if not files.is_listable(files.join(url, folder)):
            continue
        yield folder
        if is_entered(folder):
            inside = [entry.name for entry in files.entries(files.join(url, folder)) if _is_own_folder(entry)]
            waiting.extend(f"{folder}/{name}" if folder else name for name in inside)


def _is_own_folder(entry: Entry) -> bool:
    return entry.is_folder and not entry.is_link


def _near(input: Input, test: Callable[[str], bool]) -> Iterator[str]:
    if input.only:
        yield from filter(test, input.only)
        return
    for folder in folders(input.url):
        here = files.entries(files.join(input.url, folder))
        yield from (entry.name for entry in here if not entry.is_folder and test(entry.name))


def named(input: Input, test: Callable[[str], bool]) -> Iterator[str]:
    """Every file of an input that passes the test, in a stable order."""
    if input.only:
        yield from (name for name in input.only if test(name))
    else:
        yield from _below(input.url, "", test)


def label(kind: str, input: Input, name: str) -> str:
    """A stable id for the shard of one file of an input."""
    digest = hashlib.sha256(f"{input.name}\0{name}".encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return f"{kind}-{digest}"


def _below(base: str, folder: str, test: Callable[[str], bool]) -> Iterator[str]:
    for entry in files.entries(files.join(base, folder)):
        name = f"{folder}/{entry.name}" if folder else entry.name
        if entry.is_folder:
            if not entry.is_link and files.is_listable(files.join(base, name)):
                yield from _below(base, name, test)
        elif test(entry.name):
            yield name
