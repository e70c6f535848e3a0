"""JSON lines: one object per line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from auditor.errors import DatasetError
from auditor.storage import files, lines
from auditor.storage.tables import BadRow, Chunk, TableFile

_PEEK = 1000
_PEEK_BYTES = 16 << 20


def columns(table: TableFile) -> list[str]:
    """Every key in the first thousand lines. Raises DatasetError if none of them is an object."""
    keys: dict[str, None] = {}
    seen = 0
    for line in islice(lines.each(table.url), _PEEK):
        parsed = _parse(line.decode("utf-8-sig", "replace"))
        keys.update(dict.fromkeys(parsed) if isinstance(parsed, dict) else {})
        seen += len(line)
        if seen > _PEEK_BYTES:
            break
    if not keys and files.size(table.url):
        raise DatasetError(f"{table.url}: not JSON lines (one object per line)")
    return list(keys)


def chunks(table: TableFile, rows: int) -> Iterator[Chunk]:
    """Byte ranges of whole lines."""
    yield from lines.chunks(table.url, rows)


def rows(table: TableFile, chunk: Chunk, only: tuple[str, ...] = ()) -> Iterator[Mapping[str, Any] | BadRow]:
    """One object per line; blank lines are skipped."""
    return (_parse(line) for line in lines.text(table.url, chunk) if line.strip())


def _parse(line: str) -> dict[str, Any] | BadRow:
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        return BadRow("not a JSON line")
    return content if isinstance(content, dict) else BadRow("a JSON line that is not an object")
