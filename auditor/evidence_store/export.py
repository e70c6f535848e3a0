"""Exports rows of evidence and subgroups: CSV for spreadsheets, JSONL for programs.

JSONL holds every column unchanged. CSV holds the flat columns, with text made safe to show: no control characters, and
nothing that a spreadsheet would take for a formula (OWASP, "CSV Injection").
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from auditor.evidence_store import rows
from auditor.results import Subgroup, SubgroupEstimate
from auditor.safe_text import safe_text
from auditor.storage import own_tables

_FORMULA = tuple("=+-@|%\t\r\n＝＋－＠")  # with the full-width forms, which spreadsheets of some locales accept
_MAX_CELL_CHARS = 32_000  # a spreadsheet's cell holds 32,767
COLUMNS = own_tables.EXPORT


def lines(
    parts: Iterable[Path],
    format: str,
    verdicts: Collection[str] = (),
    adjusted: Callable[[pa.RecordBatch], np.ndarray] | None = None,
) -> Iterator[str]:
    """The lines of the file, one per row of evidence, with line ends. verdicts: if given, only rows with one of these.
    adjusted: a batch's prevalence-adjusted probabilities, float64 (rows,), NaN for none."""
    exported = rows.every(parts, adjusted, hits_only=format == "csv")
    chosen = (row for row in exported if not verdicts or row["verdict"] in verdicts)
    if format == "csv":
        yield from _csv(COLUMNS, ({**row, **_hit_columns(row["signals"])} for row in chosen))
    else:
        yield from _jsonl(chosen)


def subgroup_lines(subgroups: Iterable[Subgroup], format: str) -> Iterator[str]:
    """The lines of a file of subgroups, one per subgroup, in their order."""
    exported = [_flat(each) for each in subgroups]
    yield from _csv(tuple(exported[0]), exported) if format == "csv" else _jsonl(exported)


def _flat(subgroup: Subgroup) -> dict[str, Any]:
    """A subgroup as one flat row: its own fields, and those of its estimate, which are empty without one."""
    own = {each.name: getattr(subgroup, each.name) for each in fields(Subgroup) if each.name != "estimate"}
    confirmed = {f"confirmed_{name}": own.pop(name) for name in ("share", "low", "high")}
    estimate = {each.name: getattr(subgroup.estimate, each.name, None) for each in fields(SubgroupEstimate)}
    return {**own, **confirmed, **estimate}


def _jsonl(exported: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for row in exported:
        yield json.dumps(row, allow_nan=False) + "\n"


def _csv(columns: Sequence[str], exported: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")  # RFC 4180
    writer.writerow(columns)
    for row in exported:
        writer.writerow([_cell(row[name]) for name in columns])
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
