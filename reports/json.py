"""audit.json, schema auditor/2, with every key of docs/reference/formats.md; the same audit gives the same bytes."""

from __future__ import annotations

from auditor import audit_json
from auditor.decision import Decision
from auditor.plugin import Renderer
from auditor.results import Audit


class Json(Renderer):
    """See the module."""

    id = "json"
    suffix = ".json"

    def render(self, audit: Audit, decision: Decision, folder: str = "audit") -> str:
        """The JSON text."""
        return audit_json.dumps(audit, decision)
