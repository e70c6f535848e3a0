"""auditor export"""

from __future__ import annotations

import click

from auditor.cli import options
from auditor.results import SUBGROUP_KINDS

_VERDICTS = ("synthetic", "edited", "likely-synthetic", "likely-real", "unknown")


@click.command("export")
@click.argument("audit", type=options.AuditPath(file_okay=False))
@click.option(
    "--format",
    "-f",
    "format",
    type=click.Choice(["csv", "jsonl"]),
    default="csv",
    show_default=True,
    help="csv for spreadsheets, jsonl with every signal.",
)
@click.option("--verdict", multiple=True, type=click.Choice(_VERDICTS), help="Only rows with this verdict; repeatable.")
@click.option(
    "--by",
    type=click.Choice(SUBGROUP_KINDS),
    help="One line per subgroup of this kind instead, those first without which the dataset would be least synthetic.",
)
@click.option("--output", "-o", type=click.Path(dir_okay=False), help="File to write.  [default: stdout]")
def command(audit: str, format: str, verdict: tuple[str, ...], by: str | None, output: str | None) -> int:
    """Write the rows of an AUDIT folder as a table, one row per image.

    With --by source, one row per source: its images, confirmed share, estimate, and the fraction of the dataset without
    it. An audit lists the 50 largest and the 50 most suspicious subgroups of each kind, and the others as one.

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
