"""Tables on disk, cut into chunks that can be read apart: csv, tsv, jsonl, parquet.

Each format is a module with three functions over a file's URL:
`columns(url)` (names, from the header or schema alone), `chunks(url, rows)` (pieces of about that many rows) and
`rows(url, chunk, only)` (the rows of one piece, as dictionaries, in order; BadRow where a line cannot be parsed).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from auditor.errors import DatasetError

FORMATS = {"csv": "delimited", "tsv": "delimited", "jsonl": "jsonl", "ndjson": "jsonl", "parquet": "parquet"}


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a table. first: number of its first row, from 0. start, stop: in the format's own terms."""

    first: int
    rows: int | None
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be parsed, and why."""

    reason: str


def is_table(name: str) -> bool:
    """Whether a file name ends like a table's."""
    return _suffix(name) in FORMATS


def columns(url: str) -> list[str]:
    """Column names. Raises DatasetError where the file is not what its suffix says."""
    found: list[str] = _format(url).columns(url)
    return found


def chunks(url: str, rows: int) -> Iterator[Chunk]:
    """Pieces of about `rows` rows, in order, that cover the table. Raises DatasetError."""
    yield from _format(url).chunks(url, rows)


def rows(url: str, chunk: Chunk, only: tuple[str, ...] = ()) -> Iterator[Mapping[str, Any] | BadRow]:
    """The rows of one piece, with at least the columns `only` (empty: all). Raises DatasetError."""
    yield from _format(url).rows(url, chunk, only)


def embeds(url: str, column: str) -> bool:
    """Whether a column holds every image itself, and names no file."""
    return _suffix(url) == "parquet" and bool(_format(url).embeds(url, column))


def _suffix(name: str) -> str:
    return name.rpartition(".")[2].casefold()


def _format(url: str) -> ModuleType:
    import importlib

    try:
        return importlib.import_module(f"auditor.storage.{FORMATS[_suffix(url)]}")
    except KeyError:
        raise DatasetError(f"{url}: tables are read from {', '.join(FORMATS)} files") from None
