"""auditor export"""

from __future__ import annotations

import click

from auditor.cli import layout, options
from auditor.cli.layout import option
from auditor.results import SUBGROUP_KINDS

_VERDICTS = ("synthetic", "edited", "likely-synthetic", "likely-real", "unknown")


@layout.command("export")
@click.argument("audit", type=options.AuditPath(file_okay=False))
@option(
    "--format",
    "-f",
    "format",
    type=click.Choice(["csv", "jsonl"]),
    default="csv",
    show_default=True,
    help="csv for spreadsheets, jsonl with every signal.",
)
@option(
    "--verdict",
    multiple=True,
    type=click.Choice(_VERDICTS),
    metavar="VERDICT",
    help=f"Only rows with this verdict ({options.either(_VERDICTS)}); repeatable.",
)
@option(
    "--by",
    type=click.Choice(SUBGROUP_KINDS),
    metavar="KIND",
    help=f"One line per {options.either(SUBGROUP_KINDS)} instead, most suspicious first.",
)
@option("--output", "-o", type=click.Path(dir_okay=False), metavar="FILE", help="File to write.  [default: stdout]")
def command(audit: str, format: str, verdict: tuple[str, ...], by: str | None, output: str | None) -> int:
    """Write the rows of an AUDIT as a table, or its subgroups.

    \b
    auditor export audit/ --verdict synthetic   images that are confirmed
    auditor export audit/ --by source           each source, and the rest without it

    One row per image; with --by source, one row per source: its images, confirmed share, estimate, and the fraction of
    the dataset without it, in increasing order. An audit lists the 50 largest and the 50 most suspicious subgroups of
    each kind, and the others as one.

    Text that a spreadsheet would read as a formula gets a leading quote. The parquet files in evidence/ have more
    columns.
    """
    import sys
    from pathlib import Path

    import auditor
    from auditor.storage.atomic import replacing

    if by and verdict:
        raise click.UsageError("--by writes subgroups and --verdict chooses images: give only one of them")
    if by:
        lines = auditor.export_subgroups(auditor.load(audit), by, format)
    else:
        lines = auditor.export(audit, format, verdicts=verdict)
    if not output:
        sys.stdout.writelines(lines)
        return 0
    with replacing(Path(output)) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        file.writelines(lines)
    return 0
