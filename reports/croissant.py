"""A fragment of Croissant-RAI (MLCommons) in JSON-LD, to merge into a dataset's Croissant file.

`rai:hasSyntheticData` is true if metadata or a watermark confirms a synthetic image, a dataset-level test finds a
watermark, or the estimate's lower end is above zero. Otherwise the property is left out, because an audit without
findings does not show that there are no synthetic images. The numbers are schema.org PropertyValues under
`variableMeasured`.
"""

from __future__ import annotations

import json
from typing import Any

from auditor import sentences
from auditor.decision import Decision
from auditor.plugin import Renderer
from auditor.results import Audit
from auditor.safe_text import safe_text, safe_values
from reports import phrases

_CONTEXT = {
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
}
_MAX_CHARACTERS = 1000


class Croissant(Renderer):
    """See the module."""

    id = "croissant"
    suffix = ".json"

    def render(self, audit: Audit, decision: Decision, folder: str = "audit") -> str:
        """The JSON-LD text."""
        content: dict[str, Any] = {
            "@context": _CONTEXT,
            "@type": "sc:Dataset",
            "conformsTo": "http://mlcommons.org/croissant/RAI/1.0",
            "name": safe_text(", ".join(input.name for input in audit.inputs)),
        }
        if has_synthetic_data(audit):
            content["rai:hasSyntheticData"] = True
        content |= {
            "rai:dataLimitations": [safe_text(text, _MAX_CHARACTERS) for text in _limitations(audit)],
            "rai:machineAnnotationTools": [f"{audit.tool.get('name')} {audit.tool.get('version')}"],
            "measurementTechnique": "image file metadata, watermarks and a calibrated classifier; see variableMeasured",
            "variableMeasured": list(filter(None, (_declared(audit), _estimated(audit), _policy(decision)))),
        }
        return json.dumps(safe_values(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def has_synthetic_data(audit: Audit) -> bool:
    """Whether synthetic images are proven; False means only that they are not proven."""
    is_confirmed = audit.confirmed.count > 0 or audit.confirmed.edited > 0
    return is_confirmed or bool(phrases.dataset_tests(audit)) or (audit.estimate is not None and audit.estimate.low > 0)


def _limitations(audit: Audit) -> list[str]:
    kinds = ", ".join(phrases.coverage(audit))
    lines = [f"Share of rows on which each kind of evidence could be checked: {kinds}.", phrases.NOT_CHECKED]
    if weights := phrases.weights(audit):
        lines.insert(0, f"{weights[:1].upper()}{weights[1:]}.")
    if not has_synthetic_data(audit):
        lines.insert(0, "The audit found no proof of synthetic images, which does not show that there is none.")
    return lines


def _declared(audit: Audit) -> dict[str, Any] | None:
    if audit.confirmed.share is None:
        return None
    low, high = audit.confirmed.source_interval or (audit.confirmed.share, audit.confirmed.share)
    text = "Share of readable images that metadata or watermarks confirm as synthetic; a lower bound"
    return _value("confirmed synthetic share", text, audit.confirmed.share, low, high)


def _estimated(audit: Audit) -> dict[str, Any] | None:
    if audit.estimate is None:
        return None
    e = audit.estimate
    text = f"{e.method}, {sentences.percent(e.confidence, 0)} interval; {e.calibration}"
    return _value("estimated synthetic fraction", text, e.point, e.low, e.high)


def _policy(decision: Decision) -> dict[str, Any]:
    return {
        "@type": "sc:PropertyValue",
        "name": "policy outcome",
        "description": safe_text(decision.reason, _MAX_CHARACTERS),
        "value": decision.outcome.value,
    }


def _value(name: str, text: str, value: float, low: float, high: float) -> dict[str, Any]:
    return {
        "@type": "sc:PropertyValue",
        "name": name,
        "description": safe_text(text, _MAX_CHARACTERS),
        "value": value,
        "minValue": low,
        "maxValue": high,
        "unitText": "fraction of 1",
    }
