"""Readers: one module per dataset format. `choose` finds the reader for each input; `read` reads a shard."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from auditor import registry
from auditor.config import ReadOptions, may_hold_secret
from auditor.errors import AuditorError, DatasetError, NoSuchInput
from auditor.plugin import Input, Reader, Shard
from auditor.readers import archive_index, columns, image_base, listing
from auditor.storage import files
from auditor.storage.names import UNREAD_DATASET, is_dataset
from auditor.types import Sample, Unreadable

if TYPE_CHECKING:
    from auditor.readers.row_columns import RowBatch

R = TypeVar("R")
_WITHOUT_TABLES = ("folder", "webdataset")

Inputs = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


def absolute(inputs: Inputs) -> list[str]:
    """The inputs as absolute paths or URLs, for commands that run in another folder; empty if a URL may hold a
    password or a token."""
    given = [os.fspath(each) for each in ([inputs] if isinstance(inputs, str | os.PathLike) else inputs)]
    if any(map(may_hold_secret, given)):
        return []
    return [each if "://" in each else os.path.abspath(each) for each in given]


def are_there(inputs: Sequence[str]) -> bool:
    """Whether each input exists, a pattern at least in part."""
    try:
        return bool(inputs) and all(listing.parse(each, ReadOptions()) for each in inputs)
    except (NoSuchInput, OSError):
        return False


def reader_for(input: Input) -> Reader:
    """The reader for an input: the one requested, or the first that accepts it. Raises DatasetError."""
    if input.options.input_format:
        reader: Reader = registry.load("readers", input.options.input_format)()
        return reader
    for id in registry.table("readers"):
        reader = registry.load("readers", id)()
        if reader.accepts(input):
            return reader
    why = f"no reader accepts this {'file' if input.only else 'folder'}"
    if input.only and all(map(is_dataset, input.only)):
        why = f"{UNREAD_DATASET}: unpack it, or convert it to tars of images (webdataset)"
    raise DatasetError(f"{input.name}: {why}; --input-format selects one of {', '.join(registry.table('readers'))}")


def choose(
    inputs: Inputs, read: ReadOptions, *, names: Sequence[str] | None = None
) -> tuple[tuple[Input, Reader], ...]:
    """Each input with its reader. names: the inputs' names in an earlier audit, if they have moved since; shard ids
    depend on names. Raises DatasetError."""
    for module in (files, columns, image_base, archive_index):
        module.forget()
    paths = [inputs] if isinstance(inputs, str | os.PathLike) else list(inputs)
    if not paths:
        raise DatasetError("no input")
    parsed = [listing.parse(path, read) for path in paths]
    _refuse_overlap(parsed)
    if names is None or len(names) != len(parsed):
        names = _distinct([input.name for input in parsed])
    several = len(parsed) > 1
    parsed = [replace(x, name=name, prefix=f"{name}/" * several) for x, name in zip(parsed, names, strict=True)]
    chosen = tuple((input, reader_for(input)) for input in parsed)
    if read.image_col and all(reader.id in _WITHOUT_TABLES for _, reader in chosen):
        raise DatasetError(f"--image-col {read.image_col}: no table of the input has an image or URL column")
    return chosen


def read(shard: Shard) -> Iterator[Sample | Unreadable]:
    """Every row of the shard, by the reader that found it.

    If reading fails, for whatever reason, the last row is unreadable with that reason; other files are read.
    """
    reader: Reader = registry.load("readers", shard.reader)()
    yield from _until_broken(shard, reader.read(shard))


def read_columns(shard: Shard) -> Iterator[RowBatch | Unreadable] | None:
    """Every row of the shard as columns, with the same ending as `read`; None if its reader cannot read it so."""
    reader: Reader = registry.load("readers", shard.reader)()
    found = reader.read_columns(shard)
    return None if found is None else _until_broken(shard, found)


def _until_broken(shard: Shard, found: Iterator[R]) -> Iterator[R | Unreadable]:
    try:
        yield from found
    except Exception as error:
        place = shard.input.prefix + (shard.file or str(shard.start))
        detail = str(error) if isinstance(error, AuditorError) else f"{type(error).__name__}: {error}"
        reason = f"reading stopped here: {detail}".replace(f"{shard.input.url}/", "")
        yield Unreadable(f"{place} from here on", place, place, reason)


def _refuse_overlap(inputs: Sequence[Input]) -> None:
    """Raises DatasetError for an input that is given twice, or that lies in another one: its images would count
    twice."""
    folders = {input.url for input in inputs if not input.only}
    seen: set[str] = set()
    for input in inputs:
        for name in input.only or ("",):
            url = files.join(input.url, name)
            if url in seen:
                raise DatasetError(f"{input.name} is given twice: its images would count twice")
            seen.add(url)
            above = url.rpartition("/")[0]
            while above and above not in folders:
                above = above.rpartition("/")[0]
            if above:
                raise DatasetError(
                    f"{input.name} is inside {files.split(above)[1] or above}, which is also an input: its images "
                    "would count twice"
                )


def _distinct(names: Sequence[str]) -> list[str]:
    seen: dict[str, int] = {}
    distinct = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        distinct.append(name if seen[name] == 1 else f"{name}~{seen[name]}")
    return distinct
