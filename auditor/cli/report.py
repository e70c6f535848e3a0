"""auditor report"""

from __future__ import annotations

import click

from auditor import registry
from auditor.cli import layout, options
from auditor.cli.layout import option


@layout.command("report")
@click.argument("audit", type=options.AuditPath())
@option(
    "--format",
    "-f",
    "format",
    type=click.Choice(list(registry.table("reports"))),
    default="html",
    show_default=True,
    metavar="FORMAT",
    help=f"{options.either(registry.table('reports'))}.",
)
@option(
    "--policy",
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    help="Decide again by this policy.  [default: the stored decision]",
)
@option("--output", "-o", type=click.Path(dir_okay=False), metavar="FILE", help="File to write.  [default: stdout]")
def command(audit: str, format: str, policy: str | None, output: str | None) -> int:
    """Render an AUDIT as HTML, Markdown, JUnit, SARIF and more.

    \b
    auditor report audit/ --format junit --output junit.xml

    AUDIT is the folder that `auditor scan` wrote, or its audit.json. Always exits 0; use `auditor gate` for an exit
    code that reflects the decision.
    """
    from dataclasses import replace
    from pathlib import Path

    import auditor
    from auditor import audit_json
    from auditor.api.decisions import audit_path, day_of
    from auditor.evidence_store.complete import refuse_stale
    from auditor.storage.atomic import write_atomically

    path = audit_path(audit)
    folder = str(click.get_current_context().meta.get("audit", path.parent))
    loaded = auditor.load(path)
    if Path(audit).is_dir():
        refuse_stale(Path(audit), loaded)
    stored = None if policy else audit_json.read_decision(path)
    day = day_of(path)
    decision = auditor.decide(loaded, policy, audited=day) if stored is None else replace(stored, date=day.isoformat())
    text = auditor.render(loaded, decision, format, examples=auditor.examples_for(format, path.parent), folder=folder)
    if output:
        write_atomically(Path(output), text.encode("utf-8", "replace"))
    else:
        click.echo(text, nl=False)
    return 0
