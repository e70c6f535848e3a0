"""SARIF 2.1.0 (OASIS): a result for each rule of the policy that did not pass, and for up to 1,000 images.

Images are those that metadata, watermarks or known-image matches decide, strongest evidence first. They are notes,
because the policy fails, not an image. Every result has a location, as GitHub's code scanning requires: the image's
path, or the input's name. Rows come from the evidence beside audit.json; without it there are none, and `properties`
says so.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from auditor.decision import Decision, Outcome, RuleResult
from auditor.plugin import Example, RowRenderer, Shows
from auditor.results import Audit
from auditor.safe_text import safe_text, safe_values
from auditor.types import Row
from reports import phrases

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_MAX_CHARACTERS = 1000
_LEVELS = {Outcome.FAIL: "error", Outcome.INCONCLUSIVE: "warning", Outcome.WARN: "warning", Outcome.EXEMPT: "note"}
_SAFE_IN_PATH = "/@!$&'()*+,;=~-._"  # characters that RFC 3986 allows; text before a colon would be read as a scheme
_SAFE_IN_URL = _SAFE_IN_PATH + ":?#[]%"


class Sarif(RowRenderer):
    """See the module."""

    id = "sarif"
    suffix = ".sarif"
    shows = Shows.DECIDED
    most = 1000

    def render_with(self, audit: Audit, decision: Decision, examples: Sequence[Example], folder: str = "audit") -> str:
        """The JSON text."""
        rows = [example.row for example in examples][: self.most]
        detectors = sorted({str(row.verdict.decided_by) for row in rows if row.verdict})
        rules = [_descriptor(f"policy/{rule.id}", f"Policy rule {rule.id}", rule.outcome) for rule in decision.rules]
        rules += [_descriptor(f"image/{id}", f"Verdict by {id}", Outcome.EXEMPT) for id in detectors]
        place = audit.inputs[0].name if audit.inputs else "audit.json"
        results = [_rule_result(rule, place) for rule in decision.rules if rule.outcome in _LEVELS]
        results += [_image_result(row) for row in rows]
        driver = {
            "name": audit.tool.get("name", "mad-auditor"),
            "version": audit.tool.get("version", "0"),
            "rules": rules,
        }
        run = {
            "tool": {"driver": driver},
            "invocations": [{"executionSuccessful": True, "exitCode": decision.exit_code}],
            "results": results,
            "columnKind": "unicodeCodePoints",
            "properties": _properties(audit, decision, len(rows)),
        }
        document = safe_values({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]})
        return json.dumps(document, indent=1, allow_nan=False) + "\n"


def _properties(audit: Audit, decision: Decision, shown: int) -> dict[str, Any]:
    decided = audit.confirmed.count + (0 if audit.config.estimate.count_edited else audit.confirmed.edited)
    return {
        "outcome": decision.outcome.value,
        "reason": safe_text(decision.reason, _MAX_CHARACTERS),
        "dataset": audit.digests.dataset,
        "declared": {"count": audit.confirmed.count, "n": audit.confirmed.n, "share": audit.confirmed.share},
        "imagesDecided": decided,
        "imagesShown": shown,
    }


def _descriptor(id: str, text: str, outcome: Outcome) -> dict[str, Any]:
    level = _LEVELS.get(outcome, "none")
    return {"id": id, "shortDescription": {"text": text}, "defaultConfiguration": {"level": level}}


def _rule_result(rule: RuleResult, place: str) -> dict[str, Any]:
    text = f"{phrases.TITLES[rule.outcome]} {rule.id}: {safe_text(rule.text, _MAX_CHARACTERS)}"
    return _result(f"policy/{rule.id}", _LEVELS[rule.outcome], text, place, rule.id)


def _image_result(row: Row) -> dict[str, Any]:
    verdict = row.verdict
    decided_by = verdict.decided_by if verdict else None
    deciding = next((signal for signal in row.signals if signal.detector == decided_by), None)
    why = f": {deciding.reason}" if deciding and deciding.reason else ""
    text = safe_text(f"{verdict.kind.value if verdict else 'unknown'} by {decided_by}{why}", _MAX_CHARACTERS)
    return _result(f"image/{decided_by}", "note", text, row.image, f"{row.key}\0{row.image}")


def _result(rule: str, level: str, text: str, place: str, identity: str) -> dict[str, Any]:
    digest = hashlib.sha256(f"{rule}\0{identity}".encode("utf-8", "surrogatepass")).hexdigest()
    safe = _SAFE_IN_URL if place.startswith(("http://", "https://")) else _SAFE_IN_PATH
    uri = quote(place.encode("utf-8", "surrogatepass"), safe=safe) or "."
    return {
        "ruleId": rule,
        "level": level,
        "message": {"text": text},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": uri}}}],
        "partialFingerprints": {"primaryLocationLineHash": digest},
    }
