"""The tables that this program writes, known by their columns: in the folder of a dataset, they are no part of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from auditor.errors import DatasetError
from auditor.storage import files, names, tables, urls
from auditor.storage.tables import Kind, TableFile

LABELS = ("key", "label", "stratum", "how", "labeller", "stopping", "sha256")
KEEP_LIST = ("key", "image", "keep", "p_synthetic", "p_adjusted", "weight", "reasons")
EXPORT = (
    "key", "source", "image", "status", "reason", "verdict", "decided_by", "p_synthetic", "p_adjusted", "generator",
    "hits", "why", "caption", "caption_marks", "format", "width", "height", "quality", "sha256", "camera", "year",
    "pwatermark", "opt_out", "weight",
)  # fmt: skip
_KNOWN = (LABELS, LABELS[:-1], KEEP_LIST, EXPORT)
_OF_IMAGES = frozenset("url image img image_url img_url file_name filename path file".split())
_OF_EVIDENCE = {"key", "verdict", "decided_by", "signals", "p_adjusted"}  # among the columns of an export as JSONL
_LABELS = {"synthetic", "real", "unsure", ""}
_FIRST_ROWS = 10
_MAX_NOTE = 1000  # characters of what people write beside a label; images as text are longer


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
    """Whether a table has keys with labels as people write them, with whatever columns beside them that hold no
    images."""
    known = {name.strip().casefold(): name for name in columns}
    if not known.keys() >= {"key", "label"} or {Kind.IMAGE, Kind.BYTES}.intersection(tables.kinds(table).values()):
        return False
    if _OF_IMAGES.intersection(known):
        return False
    label, others = known["label"], [own for name, own in known.items() if name not in LABELS]
    rows = tables.first_rows(table, _FIRST_ROWS)
    are_labels = all(str(row.get(label) or "").strip().casefold() in _LABELS for row in rows)
    return are_labels and not any(_may_be_image(row.get(name)) for row in rows for name in others)


def _may_be_image(value: Any) -> bool:
    """Whether a cell names an image, or is more than a short text or a number."""
    if isinstance(value, str):
        return names.is_image(urls.path(value) if files.is_web(value) else value) or len(value) > _MAX_NOTE
    return isinstance(value, list | dict)
