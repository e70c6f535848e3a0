"""auditor merge"""

from __future__ import annotations

from typing import Any

import click

from auditor.cli import options
from auditor.cli.outcome import print_decision
from auditor.cli.streams import optional_output


@click.command("merge")
@click.argument("audits", nargs=-1, required=True, type=options.AuditPath(file_okay=False))
@click.option("--out", required=True, metavar="DIR", help="Folder for the merged audit.")
@click.option("--labels", type=click.Path(exists=True, dir_okay=False), help="Label file for the merged rows.")
@options.reference
@click.option("--restart", is_flag=True, help="Replace the audit in --out.")
@options.deciding
def command(
    audits: tuple[str, ...], out: str, labels: str | None, reference: str | None, restart: bool, **given: Any
) -> int:
    """Merge AUDITS of disjoint inputs that were scanned with the same configuration."""
    import datetime

    import auditor

    merged = auditor.merge(
        audits, out, given["policy"], labels=labels, baseline=given["baseline"], reference=reference, restart=restart
    )
    decision = auditor.decide(merged, given["policy"], baseline=given["baseline"], audited=datetime.date.today())
    with optional_output():
        click.echo(auditor.render(merged, decision, "terminal"))
    return print_decision(decision, inconclusive=given["inconclusive"], exit_zero=given["exit_zero"], report=out)
