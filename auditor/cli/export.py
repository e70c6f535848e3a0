"""auditor export"""

from __future__ import annotations

import click

_VERDICTS = ("synthetic", "edited", "likely-synthetic", "likely-real", "unknown")


@click.command("export")
@click.argument("audit", type=click.Path(exists=True, file_okay=False))
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
@click.option("--output", "-o", type=click.Path(dir_okay=False), help="File to write.  [default: stdout]")
def command(audit: str, format: str, verdict: tuple[str, ...], output: str | None) -> int:
    """Write the rows of an AUDIT folder as a table, one row per image.

    Text that a spreadsheet would read as a formula gets a leading quote. The parquet files in evidence/ have more
    columns.
    """
    import sys
    from contextlib import nullcontext

    import auditor

    lines = auditor.export(audit, format, verdicts=verdict)
    with open(output, "w", encoding="utf-8", newline="") if output else nullcontext(sys.stdout) as file:
        for line in lines:
            file.write(line)
    return 0
