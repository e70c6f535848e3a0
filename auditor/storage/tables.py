"""Tables on disk, in chunks that can be read separately.

Each format is a module with functions of a TableFile: `columns(table)` (names, from the header) or, if columns have
types, `schema(table)` (Arrow's); `chunks(table, rows)` (pieces of about that many rows); and `rows(table, chunk, only)`
(the rows of one piece in order, as dictionaries; BadRow for a row that cannot be parsed).
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from itertools import islice
from types import ModuleType
from typing import TYPE_CHECKING, Any

from auditor.errors import DatasetError
from auditor.storage import files

if TYPE_CHECKING:
    import pyarrow

FORMATS = {
    "csv": "delimited", "tsv": "delimited", "tab": "delimited", "psv": "delimited", "jsonl": "jsonl", "ndjson": "jsonl",
    "json": "json_rows", "txt": "url_list", "parquet": "parquet", "arrow": "arrow", "feather": "arrow", "ipc": "arrow",
}  # fmt: skip
COMPRESSIONS = frozenset(("gz", "gzip", "bz2", "xz", "zst", "zstd", "lz4"))
_SOMETIMES = frozenset(("json_rows", "url_list"))  # formats whose suffixes are also those of sidecars and of notes


class Kind(Enum):
    """What a column's type says of its values."""

    IMAGE = auto()  # declared to be images (Hugging Face's feature type)
    BYTES = auto()  # binary, or lists of small integers, also inside structs and lists
    OPEN = auto()  # text, or values of any type: their content tells
    OTHER = auto()  # numbers, dates …


@dataclass(frozen=True, slots=True)
class TableFile:
    """A table on disk. format: the module that reads it. delimiter: of delimited text; None if it is to be guessed."""

    url: str
    format: str
    delimiter: str | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a table. first: number of its first row, from 0. start, stop: in units of the format."""

    first: int
    rows: int | None
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be parsed, with the reason."""

    reason: str


def is_table(name: str) -> bool:
    """Whether a file name ends like a table's, compressed or not."""
    return _ending(name) in FORMATS


def is_only_sometimes_table(name: str) -> bool:
    """Whether files of this name are mostly something else than tables: sidecars, notes, settings."""
    return FORMATS.get(_ending(name)) in _SOMETIMES


def is_always_table(name: str) -> bool:
    """Whether a file name ends like a table's, and like that of nothing else."""
    return is_table(name) and not is_only_sometimes_table(name)


def is_compressed(name: str) -> bool:
    """Whether a file name ends like that of a compressed file."""
    return name.rpartition(".")[2].casefold() in COMPRESSIONS


def at(url: str, delimiter: str | None = None) -> TableFile:
    """The table in a file: of the format that its suffix names or, without a known suffix, of that of its content.

    Raises DatasetError if it is none.
    """
    format = FORMATS.get(_ending(url))
    if format is None:
        from auditor.storage import recognition

        format = recognition.format_of(url)
    if format is None:
        raise DatasetError(f"{url}: is not a table; tables are {', '.join(FORMATS)} files, also compressed")
    return TableFile(url, format, delimiter)


def columns(table: TableFile) -> list[str]:
    """Column names. Raises DatasetError if the file is not of the format that its suffix names."""
    module = _module(table)
    if hasattr(module, "schema"):
        readable: list[str] = _batches().readable(module.schema(table))
        return readable
    names: list[str] = module.columns(table)
    return names


def kinds(table: TableFile) -> dict[str, Kind]:
    """What the types of columns say; of formats without types, every column is open. Also of the wide columns (vectors)
    that `columns` leaves out. Raises DatasetError."""
    module = _module(table)
    if hasattr(module, "schema"):
        typed: dict[str, Kind] = _batches().kinds(module.schema(table))
        return typed
    return dict.fromkeys(columns(table), Kind.OPEN)


def described(table: TableFile) -> list[str]:
    """The columns with their types, for messages. Raises DatasetError."""
    module = _module(table)
    return _batches().described(module.schema(table)) if hasattr(module, "schema") else columns(table)


def chunks(table: TableFile, rows: int) -> Iterator[Chunk]:
    """Pieces of about `rows` rows, in order, that cover the table. Raises DatasetError."""
    yield from _module(table).chunks(table, rows)


def rows(table: TableFile, chunk: Chunk, only: tuple[str, ...] = ()) -> Iterator[Mapping[str, Any] | BadRow]:
    """The rows of one piece, with at least the columns `only` (empty: all). Raises DatasetError."""
    yield from _module(table).rows(table, chunk, only)


def record_batches(
    table: TableFile, chunk: Chunk, names: Sequence[str], size: int
) -> Iterator[pyarrow.RecordBatch] | None:
    """The rows of one piece as record batches of Arrow of at most `size` rows; None for a format without typed columns.
    Raises DatasetError."""
    module = _module(table)
    return module.record_batches(table, chunk, names, size) if hasattr(module, "record_batches") else None


def schema(table: TableFile) -> pyarrow.Schema | None:
    """The columns with Arrow's types; None for a format without types. Raises DatasetError."""
    module = _module(table)
    return module.schema(table) if hasattr(module, "schema") else None


def first_rows(table: TableFile, count: int, only: tuple[str, ...] = ()) -> list[Mapping[str, Any]]:
    """Some of the first rows, without those that cannot be parsed. Raises DatasetError."""
    for chunk in chunks(table, count):
        found = islice(rows(table, chunk, only), count)
        return [row for row in found if not isinstance(row, BadRow)]
    return []


def embeds(table: TableFile, column: str) -> bool:
    """Whether a column holds the images themselves, not file names."""
    module = _module(table)
    return hasattr(module, "embeds") and bool(module.embeds(table, column))


def version(table: TableFile) -> str:
    """A digest that changes if the file does."""
    return files.version(table.url)


def _ending(name: str) -> str:
    """The suffix in lower case, without that of a compression; '' without one."""
    stem, _, suffix = name.rpartition(".")
    suffix = suffix.casefold()
    if suffix in COMPRESSIONS and "." in stem:
        suffix = stem.rpartition(".")[2].casefold()
    return suffix if stem else ""


def _batches() -> ModuleType:
    return importlib.import_module("auditor.storage.batches")  # loads Arrow


def _module(table: TableFile) -> ModuleType:
    return importlib.import_module(f"auditor.storage.{table.format}")
