"""The part of a caption that shows a mark, for people."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from auditor.captions import marks
from auditor.captions.patterns import Pattern

_BEFORE = 60  # characters before the mark
_LENGTH = 240


def marks_of(caption: str) -> list[tuple[Pattern, str]]:
    """The patterns in one caption, each with an excerpt."""
    (bits,) = marks.find(pa.array([caption.encode("utf-8", "replace").decode()]))
    return [(pattern, excerpt(caption, pattern)) for pattern in marks.patterns(bits)]


def excerpt(caption: str, pattern: Pattern) -> str:
    """At most _LENGTH characters of a caption, with the place where the pattern was found."""
    found = pc.extract_regex(
        pa.array([caption.encode("utf-8", "replace").decode()]), f"(?P<mark>{pattern.expression})"
    )[0].as_py()
    start = max(0, caption.find(found["mark"]) - _BEFORE) if found and found["mark"] else 0
    if start + _LENGTH >= len(caption):
        start = max(0, len(caption) - _LENGTH) if start else 0
    text = caption[start : start + _LENGTH]
    return f"{'…' if start else ''}{text}{'…' if start + _LENGTH < len(caption) else ''}"
