"""China's implicit label for generated content (GB 45438-2025, TC260-PG-20253A): a JSON object named AIGC.

Sees: XMP TC260:AIGC (element or attribute), PNG tEXt `AIGC`, EXIF UserComment or ImageDescription with
`{"AIGC": {…}}`, and `AIGC{…}` in a JPEG application segment. Accepted only if the JSON parses and has one of the
standard's fields (Label, ContentProducer, ProduceID, ContentPropagator, PropagateID, ReservedCode1, ReservedCode2).
Label 1 means generated. 2 ("possibly") and 3 ("suspected") are guesses of a platform: reported, but not counted.

Defeated by: re-encoding and metadata stripping. Tier B for label 1, D for 2 and 3.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Mapping
from typing import Any

from auditor.images.containers import Kind
from auditor.images.view import View
from auditor.plugin import Detector, DetectorResult
from auditor.types import Claim, Evidence, Need, Tier

_FIELDS = frozenset("Label ContentProducer ProduceID ContentPropagator PropagateID ReservedCode1 ReservedCode2".split())
_SUSPICIONS = {"2": "possibly generated", "3": "suspected to be generated"}


class AigcLabel(Detector):
    """See the module."""

    id = "aigc-label"
    evidence = Evidence.DECLARED
    needs = Need.FILE

    def look(self, view: View) -> DetectorResult:
        """The first label that parses."""
        for where, text, is_bare in _candidates(view):
            label = _label(text, is_bare=is_bare)
            if not label:
                continue
            producer = str(label.get("ContentProducer") or "").strip()[:80] or None
            value = str(label.get("Label", "")).strip()
            if value == "1":
                return DetectorResult.hit(Tier.B, f"{where}: label 1, generated", generator=producer)
            if value in _SUSPICIONS:
                reason = f"{where}: label {value}, {_SUSPICIONS[value]}"
                return DetectorResult.hit(Tier.D, reason, generator=producer, claim=Claim.SUSPECTED, score=0.5)
        return DetectorResult.absent(view.metadata.unread(Kind.XMP, Kind.EXIF))


def _candidates(view: View) -> Iterator[tuple[str, str, bool]]:
    """(place, text, whether the place itself is named AIGC, so that the text is the label without a wrapper)."""
    metadata = view.metadata
    for entry in metadata.xmp:
        if entry.name == "AIGC":
            yield "XMP TC260:AIGC", entry.value, True
    for text in metadata.texts:
        if text.key in ("AIGC", "UserComment", "ImageDescription"):
            yield f"{text.where} {text.key}", text.value, text.key == "AIGC"
    for segment in metadata.segments:
        if segment.data[:5] == b"AIGC{":
            yield segment.where, segment.data[4:].decode("utf-8", "replace"), True


def _label(text: str, *, is_bare: bool) -> Mapping[str, Any]:
    for spelling in (text, html.unescape(text)):
        try:
            content, _ = json.JSONDecoder().raw_decode(spelling.strip())
        except (ValueError, RecursionError):
            continue
        if isinstance(content, dict):
            inner = content.get("AIGC", content if is_bare else None)
            inner = _label(inner, is_bare=True) if isinstance(inner, str) else inner
            if isinstance(inner, dict) and _FIELDS & set(inner):
                return inner
    return {}
