"""Covariates of an image, which are not evidence: camera settings, year, LAION's watermark score, opt-out.

EXIF and camera terms can be forged or copied, and a generator can write them. They serve as strata and controls of the
estimate; they never prove that an image is real.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from auditor.images.metadata import Metadata

_YEAR = re.compile(r"\b(19[89]\d|20\d\d)\b")
_EXPOSURE = (
    "ExposureTime",
    "FNumber",
    "FocalLength",
    "ISOSpeedRatings",
    "PhotographicSensitivity",
    "ShutterSpeedValue",
)
_CAMERA_SOURCES = ("digitalCapture", "computationalCapture", "negativeFilm", "positiveFilm", "compositeCapture")
_IPTC_EXT = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_PLUS = "http://ns.useplus.org/ldf/xmp/1.0/"
CRAWL_COLUMNS = ("crawl_date", "crawl_year", "fetch_time", "timestamp", "date", "year", "created_at")


def camera(metadata: Metadata) -> str | None:
    """Make and model, if at least two exposure settings are present too; or a camera's IPTC source type."""
    tags = metadata.exif
    make, model = (str(tags.get(name) or "").strip() for name in ("Make", "Model"))
    exposure = sum(1 for name in _EXPOSURE if tags.get(name) not in (None, ""))
    if make and model and len(make) < 64 and exposure >= 2:
        return f"{make} {model}" + (" with MakerNote" if tags.get("MakerNote") else "")
    for value in metadata.xmp_values(_IPTC_EXT, "DigitalSourceType"):
        term = value.strip().rstrip("/").rpartition("/")[2]
        if term in _CAMERA_SOURCES:
            return f"IPTC source type {term}"
    return None


def dates(metadata: Metadata | None, row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Dates of the crawl, each with its column of the manifest, then the date of capture from the file, with `EXIF`."""
    for column in CRAWL_COLUMNS:
        if column in row and _YEAR.search(str(row[column])):
            yield column, str(row[column])
    if metadata is not None and _YEAR.search(date := str(metadata.exif.get("DateTimeOriginal"))):
        yield "EXIF", date


def year(metadata: Metadata | None, row: Mapping[str, Any]) -> int | None:
    """The year of the crawl if the manifest has one, else the year of capture from the file."""
    matches = (_YEAR.search(date) for _, date in dates(metadata, row))
    return next((int(match[1]) for match in matches if match), None)


def pwatermark(row: Mapping[str, Any]) -> float | None:
    """LAION's probability that a *stock-photo* watermark is visible. It is unrelated to generators."""
    for name, value in row.items():
        if name.lower() == "pwatermark":
            try:
                return float(value)
            except (TypeError, ValueError, OverflowError):
                return None
    return None


def opt_out(metadata: Metadata) -> bool:
    """Whether the file forbids data mining for generative training (PLUS 2.0.1, plus:DataMining)."""
    values = metadata.xmp_values(_PLUS, "DataMining")
    return any("PROHIBITED" in value.rpartition("/")[2].upper() for value in values)
