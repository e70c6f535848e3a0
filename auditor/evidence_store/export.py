"""Exports rows of evidence: CSV for spreadsheets, JSONL for programs.

JSONL holds every column unchanged. CSV holds the flat columns, with text made safe to show: no control characters, and
nothing that a spreadsheet would take for a formula (OWASP, "CSV Injection").
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

_FORMULA = tuple("=+-@|%\t\r\n＝＋－＠")  # with the full-width forms, which spreadsheets of some locales accept
_MAX_CELL_CHARS = 32_000  # a spreadsheet's cell holds 32,767
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
    """The lines of the file, one per row of evidence, with line ends. verdicts: if given, only rows with one of these.
    adjusted: a batch's prevalence-adjusted probabilities, float64 (rows,), NaN for none."""
    exported = rows.every(parts, adjusted, hits_only=format == "csv")
    yield from FORMATS[format](row for row in exported if not verdicts or row["verdict"] in verdicts)


def _jsonl(exported: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for row in exported:
        yield json.dumps(row, allow_nan=False) + "\n"


def _csv(exported: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The CSV lines of rows whose signals are hits only."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")  # RFC 4180
    writer.writerow(COLUMNS)
    for row in exported:
        flat = {**row, **_hit_columns(row["signals"])}
        writer.writerow([_cell(flat[name]) for name in COLUMNS])
        yield out.getvalue()
        out.seek(0)
        out.truncate()
    if rest := out.getvalue():
        yield rest


def _hit_columns(hits: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The hits in text columns: detectors, reasons and named generators."""
    return {
        "generator": "; ".join(sorted({hit["generator"] for hit in hits if hit["generator"]})),
        "hits": "; ".join(hit["detector"] for hit in hits),
        "why": "; ".join(hit["reason"] for hit in hits),
    }


def _cell(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    shown = safe_text(value, _MAX_CELL_CHARS)
    return f"'{shown}" if value.lstrip(" ").startswith(_FORMULA) else shown


FORMATS: Mapping[str, Callable[[Iterable[Mapping[str, Any]]], Iterator[str]]] = {"csv": _csv, "jsonl": _jsonl}
