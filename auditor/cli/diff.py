"""auditor diff"""

from __future__ import annotations

import click

from auditor.cli import layout, options
from auditor.cli.layout import option


@layout.command("diff")
@click.argument("before", type=options.AuditPath(with_evidence=False))
@click.argument("after", type=options.AuditPath(with_evidence=False))
@option(
    "--format",
    "-f",
    "format",
    type=click.Choice(["terminal", "html", "json"]),
    default="terminal",
    show_default=True,
    help="Output format.",
)
@option("--output", "-o", type=click.Path(dir_okay=False), metavar="FILE", help="File to write.  [default: stdout]")
def command(before: str, after: str, format: str, output: str | None) -> int:
    """Compare two audits: which shares rose or fell.

    \b
    auditor diff last-month/ audit/

    Shows whether each change is more than noise. BEFORE and AFTER are audit folders or audit.json files. Always exits
    0; to gate on a change, use the policy rule `increase` with --baseline.
    """
    from pathlib import Path

    import auditor
    from auditor.storage.atomic import write_atomically

    text = auditor.render_diff(auditor.diff(before, after), format)
    if output:
        write_atomically(Path(output), text.encode("utf-8", "replace"))
    else:
        click.echo(text, nl=False)
    return 0
