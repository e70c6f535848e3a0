"""Artificial audits for tests of policies and reports."""

from __future__ import annotations

from typing import Any

from auditor.config import Config
from auditor.estimate.intervals import clopper_pearson
from auditor.results import Audit, ConfirmedShare, Counts, Coverage, Digests, Estimate, InputRecord, Inventory, Subgroup


def audit(ok: int = 1000, synthetic: int = 0, *, unreadable: int = 0, no_bytes: int = 0, **more: Any) -> Audit:
    rows = ok + unreadable + no_bytes
    share = synthetic / ok if ok else None
    settled = {
        "inputs": (InputRecord("set", "folder", rows),),
        "digests": Digests("0" * 64),
        "config": Config.of(),
        "inventory": Inventory(read=rows),
        "counts": Counts(rows, ok, no_bytes, 0, unreadable),
        "coverage": {"declared": Coverage(ok, ok / rows if rows else 0.0), "prior": Coverage(rows, 1.0)},
        "detectors": {},
        "confirmed": ConfirmedShare(synthetic, ok, share, share, share, clopper_pearson(synthetic, ok) if ok else None),
        "tool": {"name": "mad-auditor", "version": "0"},
    }
    return Audit(**{**settled, **more})


def estimate(point: float, low: float, high: float) -> Estimate:
    return Estimate(point, low, high, 0.95, "melded Rogan-Gladen", 1000, "card", ())


ESTIMATES = {
    "safe": estimate(0.01, 0.0, 0.02),
    "near": estimate(0.10, 0.08, 0.12),
    "inconclusive": estimate(0.14, 0.10, 0.20),
    "over": estimate(0.25, 0.20, 0.30),
}  # by the MAD status that they lead to under the default assumptions


def source(name: str, ok: int, synthetic: int) -> Subgroup:
    low, high = clopper_pearson(synthetic, ok)
    return Subgroup("source", name, ok, ok, synthetic, 0, synthetic / ok, low, high)
