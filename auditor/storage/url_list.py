"""Text files: lists of URLs or of image paths, one per line, as img2dataset and training scripts take them.

A line may go on behind the path with a blank and a label (`train/1.jpg 3`). A text file whose rows have several fields
(Flickr8k: `image,caption`) is read as delimited text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from auditor.errors import DatasetError
from auditor.storage import delimited, delimiters, files, lines, urls
from auditor.storage.names import is_image
from auditor.storage.tables import BadRow, Chunk, TableFile

_LINES = 100


def columns(table: TableFile) -> list[str]:
    """`url` or `image`, and `label`; the columns of delimited text. Raises DatasetError for text that is neither."""
    kind = _kind(table)
    if kind == "delimited":
        return delimited.columns(table)
    return [kind, "label"]


def chunks(table: TableFile, rows: int) -> Iterator[Chunk]:
    """Byte ranges of whole lines."""
    yield from delimited.chunks(table, rows) if _kind(table) == "delimited" else lines.chunks(table.url, rows)


def rows(table: TableFile, chunk: Chunk, only: tuple[str, ...] = ()) -> Iterator[Mapping[str, Any] | BadRow]:
    """One row per line; blank lines are skipped."""
    kind = _kind(table)
    if kind == "delimited":
        yield from delimited.rows(table, chunk, only)
        return
    for line in lines.text(table.url, chunk):
        if name := line.strip():
            yield _row(name, kind)


def _row(line: str, kind: str) -> dict[str, Any]:
    first, _, rest = line.partition(" ")
    if rest and not is_image(line) and (files.is_web(first) or is_image(first)):
        return {kind: first, "label": rest.strip()}
    return {kind: line}


def _kind(table: TableFile) -> str:
    return _kind_of(table, files.version(table.url))


@lru_cache(maxsize=64)
def _kind_of(table: TableFile, version: str) -> str:
    """url, image or delimited. Raises DatasetError."""
    text = delimited.beginning(table.url).removeprefix("\ufeff")
    listed = [line.strip() for line in text.split("\n")[:_LINES] if line.strip()]
    names = [str(next(iter(_row(line, "").values()))) for line in listed]
    if table.delimiter or (listed and _is_delimited(listed, text)):
        return "delimited"
    addresses = sum(map(urls.is_address, names))
    if listed and addresses == len(listed):
        return "url"
    if addresses or any(map(is_image, names)) or not listed:
        return "image"
    raise DatasetError(f"{table.url}: is not a list of URLs or image paths, one per line")


def _is_delimited(listed: list[str], text: str) -> bool:
    """Whether lines have fields. A single URL or path may hold commas, too, but no tab."""
    if "\t" in listed[0]:
        return True
    is_one_name = " " not in listed[0] and (urls.is_address(listed[0]) or is_image(listed[0]))
    return not is_one_name and delimiters.is_delimited(text)
