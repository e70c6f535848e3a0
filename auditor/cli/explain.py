"""auditor explain"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from auditor import registry
from auditor.safe_text import safe_text
from auditor.types import Evidence, Signal


@click.command("explain")
@click.argument("what", required=False)
@click.option("--json", "as_json", is_flag=True, help="An image's signals as JSON.")
def command(what: str | None, as_json: bool) -> int:
    """What a detector sees and what defeats it, or every signal of one image file.

    Without an argument: the detectors there are.
    """
    import auditor

    if what is None:
        for id in registry.table("detectors"):
            click.echo(f"{id:<20} {auditor.explain(id).splitlines()[0]}")
    elif what in registry.table("detectors") or not Path(what).exists():
        click.echo(auditor.explain(what))
    else:
        row = auditor.examine(what)
        click.echo(json.dumps(_record(row), indent=2, ensure_ascii=False) if as_json else "\n".join(_lines(row)))
    return 0


def _record(row: Any) -> dict[str, Any]:
    from cattrs.preconf.json import make_converter

    record: dict[str, Any] = make_converter().unstructure(row)
    return record


def _lines(row: Any) -> list[str]:

    verdict = row.verdict
    decided = f" by {verdict.decided_by}" if verdict and verdict.decided_by else ""
    lines = [
        f"image    {safe_text(row.image)}",
        f"status   {row.status.value}{': ' + safe_text(row.reason) if row.reason else ''}",
        f"verdict  {verdict.kind.value if verdict else 'none'}{decided}",
    ]
    facts = row.covariates
    if facts.format:
        lines.append(f"file     {facts.format}, {facts.width} × {facts.height}, sha256 {facts.sha256}")
    if facts.camera:
        lines.append(f"camera   {safe_text(facts.camera)}")
    for signal in row.signals:
        state = _state(signal)
        tier = f" (tier {signal.tier.value})" if signal.tier else ""
        lines.append(
            f"{signal.detector:<20} {signal.evidence.value:<12} {state}{tier}  {safe_text(signal.reason)}".rstrip()
        )
    return lines


def _state(signal: Signal) -> str:
    if not signal.outcome.has_looked:
        return "could not look"
    if signal.evidence is Evidence.STATISTICAL:
        return "answered"
    return "found" if signal.is_hit else "nothing"
