"""Audits made up for tests of what is concluded from them."""

from __future__ import annotations

from typing import Any

from auditor.intervals import clopper_pearson
from auditor.types import Audit, Counts, Coverage, Estimate, Floor, InputRecord, MadStatus, Stratum


def audit(ok: int = 1000, synthetic: int = 0, *, unreadable: int = 0, no_bytes: int = 0, **more: Any) -> Audit:
    rows = ok + unreadable + no_bytes
    share = synthetic / ok if ok else None
    settled = {
        "inputs": (InputRecord("set", "folder", rows),),
        "digests": {"dataset": "0" * 64},
        "config": {"depth": "pixels", "limits": {"max_bytes": 1, "max_pixels": 1, "max_seconds": 1.0}},
        "seed": 0,
        "counts": Counts(rows, ok, no_bytes, 0, unreadable),
        "coverage": {"declared": Coverage(ok, ok / rows if rows else 0.0), "prior": Coverage(rows, 1.0)},
        "detectors": {},
        "floor": Floor(synthetic, ok, share, share, share, clopper_pearson(synthetic, ok) if ok else None),
        "tool": {"name": "mad-auditor", "version": "0"},
    }
    return Audit(**{**settled, **more})


def estimate(point: float, low: float, high: float) -> Estimate:
    return Estimate(point, low, high, 0.95, "melded Rogan-Gladen", 1000, "card", ())


def mad(status: str) -> MadStatus:
    return MadStatus(status, "diversity", 0.149, 0.7, (0.5, 0.9), 0.05, "because")


def source(name: str, ok: int, synthetic: int) -> Stratum:
    low, high = clopper_pearson(synthetic, ok)
    return Stratum("source", name, ok, ok, synthetic, 0, synthetic / ok, low, high)
