"""Finds the meaning of a table's columns by the names that image/caption datasets use.

Matching ignores case, and the first alias in the table is used. The options --image-col, --url-col, --caption-col and
--id-col override it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from auditor.config import ReadOptions
from auditor.errors import DatasetError

URL = ("url", "image_url", "img_url", "src", "link")
CAPTION = ("text", "caption", "txt", "alt", "prompt", "description", "top_caption")
ID = ("uid", "key", "sample_id", "id", "__key__", "hash", "md5", "sha256")
IMAGE = (
    "image", "img", "jpg", "png", "webp", "bytes", "image_bytes",
    "file_name", "image_path", "path", "filepath", "file_names",
)  # fmt: skip
DECLARED = ("synthetic", "is_synthetic", "is_ai", "ai_generated", "digital_source_type")
CAPTION_FILES = ("txt", "caption", "text")


@dataclass(frozen=True, slots=True)
class Columns:
    """The table's names of the columns with known meanings; None for those that it lacks."""

    image: str | None
    url: str | None
    caption: str | None
    id: str | None

    @classmethod
    def find(cls, names: Iterable[str], options: ReadOptions, *, where: str) -> Columns:
        """Raises DatasetError for an override that the table lacks, or if it has neither an image nor a URL column."""
        names = list(names)
        columns = cls(
            image=_pick(names, IMAGE, options.image_col, "--image-col", where),
            url=_pick(names, URL, options.url_col, "--url-col", where),
            caption=_pick(names, CAPTION, options.caption_col, "--caption-col", where),
            id=_pick(names, ID, options.id_col, "--id-col", where),
        )
        if names and columns.image is None and columns.url is None:
            listed = ", ".join(name[:40] for name in names[:20])
            raise DatasetError(
                f"{where}: none of its columns ({listed}) is known as an image or URL column; "
                "name one with --image-col or --url-col"
            )
        return columns


def refuse_unweighted(names: Iterable[str], options: ReadOptions, *, where: str) -> None:
    """Raises DatasetError if the table lacks the weight column that was named."""
    _pick(list(names), (), options.weight_col, "--weight-col", where)


def _pick(names: list[str], aliases: tuple[str, ...], override: str | None, flag: str, where: str) -> str | None:
    by_folded = {name.casefold(): name for name in reversed(names)}
    if override is not None:
        if override not in names and override.casefold() not in by_folded:
            raise DatasetError(f"{where}: no column '{override}' ({flag}); there are: {', '.join(names[:20])}")
        return override if override in names else by_folded[override.casefold()]
    return next((by_folded[alias] for alias in aliases if alias in by_folded), None)


def by_alias(row: Mapping[str, Any], aliases: tuple[str, ...]) -> str | None:
    """The first non-empty text under an alias; for side-car JSON, whose keys may differ from row to row."""
    by_folded = {str(name).casefold(): value for name, value in reversed(list(row.items()))}
    return next((text for alias in aliases if (text := as_text(by_folded.get(alias)))), None)


def declared(row: Mapping[str, Any], options: ReadOptions) -> tuple[str, str] | None:
    """The column that declares whether an image is synthetic, and its value; None if there is none."""
    wanted = (options.declared_col.casefold(),) if options.declared_col else DECLARED
    for name, value in row.items():
        if str(name).casefold() in wanted and (text := as_text(value)) is not None:
            return str(name), text
    return None


def weight(row: Mapping[str, Any], options: ReadOptions) -> tuple[str, str] | None:
    """The weight column and the row's value in it ('' if the row has none); None if no weight column was named."""
    if options.weight_col is None:
        return None
    wanted = options.weight_col.casefold()
    values = (as_text(value) for name, value in row.items() if str(name).casefold() == wanted)
    return options.weight_col, next((text for text in values if text is not None), "")


def as_text(value: Any) -> str | None:
    """A cell as text; None if it is missing or blank. Integers that were read as floats lose their '.0'."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return text if text.strip() else None
