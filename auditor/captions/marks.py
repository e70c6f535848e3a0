"""Finds the patterns in captions, a whole column at once, with RE2 (pyarrow.compute).

One pass over the column with all patterns joined leaves few captions, and only these are searched for single patterns.
A caption's *marks* are the patterns found in it: bits of an integer in memory, and their ids in evidence.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from auditor.captions.patterns import MIN_CUE_GROUPS, PATTERNS, Kind, Pattern
from auditor.row_columns import RowColumns

SEPARATOR = "; "
MISSING = np.int64(-1)  # instead of marks, where callers tell a row without a caption from one without marks
_BIT = {pattern.id: np.int64(1) << number for number, pattern in enumerate(PATTERNS)}


def find(captions: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """The marks of each caption as bits, int64 (captions,); 0 for a missing caption."""
    marks = np.zeros(len(captions), np.int64)
    _search(captions, np.arange(len(captions)), PATTERNS, marks)
    return marks


def of_rows(columns: RowColumns) -> np.ndarray:
    """The marks of the captions of some rows, as `find` gives them, searched once."""
    return columns.once(_of_captions)


def _of_captions(columns: RowColumns) -> np.ndarray:
    return find(columns.caption)


def _search(captions: pa.Array, rows: np.ndarray, patterns: tuple[Pattern, ...], marks: np.ndarray) -> None:
    """Adds the patterns to the marks of those rows: first joined, then by kinds, then each."""
    found = pc.match_substring_regex(captions, _joined(patterns)).fill_null(False)
    rows, captions = rows[np.asarray(found)], captions.filter(found)
    if not len(rows):
        return
    if len(patterns) == 1:
        marks[rows] |= _BIT[patterns[0].id]
        return
    for part in _parts(patterns):
        _search(captions, rows, part, marks)


@cache
def _parts(patterns: tuple[Pattern, ...]) -> tuple[tuple[Pattern, ...], ...]:
    by_kind = tuple(tuple(each for each in patterns if each.kind is kind) for kind in Kind)
    several = tuple(part for part in by_kind if part)
    return several if len(several) > 1 else tuple((pattern,) for pattern in patterns)


@cache
def _joined(patterns: tuple[Pattern, ...]) -> str:
    return "|".join(f"(?:{pattern.expression})" for pattern in patterns)


def stored(marks: np.ndarray, captions: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Marks in their stored form: ids of patterns, joined; '' for none, null for a missing caption."""
    distinct, codes = np.unique(marks, return_inverse=True)
    texts = pa.array([SEPARATOR.join(ids(bits)) for bits in distinct], pa.string())
    is_missing = pa.array(np.asarray(captions.is_null()))
    return pc.if_else(is_missing, pa.scalar(None, pa.string()), texts.take(pa.array(codes.ravel())))


def loaded(column: pa.Array) -> np.ndarray:
    """Stored marks as bits, int64 (rows,); 0 for null. Ids of other versions are ignored."""
    encoded = column.dictionary_encode()
    bits = np.array([bits_of(text.split(SEPARATOR)) for text in encoded.dictionary.to_pylist()] + [0], np.int64)
    found: np.ndarray = bits[encoded.indices.fill_null(len(bits) - 1).to_numpy(zero_copy_only=False)]
    return found


def digest() -> str:
    """The digest of all patterns: evidence with marks of others is made again."""
    return hashlib.sha256(repr(PATTERNS).encode()).hexdigest()


def bits_of(ids: Iterable[str]) -> int:
    """The bits of patterns."""
    bits = 0
    for id in ids:
        bits |= int(_BIT.get(id, 0))
    return bits


def ids(bits: int) -> list[str]:
    """The ids of the patterns of these bits."""
    return [pattern.id for pattern in patterns(bits)]


def patterns(bits: int) -> list[Pattern]:
    """The patterns of these bits."""
    return [pattern for pattern in PATTERNS if int(bits) & int(_BIT[pattern.id])]


@cache
def _bits_of_kinds(kinds: tuple[Kind, ...]) -> int:
    return bits_of(pattern.id for pattern in PATTERNS if pattern.kind in kinds)


def has(marks: np.ndarray, *kinds: Kind) -> np.ndarray:
    """Which marks have a pattern of one of these kinds: bool, like marks."""
    found: np.ndarray = (marks & _bits_of_kinds(kinds)) != 0
    return found


def cue_groups(marks: np.ndarray) -> np.ndarray:
    """The number of groups of cues in each caption, int64, like marks."""
    groups = sorted({pattern.group for pattern in PATTERNS if pattern.kind is Kind.CUE})
    count = np.zeros(len(marks), np.int64)
    for group in groups:
        count += (marks & bits_of(pattern.id for pattern in PATTERNS if pattern.group == group)) != 0
    return count


def is_prompt_like(marks: np.ndarray) -> np.ndarray:
    """Which captions have strong prompt syntax, or cues of two groups: bool, like marks."""
    like: np.ndarray = has(marks, Kind.STRONG) | (cue_groups(marks) >= MIN_CUE_GROUPS)
    return like
