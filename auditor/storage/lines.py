"""Splits a text file into pieces at line ends, without holding it in memory."""

from __future__ import annotations

import io
import re
from collections import deque
from collections.abc import Iterable, Iterator
from functools import cache

from auditor.errors import DatasetError
from auditor.storage import packed
from auditor.storage.tables import Chunk

_CLOSING = re.compile(rb'[^"]*(?:""[^"]*)*"(?!")')
MAX_RECORD_BYTES = 1 << 20  # a quote that is still open after that is a stray one
MAX_ROW_BYTES = 256 << 20
_MAX_CHUNK_BYTES = 64 << 20  # a piece is held in memory; rows with images in base64 are large
_LEAST_ROWS_OF_STREAM = 25_000  # every piece of a compressed file is read from the file's beginning


def chunks(url: str, rows: int, *, start: int = 0, quoted: bytes | None = None) -> Iterator[Chunk]:
    """Byte ranges of about `rows` records from byte `start` on.

    quoted: the delimiter of a format with quoted fields (RFC 4180), in which a newline does not end the record. Raises
    DatasetError for damaged data, after the range of what can be read.
    """
    return grouped(_record_ends(url, start, quoted), start, rows_per_chunk(url, rows))


def grouped(ends: Iterable[int], start: int, rows: int) -> Iterator[Chunk]:
    """Ranges of about `rows` records, fewer if they are long. ends: the offset behind each record, the first of which
    begins at `start`. A DatasetError of theirs is raised after the range of what can be read."""
    begin = at = start
    first = count = 0
    damage: DatasetError | None = None
    try:
        for at in ends:
            count += 1
            if count == rows or at - begin >= _MAX_CHUNK_BYTES:
                yield Chunk(first, count, begin, at)
                first, count, begin = first + count, 0, at
    except DatasetError as error:
        damage = error
    if count:
        yield Chunk(first, count, begin, at)
    if damage:
        raise damage


def _record_ends(url: str, start: int, quoted: bytes | None) -> Iterator[int]:
    """The offset behind each record. Lines of a record whose quotes are not closed as they should be are records of
    their own from the first one on: its quote is a stray one."""
    at, source = start, each(url, start)
    waiting: deque[bytes] = deque()
    record: list[bytes] = []
    is_open, is_proper, size = False, True, 0
    damage: DatasetError | None = None
    while True:
        try:
            line = waiting.popleft() if waiting else next(source, None)
        except DatasetError as error:
            damage, line = error, None
        if line is not None:
            record.append(line)
            size += len(line)
            if quoted and b'"' in line:
                is_open, is_closed_well = _after(line, quoted, is_open)
                is_proper &= is_closed_well
            if is_open and size < MAX_RECORD_BYTES:
                continue
        elif not record:
            break
        if len(record) > 1 and (is_open or not is_proper):
            waiting.extendleft(reversed(record[1:]))
            size = len(record[0])
        at += size
        yield at
        record, is_open, is_proper, size = [], False, True, 0
    if damage:
        raise damage


def rows_per_chunk(url: str, rows: int) -> int:
    """`rows`, or more if pieces of the file cannot be read without everything before them."""
    return rows if packed.is_plain(url) else max(rows, _LEAST_ROWS_OF_STREAM)


def _after(line: bytes, delimiter: bytes, is_open: bool) -> tuple[bool, bool]:
    """Whether a quoted field is open after a line, and whether every quote that closes one ends its field. A quote
    opens a field only at its beginning."""
    at, is_proper = 0, True
    while True:
        if not is_open:
            begin = _opening(delimiter).search(line, at)
            if begin is None:
                return False, is_proper
            at = begin.end()
        end = _CLOSING.match(line, at)
        if end is None:
            return True, is_proper
        at, is_open = end.end(), False
        is_proper &= line[at : at + 1] in (delimiter, b"\r", b"\n", b"")


@cache
def _opening(delimiter: bytes) -> re.Pattern[bytes]:
    return re.compile(rb'(?:^|%s)"' % re.escape(delimiter))


def text(url: str, chunk: Chunk, *, newline: str = "") -> io.StringIO:
    """One piece as text. Invalid UTF-8 is kept as surrogates, so that such paths can be opened.

    newline: as in io.StringIO; "\\n" if only that ends a line.
    """
    data = b"".join(packed.blocks(url, chunk.start, chunk.stop))
    encoding = "utf-8-sig" if chunk.start == 0 else "utf-8"
    return io.StringIO(data.decode(encoding, "surrogateescape"), newline=newline)


def each(url: str, start: int = 0) -> Iterator[bytes]:
    """Every line from byte `start` on, with its end. Raises DatasetError for damaged data, after all before."""
    rest = b""
    for block in packed.blocks(url, start):
        lines = (rest + block).split(b"\n")
        rest = lines.pop()
        if len(rest) > MAX_ROW_BYTES:
            raise DatasetError("a line is too long to be read")
        for line in lines:
            yield line + b"\n"
    if rest:
        yield rest
