"""What a dataset says about an image, for people who ask for it: never a verdict of the audit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auditor.images.covariates import dates
from auditor.images.metadata import Metadata
from auditor.safe_text import safe_text
from auditor.types import Sample, Unreadable

_MAX_CHARS = 4000  # of each text
# Columns for the page that shows an image, in lower case: Open Images, Openverse, WIT, YFCC100M, RedCaps, crawlers.
_PAGE_COLUMNS = (
    "page_url",
    "pageurl",
    "originallandingurl",
    "foreign_landing_url",
    "landing_url",
    "permalink",
    "referrer",
    "page",
)


def of_row(row: Sample, metadata: Metadata | None) -> dict[str, str]:
    """Caption, page, URL, date and file of a row; '' for what the dataset does not say. metadata: of its file."""
    texts = {
        "caption": row.caption or "",
        "page": _page(row.row),
        "date": "; ".join(f"{date} ({origin})" for origin, date in dates(metadata, row.row)),
        "file": row.image,
    }
    return {"url": row.url or "", **{name: safe_text(text, _MAX_CHARS) for name, text in texts.items()}}


def of_unreadable(row: Unreadable) -> dict[str, str]:
    """The same for a row that cannot be read: only its file is known."""
    return {"url": "", "caption": "", "page": "", "date": "", "file": safe_text(row.image, _MAX_CHARS)}


def _page(row: Mapping[str, Any]) -> str:
    by_name = {str(name).casefold(): value for name, value in row.items()}
    return next((by_name[name] for name in _PAGE_COLUMNS if isinstance(by_name.get(name), str)), "")
