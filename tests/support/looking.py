"""Runs one detector on one image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auditor import registry
from auditor.config import ReadOptions
from auditor.images.view import View
from auditor.plugin import DetectorResult
from auditor.readers.columns import declared
from auditor.storage.content import BytesContent
from auditor.types import Sample


def view(
    data: bytes | None = None, *, image: str = "image.jpg", row: Mapping[str, Any] | None = None, **sample: Any
) -> View:
    content = None if data is None else BytesContent(data)
    row = row or {}
    return View(Sample("key", "source", image, content, row=row, declared=declared(row, ReadOptions()), **sample))


def look(id: str, data: bytes | None = None, **sample: Any) -> DetectorResult:
    """The detector's result, as in the scan."""
    detector = registry.load("detectors", id)()
    seen = view(data, **sample)
    why = seen.unavailable_reason(detector.needs)
    return DetectorResult.abstained(why) if why else detector.read([seen])[0]
