"""The tables that this program writes, known by their columns: in the folder of a dataset, they are no part of it."""

from __future__ import annotations

from collections.abc import Sequence

from auditor.errors import DatasetError
from auditor.storage import tables
from auditor.storage.tables import TableFile

LABELS = ("key", "label", "stratum", "how", "labeller", "stopping")
KEEP_LIST = ("key", "image", "keep", "p_synthetic", "p_adjusted", "weight", "reasons")
EXPORT = (
    "key", "source", "image", "status", "reason", "verdict", "decided_by", "p_synthetic", "p_adjusted", "generator",
    "hits", "why", "caption", "caption_marks", "format", "width", "height", "quality", "sha256", "camera", "year",
    "pwatermark", "opt_out", "weight",
)  # fmt: skip
_KNOWN = (LABELS, KEEP_LIST, EXPORT)
_OF_EVIDENCE = {"key", "verdict", "decided_by", "signals", "p_adjusted"}  # among the columns of an export as JSONL
_LABELS = {"synthetic", "real", "unsure", ""}
_FIRST_ROWS = 10


def is_own(table: TableFile) -> bool:
    """Whether a table has the columns of one of these."""
    if not tables.is_table(table.url):
        return False
    try:
        columns = tables.columns(table)
        return tuple(columns) in _KNOWN or set(columns) >= _OF_EVIDENCE or _has_labels(table, columns)
    except (DatasetError, OSError):  # the reader says why
        return False


def _has_labels(table: TableFile, columns: Sequence[str]) -> bool:
    """Whether a table has keys with labels as people write them, with whatever columns beside them."""
    names = {name.strip().casefold(): name for name in columns}
    if not names.keys() >= {"key", "label"}:
        return False
    rows = tables.first_rows(table, _FIRST_ROWS, (names["label"],))
    return all(str(row.get(names["label"]) or "").strip().casefold() in _LABELS for row in rows)
