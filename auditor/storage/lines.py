"""Splits a text file into pieces at line ends, without holding it in memory."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import AnyStr

from auditor.errors import DatasetError
from auditor.storage import packed
from auditor.storage.tables import Chunk

MAX_RECORD_BYTES = 1 << 20  # a quote that is still open after that is a stray one
_CLOSING = '[^"]*(?:""[^"]*)*"(?!")'
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
    """The offset behind each record. Raises DatasetError for damaged data, after all before."""
    damage: list[DatasetError] = []

    def intact() -> Iterator[bytes]:
        try:
            yield from each(url, start)
        except DatasetError as error:
            damage.append(error)

    at = start
    records = (lines for lines, _ in quoted_records(intact(), quoted)) if quoted else ([line] for line in intact())
    for lines in records:
        at += sum(map(len, lines))
        yield at
    if damage:
        raise damage[0]


def quoted_records(source: Iterator[AnyStr], delimiter: AnyStr) -> Iterator[tuple[list[AnyStr], int | None]]:
    """The lines of each record of a format with quoted fields, in which a newline does not end the record; and where
    in a single line there is a stray quote, from which on quotes are text.

    A quote that opens a field in one line and is closed in another counts if the closing one ends its field (RFC 4180).
    Otherwise, and if it is still open at the end or after MAX_RECORD_BYTES, it is a stray one, and the lines are
    records of their own. Every line is read at most twice.
    """
    quote = '"' if isinstance(delimiter, str) else b'"'
    again: AnyStr | None = None
    record: list[AnyStr] = []
    size = 0
    while (line := again if again is not None else next(source, None)) is not None:
        again = None
        if not record and quote not in line:
            yield [line], None
            continue
        opened, is_proper = _after(line, delimiter, bool(record)) if quote in line else (0, True)
        if record and not is_proper:
            yield from _alone(record, delimiter)
            record, again = [], line
        elif opened is not None and is_proper:
            size = _bytes(line) + (size if record else 0)
            record.append(line)
            if size >= MAX_RECORD_BYTES:
                yield from _alone(record, delimiter)
                record = []
        else:
            record.append(line)
            yield record, opened
            record = []
    yield from _alone(record, delimiter)


def _alone(lines: list[AnyStr], delimiter: AnyStr) -> Iterator[tuple[list[AnyStr], int | None]]:
    """Each line as a record, with the place of a quote that would stay open."""
    yield from (([line], _after(line, delimiter, is_open=False)[0]) for line in lines)


def _bytes(line: str | bytes) -> int:
    return len(line if isinstance(line, bytes) else line.encode("utf-8", "surrogateescape"))


def rows_per_chunk(url: str, rows: int) -> int:
    """`rows`, or more if pieces of the file cannot be read without everything before them."""
    return rows if packed.is_plain(url) else max(rows, _LEAST_ROWS_OF_STREAM)


def _after(line: AnyStr, delimiter: AnyStr, is_open: bool) -> tuple[int | None, bool]:
    """Where a quoted field begins that is open after a line (0 if that was before the line), None without one; and
    whether every quote that closes a field ends it. A quote opens a field only at its beginning."""
    opening, closing, ends = _quotes(delimiter)
    at, opened, is_proper = 0, 0 if is_open else None, True
    while True:
        if opened is None:
            begin = opening.search(line, at)
            if begin is None:
                return None, is_proper
            at = begin.end()
            opened = at - 1
        end = closing.match(line, at)
        if end is None:
            return opened, is_proper
        at, opened = end.end(), None
        is_proper &= line[at : at + 1] in ends


@cache
def _quotes(delimiter: AnyStr) -> tuple[re.Pattern[AnyStr], re.Pattern[AnyStr], tuple[AnyStr, ...]]:
    """What opens a quoted field, what is in it with the quote that closes it, and what may come after."""
    start, quote, closing, *ends = (
        text if isinstance(delimiter, str) else text.encode() for text in ("(?:^|", ')"', _CLOSING, "\r", "\n", "")
    )
    return re.compile(start + re.escape(delimiter) + quote), re.compile(closing), (delimiter, *ends)


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
