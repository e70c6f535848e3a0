"""Artificial audits for tests of policies and reports."""

from __future__ import annotations

from typing import Any

from auditor.caption_results import (
    ArtefactGroup,
    Artefacts,
    CaptionColumn,
    CaptionDiversity,
    CaptionExample,
    CaptionFigure,
    Captions,
    DeclaredWriters,
    FigureRange,
    FlagRate,
    Phrase,
    Prompts,
)
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


def captions(hits: int = 90, n: int = 1000, *, text: str = "The image features a dog", **more: Any) -> Captions:
    """A block of captions with everything in it. text: of the examples, columns and phrases."""
    low = clopper_pearson(hits, n)[0]
    example = CaptionExample(text, text, "Markdown", text)
    people = FigureRange(0.05, 0.2, 0.61)
    settled = {
        "images": n + 5,
        "empty": 5,
        "file_names": 1,
        "artefacts": Artefacts(
            n, hits, hits / n, low, 0.005, max(0.0, low - 0.005), {"markdown": hits, text: 1}, {text: 3},
            (ArtefactGroup("source", text, 100, 9, 0.0), ArtefactGroup("shard", text, 100, 50, 0.4)), (example,) * 10,
        ),
        "prompts": Prompts(
            n, 120, 30, 0.12, 0.12, 0.12, {"lora": 120}, FlagRate(31, 100, 0.31, 0.2, 0.4), FlagRate(80, 800, 0.1, 0.08, 0.13),
            3.1, (example,),
        ),
        "diversity": CaptionDiversity(
            1000, {"openings": CaptionFigure(0.95, {"human": people}, True), text: CaptionFigure(0.4)},
            (Phrase(text, 0.5),), (Phrase(text, 0.1),),
        ),
        "languages": {"English": 990, text: 10},
        "declared": DeclaredWriters(n, 0.5, (CaptionColumn(text, n, 1.0, False, "a model", text),)),
    }  # fmt: skip
    return Captions(**{**settled, **more})
