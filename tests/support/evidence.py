"""Evidence made up for tests, written as a scan writes it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from auditor.plugin import Input, Shard
from auditor.store import PartWriter, Store
from auditor.types import Label, Row, Status, Verdict


def part(out: Path, id: str, rows: Iterable[tuple[str, Label | None]]) -> None:
    """One part with these keys and verdicts; None is a row that could not be read."""
    store = Store(out)
    store.folder.mkdir(parents=True, exist_ok=True)
    writer = PartWriter(store.path(id), Shard(id, Input("/nowhere", "made up"), "folder"), "made up")
    writer.write(
        [
            Row(key, "x", key, Status.OK if label else Status.UNREADABLE, verdict=Verdict(label) if label else None)
            for key, label in rows
        ]
    )
    writer.close()
