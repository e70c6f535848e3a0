"""JSON lines: one object per line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from auditor.errors import DatasetError
from auditor.storage import files, lines
from auditor.storage.tables import BadRow, Chunk

_PEEK = 1000


def columns(url: str) -> list[str]:
    """Every key in the first thousand lines. Raises DatasetError if none of them is an object."""
    keys: dict[str, None] = {}
    with files.open_file(url) as file:
        for _ in range(_PEEK):
            parsed = _parse(file.readline().decode("utf-8-sig", "replace"))
            keys.update(dict.fromkeys(parsed) if isinstance(parsed, dict) else {})
    if not keys and files.size(url):
        raise DatasetError(f"{url}: not JSON lines (one object per line)")
    return list(keys)


def chunks(url: str, rows: int) -> Iterator[Chunk]:
    """Byte ranges of whole lines."""
    yield from lines.chunks(url, rows)


def rows(url: str, chunk: Chunk, only: tuple[str, ...] = ()) -> Iterator[Mapping[str, Any] | BadRow]:
    """One object per line; blank lines are skipped."""
    return (_parse(line) for line in lines.text(url, chunk) if line.strip())


def _parse(line: str) -> dict[str, Any] | BadRow:
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        return BadRow("not a line of JSON")
    return content if isinstance(content, dict) else BadRow("a line of JSON that is not an object")
