"""auditor gate"""

from __future__ import annotations

from typing import Any

import click

from auditor.cli import options
from auditor.cli.outcome import print_decision
from auditor.errors import AuditorError, NoSuchInput


@click.command("gate")
@click.argument("audit", type=click.Path(exists=True))
@click.option("--dataset", multiple=True, metavar="PATH", help="Check first that this is still the audited dataset.")
@options.reading
@options.jobs
@options.deciding
def command(audit: str, dataset: tuple[str, ...], jobs: int | None, **given: Any) -> int:
    """Decide again from an AUDIT (its folder or audit.json), without scanning.

    With --dataset every file is read once more, but not decoded; a dataset that changed since exits 3.
    """
    import datetime

    import auditor
    from auditor.api.records import audit_path

    read = options.take_reading(given)
    loaded = auditor.load(audit)
    if dataset:
        try:
            same = auditor.is_same_dataset(loaded, dataset, read=read, jobs=jobs)
        except NoSuchInput as error:
            raise click.BadParameter(str(error), param_hint="'--dataset'") from error
        if not same:
            raise AuditorError(f"{' '.join(dataset)} is not the dataset that was audited: scan it again")
    day = datetime.date.fromtimestamp(audit_path(audit).stat().st_mtime)
    decision = auditor.decide(loaded, given["policy"], baseline=given["baseline"], audited=day)
    return print_decision(decision, inconclusive=given["inconclusive"], exit_zero=given["exit_zero"])
