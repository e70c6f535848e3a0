"""Splits a text file into pieces at line ends, without holding it in memory."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from functools import cache

from auditor.storage import files
from auditor.storage.tables import Chunk

_BLOCK = 4 << 20
_CLOSING = re.compile(rb'[^"]*(?:""[^"]*)*"(?!")')
_MAX_RECORD_BYTES = 1 << 20  # a quote that is still open after that is a stray one


def chunks(url: str, rows: int, *, start: int = 0, quoted: bytes | None = None) -> Iterator[Chunk]:
    """Byte ranges of about `rows` records from byte `start` on.

    quoted: the delimiter of a format with quoted fields (RFC 4180), in which a newline does not end the record.
    """
    at = begin = record = start
    first = count = 0
    is_open = False
    for line in _lines(url, start):
        at += len(line)
        if quoted and b'"' in line:
            is_open = _is_open(line, quoted, is_open)
        if is_open and at - record < _MAX_RECORD_BYTES:
            continue
        is_open, record = False, at
        count += 1
        if count == rows:
            yield Chunk(first, count, begin, at)
            first, count, begin = first + count, 0, at
    if at > begin:
        yield Chunk(first, count + is_open, begin, at)


def _is_open(line: bytes, delimiter: bytes, is_open: bool) -> bool:
    """Whether a quoted field is open after a line. A quote opens a field only at its beginning."""
    at = 0
    while True:
        if not is_open:
            begin = _opening(delimiter).search(line, at)
            if begin is None:
                return False
            at = begin.end()
        end = _CLOSING.match(line, at)
        if end is None:
            return True
        at, is_open = end.end(), False


@cache
def _opening(delimiter: bytes) -> re.Pattern[bytes]:
    return re.compile(rb'(?:^|%s)"' % re.escape(delimiter))


def text(url: str, chunk: Chunk, *, newline: str = "") -> io.StringIO:
    """One piece as text. Invalid UTF-8 is kept as surrogates, so that such paths can be opened.

    newline: as in io.StringIO; "\\n" if only that ends a line.
    """
    with files.open_file(url) as file:
        file.seek(chunk.start)
        data = file.read(chunk.stop - chunk.start)
    encoding = "utf-8-sig" if chunk.start == 0 else "utf-8"
    return io.StringIO(data.decode(encoding, "surrogateescape"), newline=newline)


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
