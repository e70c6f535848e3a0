"""The delimiter of a text table, and whether it uses quotes, guessed from its header and first rows.

The delimiter is the one that cuts the rows into as many fields as the header. Comma-, semicolon- and pipe-separated
text uses the quotes of RFC 4180. Tab-separated text has none: captions contain quotation marks, and treating them as
quotes would swallow rows. The exceptions are tables in UTF-16, which spreadsheets write, and tables with a quoted field
that has doubled quotes or a line break in it.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from auditor.storage import lines

_CANDIDATES = ("\t", "|", ";", ",")  # from the one that is rarest in text
_ROWS = 50
_MIN_FIT = 0.9  # of the first rows, for text that might as well be no table
_QUOTED = re.compile(r'"(?:[^"]|"")*"')


@dataclass(frozen=True, slots=True)
class Dialect:
    """How rows are cut into fields."""

    delimiter: str
    is_quoted: bool

    @property
    def quoted(self) -> bytes | None:
        """The delimiter of a format with quoting; None for one without."""
        return self.delimiter.encode() if self.is_quoted else None

    @property
    def newline(self) -> str:
        """As in io.StringIO: without quoting, only a line feed ends a row."""
        return "" if self.is_quoted else "\n"

    def records(self, source: Iterable[str]) -> Any:
        """An iterator over the records of some lines; it raises csv.Error, and goes on after it."""
        if self.is_quoted:
            return QuotedRecords(source, self.delimiter)
        return (line.rstrip("\n").removesuffix("\r").split(self.delimiter) for line in source)


class QuotedRecords:
    """The records of lines with quoted fields (lines.quoted_records). line_num: the number of lines that were read."""

    def __init__(self, source: Iterable[str], delimiter: str) -> None:
        self._delimiter = delimiter
        self._records = lines.quoted_records(iter(source), delimiter)
        self.line_num = 0

    def __iter__(self) -> QuotedRecords:
        return self

    def __next__(self) -> list[str]:
        found, stray = next(self._records)
        self.line_num += len(found)
        if stray is None and '"' in found[0]:
            return next(csv.reader(found, delimiter=self._delimiter))
        line = found[0].rstrip("\r\n")
        if not stray:
            return line.split(self._delimiter) if line else []
        *before, _ = next(csv.reader([line[:stray]], delimiter=self._delimiter))  # the field of the quote is empty
        return [*before, *line[stray:].split(self._delimiter)]


def dialect(text: str, delimiter: str, *, from_spreadsheet: bool = False) -> Dialect:
    """The dialect of a text with a known delimiter."""
    is_quoted = delimiter != "\t" or from_spreadsheet or _doubles_quotes(text, delimiter) or _breaks(text, delimiter)
    return Dialect(delimiter, is_quoted)


def guess(text: str, *, usual: str = ",") -> str:
    """The delimiter of a text; `usual` if it has one column, or if several fit and it is one of them.

    text: the beginning of the table, without an unfinished last line.
    """
    fits = {candidate: _fit(text, candidate) for candidate in _CANDIDATES}
    if usual != "," and fits[usual] > (0, 0):
        return usual
    best = max(_CANDIDATES, key=lambda candidate: (fits[candidate][0], candidate == "\t", fits[candidate][1]))
    return best if fits[best] > (0, 0) else usual


def is_delimited(text: str) -> bool:
    """Whether nearly all of the first rows have as many fields as the first one, and more than one."""
    return max(_fit(text, candidate)[0] for candidate in _CANDIDATES) >= _MIN_FIT


def _fit(text: str, delimiter: str) -> tuple[float, int]:
    """The share of rows that are as wide as the first one, and that width; (0, 0) for a single column."""
    widths = [len(record) for record in islice(_records(text, delimiter), _ROWS) if any(record)]
    if not widths or widths[0] < 2:
        return 0, 0
    return sum(width == widths[0] for width in widths) / len(widths), widths[0]


def _records(text: str, delimiter: str) -> Iterator[list[str]]:
    cut = dialect(text, delimiter)
    try:
        yield from cut.records(io.StringIO(text, newline=cut.newline))
    except csv.Error:
        return


def _breaks(text: str, delimiter: str) -> bool:
    """Whether quoted fields are whole, and only quotes make all rows as wide as the first: one has a line break in
    it."""
    edge = re.escape(delimiter)
    outside = re.sub(rf'(?:^|(?<=[{edge}\n]))"(?:[^"]|"")*"(?=[{edge}\r\n]|$)', "", text)
    if outside == text or re.search(rf'(?:^|[{edge}\n])"', outside):
        return False

    def widths(*, is_quoted: bool) -> set[int]:
        cut = Dialect(delimiter, is_quoted)
        records = islice(cut.records(io.StringIO(text, newline=cut.newline)), _ROWS)
        return {len(record) for record in records if any(record)}

    try:
        return len(widths(is_quoted=False)) > 1 and len(widths(is_quoted=True)) == 1
    except csv.Error:
        return False


def _doubles_quotes(text: str, delimiter: str) -> bool:
    """Whether quoted fields are whole, and one of them has doubled quotes in it."""
    cells = [
        cell.strip("\r")
        for line in islice(io.StringIO(text, newline="\n"), _ROWS)
        for cell in line[:-1].split(delimiter)
    ]
    quoted = [cell for cell in cells if cell.startswith('"')]
    return all(map(_QUOTED.fullmatch, quoted)) and any('""' in cell[1:-1] for cell in quoted)
