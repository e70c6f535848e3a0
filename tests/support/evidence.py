"""Artificial evidence, row by row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from auditor.aggregate.subgroups import SubgroupCounts, estimated
from auditor.evidence_store.store import PartWriter, Store
from auditor.plugin import Input, Shard
from auditor.results import Subgroup
from auditor.types import Claim, Covariates, Evidence, Row, Signal, SignalOutcome, Status, Tier, Verdict, VerdictKind


def row(
    number: int,
    label: VerdictKind = VerdictKind.UNKNOWN,
    score: float | None = 0.1,
    *,
    source: str = "a",
    declared: bool = False,
    status: Status = Status.OK,
    decided_by: str | None = None,
    is_sampled: bool = True,
    **facts: Any,
) -> Row:
    """A row with the classifier's score and, if declared, a hit of the detector `tags`."""
    signals: tuple[Signal, ...] = (
        Signal(
            "classifier",
            Evidence.STATISTICAL,
            SignalOutcome.ABSTAINED if score is None else SignalOutcome.NEGATIVE,
            score=score,
        ),
    )
    if declared:
        signals += (Signal("tags", Evidence.DECLARED, SignalOutcome.HIT, Tier.C, 1.0, "", Claim.SYNTHETIC),)
    facts = {"format": "PNG", "width": 600, "height": 400, **facts}
    verdict = Verdict(label, decided_by, score)
    return Row(
        f"k{number}", source, f"i{number}", status, "", None, verdict, signals, Covariates(**facts), "", is_sampled
    )  # fmt: skip


def measured(counts: Sequence[SubgroupCounts]) -> tuple[Subgroup, ...]:
    """Subgroups without estimates."""
    return estimated(counts, None, None)


def part(path: Path, rows: Iterable[Row]) -> Path:
    """A part of evidence with these rows."""
    shard = Shard(path.stem, Input("x", "x"), "folder")
    writer = PartWriter(path, shard, "config")
    writer.write(list(rows))
    writer.close()
    return path


def keyed(out: Path, id: str, rows: Iterable[tuple[str, VerdictKind | None]]) -> Path:
    """A part in an audit's folder, with these keys and verdicts; None is a row that could not be read."""
    store = Store(out)
    store.folder.mkdir(parents=True, exist_ok=True)
    return part(
        store.path(id),
        (
            Row(key, "x", key, Status.OK if label else Status.UNREADABLE, verdict=Verdict(label) if label else None)
            for key, label in rows
        ),
    )
