"""auditor gate"""

from __future__ import annotations

from typing import Any

import click

from auditor.cli import options
from auditor.cli.outcome import print_decision
from auditor.errors import AuditorError, NoSuchInput


@click.command("gate")
@click.argument("audit", type=options.AuditPath(with_evidence=False))
@click.option(
    "--dataset", multiple=True, metavar="PATH", help="First check that this is still the audited dataset; repeatable."
)
@click.option(
    "--labels",
    type=click.Path(exists=True, dir_okay=False),
    is_eager=True,  # AUDIT needs its evidence then
    help="Label file (auditor label) to base the estimate on; AUDIT must be a folder with its evidence.",
)
@options.reading
@options.jobs
@options.deciding
def command(audit: str, dataset: tuple[str, ...], labels: str | None, jobs: int | None, **given: Any) -> int:
    """Decide again from an AUDIT (its folder or audit.json), without scanning.

    With --dataset, every file is read again, but not decoded. Exits 3 if the dataset has changed.
    """
    import datetime

    import auditor
    from auditor.api.decisions import audit_path

    read = options.take_reading(given)
    loaded = auditor.with_labels(audit, labels) if labels else auditor.load(audit)
    if dataset:
        try:
            same = auditor.is_same_dataset(loaded, dataset, read=read, jobs=jobs)
        except NoSuchInput as error:
            raise click.BadParameter(str(error), param_hint="'--dataset'") from error
        if not same:
            raise AuditorError(f"{' '.join(dataset)} is not the audited dataset: scan it again")
    day = datetime.date.fromtimestamp(audit_path(audit).stat().st_mtime)
    decision = auditor.decide(loaded, given["policy"], baseline=given["baseline"], audited=day)
    return print_decision(decision, inconclusive=given["inconclusive"], exit_zero=given["exit_zero"])
