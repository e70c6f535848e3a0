"""Rows of evidence out of parquet, line by line: CSV for spreadsheets, JSONL for programs.

JSONL holds every column as it is. CSV holds what a table can, with text made safe to look at: no control characters,
and nothing that a spreadsheet would take for a formula (OWASP, "CSV injection").
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from auditor.evidence_store import rows
from auditor.safe_text import safe_text

_FORMULA = tuple("=+-@|%\t\r\n＝＋－＠")  # also the full-width forms, which some locales' spreadsheets take
_LONGEST = 32_000  # characters; a spreadsheet's cell holds 32,767
COLUMNS = (
    "key", "source", "image", "status", "reason", "verdict", "decided_by", "p_synthetic", "p_adjusted", "generator",
    "hits", "why", "caption", "format", "width", "height", "quality", "sha256", "camera", "year", "pwatermark",
    "opt_out", "weight",
)  # fmt: skip


def lines(
    parts: Iterable[Path],
    format: str,
    verdicts: Collection[str] = (),
    adjusted: Callable[[pa.RecordBatch], np.ndarray] | None = None,
) -> Iterator[str]:
    """The file, a row of evidence a line, its end included. verdicts: only rows that have one of these. adjusted: a
    batch's chances in this dataset, float64 (rows,), NaN for none."""
    found = rows.every(parts, adjusted, hits_only=format == "csv")
    yield from FORMATS[format](row for row in found if not verdicts or row["verdict"] in verdicts)


def _jsonl(found: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for row in found:
        yield json.dumps(row, allow_nan=False) + "\n"


def _csv(found: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Of rows whose signals are hits alone."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")  # RFC 4180
    writer.writerow(COLUMNS)
    for row in found:
        flat = {**row, **_hit_columns(row["signals"])}
        writer.writerow([_cell(flat[name]) for name in COLUMNS])
        yield out.getvalue()
        out.seek(0)
        out.truncate()
    if left := out.getvalue():
        yield left


def _hit_columns(hits: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Who found something, what, and which generators are named."""
    return {
        "generator": "; ".join(sorted({hit["generator"] for hit in hits if hit["generator"]})),
        "hits": "; ".join(hit["detector"] for hit in hits),
        "why": "; ".join(hit["reason"] for hit in hits),
    }


def _cell(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    shown = safe_text(value, _LONGEST)
    return f"'{shown}" if value.lstrip(" ").startswith(_FORMULA) else shown


FORMATS: Mapping[str, Callable[[Iterable[Mapping[str, Any]]], Iterator[str]]] = {"csv": _csv, "jsonl": _jsonl}
