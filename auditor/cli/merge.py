"""auditor merge"""

from __future__ import annotations

from typing import Any

import click

from auditor.cli import layout, options
from auditor.cli.layout import option, option_group
from auditor.cli.outcome import print_decision, print_first_screen
from auditor.cli.streams import optional_output


@layout.command("merge")
@click.argument("audits", nargs=-1, required=True, type=options.AuditPath(file_okay=False))
@option_group(
    "Output",
    option("--out", required=True, metavar="DIR", help="Folder for the merged audit."),
    option("--restart", is_flag=True, help="Replace the audit in --out."),
)
@option_group(
    "Decision",
    options.deciding,
    option("--labels", type=click.Path(exists=True, dir_okay=False), metavar="FILE", help="Labels of merged rows."),
    options.reference,
    layout.help_option,
)
def command(
    audits: tuple[str, ...], out: str, labels: str | None, reference: str | None, restart: bool, **given: Any
) -> int:
    """Merge audits of parts of a dataset into one.

    \b
    auditor merge audit-1/ audit-2/ --out audit/

    The parts must be disjoint, and scanned with the same configuration.
    """
    import auditor
    from auditor.api.decisions import day_of

    options.open_deciding(given)
    merged = auditor.merge(
        audits, out, given["policy"], labels=labels, baseline=given["baseline"], reference=reference, restart=restart
    )
    decision = auditor.decide(merged, given["policy"], baseline=given["baseline"], audited=min(map(day_of, audits)))
    with optional_output():
        print_first_screen(auditor.render(merged, decision, "terminal", folder=out), decision)
    return print_decision(decision, inconclusive=given["inconclusive"], exit_zero=given["exit_zero"], report=out)
