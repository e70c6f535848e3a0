"""A comparison as JSON, schema auditor-diff/1, with every change of auditor/compare.py."""

from __future__ import annotations

import json
from dataclasses import asdict

from auditor.compare import TEST, AuditDiff
from auditor.safe_text import safe_json

SCHEMA = "auditor-diff/1"


def render(diff: AuditDiff) -> str:
    """The JSON text."""
    sides = {}
    for name, audit, decision in zip(("before", "after"), (diff.before, diff.after), diff.decisions, strict=True):
        sides[name] = {
            "inputs": [asdict(input) for input in audit.inputs],
            "digests": dict(zip(("dataset", "shards"), audit.digests.of_data, strict=True)),
            "outcome": decision.outcome.value if decision is not None else None,
        }
    changes = [asdict(change) for change in diff.changes]
    content = {
        "schema": SCHEMA,
        **sides,
        "identical": diff.is_identical,
        "test": TEST,
        "notes": diff.notes,
        "changes": changes,
    }
    return safe_json(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)) + "\n"
