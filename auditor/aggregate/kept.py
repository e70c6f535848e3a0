"""Keeps an audit beside its evidence: a run that has nothing new to examine does not sum up again."""

from __future__ import annotations

import json
from pathlib import Path

from auditor import audit_json
from auditor.errors import AuditFileError
from auditor.evidence_store import kept, outputs
from auditor.results import Audit
from auditor.similarity.kept import CLUSTERS
from auditor.storage.files import EVIDENCE

_FILE = "results.json"


def load(out: Path, made_of: str) -> Audit | None:
    """The audit that was kept for this digest (evidence_store/kept.py); None without, and if it or the table of
    near-duplicates is damaged."""
    content = kept.load(out / EVIDENCE / _FILE, made_of)
    try:
        audit = None if content is None else audit_json.loads(json.dumps(content))
    except AuditFileError:
        return None
    has_clusters = audit is None or not audit.near_duplicates or outputs.is_intact(out / CLUSTERS)
    return audit if has_clusters else None


def save(out: Path, made_of: str, audit: Audit) -> None:
    """Keep the audit."""
    kept.save(out / EVIDENCE / _FILE, made_of, audit_json.plain(audit))
