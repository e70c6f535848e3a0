"""The tables that this program writes, known by their columns: in the folder of a dataset, they are no part of it."""

from __future__ import annotations

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


def is_own(table: TableFile) -> bool:
    """Whether a table has the columns of one of these."""
    if not tables.is_table(table.url):
        return False
    try:
        return tuple(tables.columns(table)) in _KNOWN
    except (DatasetError, OSError):  # the reader says why
        return False
