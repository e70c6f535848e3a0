"""The evidence of a finished audit: all of it, and intact. For everything that reads evidence and does not make it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from auditor import audit_json
from auditor.errors import EvidenceError
from auditor.evidence_store.store import Part, Store, dataset_digest
from auditor.results import Audit

AUDIT = "audit.json"


def complete_parts(out: Path, audit: Audit | None = None, *, with_vectors: bool = False) -> list[Part]:
    """The parts that the audit of a folder summarises. audit: that audit, if it has been read already.

    with_vectors: check vectors and thumbnails too. Raises EvidenceError if the folder has no finished audit, if a part
    is damaged, or if the parts are not those that audit.json summarises; AuditFileError for a damaged audit.json.
    """
    if audit is None and not (out / AUDIT).is_file():
        raise EvidenceError(f"{out}: no finished audit there: run the scan (again) until it is finished")
    audit = audit or audit_json.read(out / AUDIT)
    parts = Store(out).undamaged_parts(with_vectors=with_vectors)
    if not parts:
        raise EvidenceError(f"{out}: no evidence in this folder")
    _refuse_others(out, parts, audit)
    return parts


def refuse_stale(out: Path, audit: Audit) -> None:
    """Raises EvidenceError if a folder has evidence, and it is of another scan than the folder's audit: one that was
    interrupted, or still runs."""
    store = Store(out)
    if parts := list(store.parts()):
        _refuse_others(out, parts, audit)
    elif audit.counts.rows and store.owner() is not None and store.day() is None:
        raise EvidenceError(f"{out}: a scan began to replace its evidence and did not end: finish that scan")


def _refuse_others(out: Path, parts: Sequence[Part], audit: Audit) -> None:
    rows = sum(part.rows for part in parts)
    if rows != audit.counts.rows or dataset_digest(parts) != audit.digests.dataset:
        raise EvidenceError(
            f"{out}: its evidence ({rows:,} rows) does not match its audit.json ({audit.counts.rows:,} rows): "
            "finish that scan, or scan the dataset again"
        )
