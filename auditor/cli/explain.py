"""auditor explain"""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import Any

import click

from auditor import registry
from auditor.cli import layout
from auditor.cli.layout import option
from auditor.errors import UnknownPlugin
from auditor.safe_text import safe_json, safe_text
from auditor.types import Evidence, Signal

_MAX_LINE = 1000  # characters


@layout.command("explain")
@click.argument("what", required=False)
@option("--json", "as_json", is_flag=True, help="An image's signals as JSON.")
def command(what: str | None, as_json: bool) -> int:
    """Explain a detector, or show every signal of one image.

    \b
    auditor explain                 list the detectors
    auditor explain c2pa            what a detector finds, and what defeats it
    auditor explain photo.jpg       every signal of one file
    """
    import auditor

    if what is None:
        for id in registry.table("detectors"):
            click.echo(f"{id:<20} {auditor.explain(id).splitlines()[0]}")
    elif what in registry.table("detectors"):
        click.echo(auditor.explain(what))
    elif not Path(what).is_file():
        raise _unknown(what)
    else:
        row = auditor.examine(what)
        click.echo(safe_json(json.dumps(_record(row), indent=2, ensure_ascii=False)) if as_json else _text(row))
    return 0


def _unknown(what: str) -> Exception:
    """The error for what is neither a detector nor an image file."""
    if Path(what).is_dir():
        return click.BadParameter(
            f"{what} is a folder: name one image file, or use `auditor scan`", param_hint="'WHAT'"
        )
    if Path(what).name != what or Path(what).suffix:
        return click.BadParameter(f"there is no file {what}", param_hint="'WHAT'")
    close = difflib.get_close_matches(what, registry.table("detectors"), n=1)
    hint = f"did you mean {close[0]}?" if close else "`auditor explain` lists the detectors"
    return UnknownPlugin(f"there is no detector and no file named '{what}'; {hint}")


def _record(row: Any) -> dict[str, Any]:
    from cattrs.preconf.json import make_converter

    from auditor.captions.excerpt import marks_of

    record: dict[str, Any] = make_converter().unstructure(row)
    record["caption_marks"] = [pattern.id for pattern, _ in marks_of(row.caption)] if row.caption else None
    return record


def _text(row: Any) -> str:
    return "\n".join(safe_text(line, _MAX_LINE) for line in _lines(row))


def _lines(row: Any) -> list[str]:
    from auditor.sentences import EVIDENCE

    verdict = row.verdict
    decided = f" by {verdict.decided_by}" if verdict and verdict.decided_by else ""
    lines = [
        f"image    {safe_text(row.image)}",
        f"status   {row.status.value}{': ' + safe_text(row.reason) if row.reason else ''}",
        f"verdict  {verdict.kind.value if verdict else 'none'}{decided}",
    ]
    file = row.covariates
    if file.format:
        lines.append(f"file     {file.format}, {file.width} × {file.height}, sha256 {file.sha256}")
    if file.camera:
        lines.append(f"camera   {safe_text(file.camera)}")
    for signal in row.signals:
        state = _state(signal)
        tier = f" (tier {signal.tier.value})" if signal.tier else ""
        lines.append(
            f"{signal.detector:<20} {EVIDENCE[signal.evidence]:<31} {state}{tier}  {safe_text(signal.reason)}".rstrip()
        )
    return [*lines, *_caption_lines(row.caption)]


def _caption_lines(caption: str | None) -> list[str]:
    """The marks in the caption: what they show, and where."""
    from auditor.captions.excerpt import marks_of

    if not caption:
        return ["caption  none"]
    found = [
        f"{pattern.id:<20} {'caption, ' + pattern.kind.value:<31} {safe_text(pattern.what)}: {safe_text(text)}"
        for pattern, text in marks_of(caption)
    ]
    return found or ["caption  no artefact of a captioning model and no prompt syntax; its writer is unknown"]


def _state(signal: Signal) -> str:
    if not signal.outcome.has_looked:
        return "not checked"
    if signal.evidence is Evidence.STATISTICAL:
        return "scored"
    return "hit" if signal.is_hit else "no hit"
