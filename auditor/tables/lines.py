"""Cutting a text file into pieces at ends of lines, without holding it in memory."""

from __future__ import annotations

import io
from collections.abc import Iterator

from auditor import files
from auditor.tables import Chunk

_BLOCK = 4 << 20
_LONGEST_RECORD = 1 << 20  # a quote that stays open for longer is a stray one


def chunks(url: str, rows: int, *, start: int = 0, quote: bytes | None = None) -> Iterator[Chunk]:
    """Byte ranges of about `rows` records from byte `start` on. Inside an open `quote` a newline ends no record."""
    at = begin = record = start
    first = count = 0
    is_open = False
    for line in _lines(url, start):
        at += len(line)
        if quote and line.count(quote) % 2:
            is_open = not is_open
        if is_open and at - record < _LONGEST_RECORD:
            continue
        is_open, record = False, at
        count += 1
        if count == rows:
            yield Chunk(first, count, begin, at)
            first, count, begin = first + count, 0, at
    if at > begin:
        yield Chunk(first, count + is_open, begin, at)


def text(url: str, chunk: Chunk) -> io.StringIO:
    """One piece as text; bytes that are no UTF-8 are kept as surrogates, so that paths still open."""
    with files.open_file(url) as file:
        file.seek(chunk.start)
        data = file.read(chunk.stop - chunk.start)
    encoding = "utf-8-sig" if chunk.start == 0 else "utf-8"
    return io.StringIO(data.decode(encoding, "surrogateescape"), newline="")


def _lines(url: str, start: int) -> Iterator[bytes]:
    with files.open_file(url) as file:
        file.seek(start)
        rest = b""
        while block := file.read(_BLOCK):
            lines = (rest + block).split(b"\n")
            rest = lines.pop()
            for line in lines:
                yield line + b"\n"
        if rest:
            yield rest
