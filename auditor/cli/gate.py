"""auditor gate"""

from __future__ import annotations

from typing import Any

import click

from auditor.cli import layout, options
from auditor.cli.layout import option, option_group
from auditor.cli.outcome import print_decision
from auditor.errors import AuditorError, NoSuchInput


@layout.command("gate")
@click.argument("audit", type=options.AuditPath(with_evidence=False))
@option_group(
    "Decision",
    options.deciding,
    option(
        "--labels",
        type=click.Path(exists=True, dir_okay=False),
        metavar="FILE",
        is_eager=True,  # AUDIT needs its evidence then
        help="Labels from `auditor label`, to base the estimate on. AUDIT must be a folder with its evidence.",
    ),
)
@option_group(
    "Check that the dataset has not changed",
    option("--dataset", multiple=True, metavar="PATH", help="Read every file again and compare; repeatable."),
    options.reading,
    options.jobs,
    layout.help_option,
)
def command(audit: str, dataset: tuple[str, ...], labels: str | None, jobs: int | None, **given: Any) -> int:
    """Decide again from an AUDIT, without scanning.

    \b
    auditor gate audit/ --policy policy.toml    by another policy
    auditor gate audit/ --labels labels.csv     with labels of people
    auditor gate audit/ --dataset photos/       exits 3 if photos/ has changed

    AUDIT is the folder that `auditor scan` wrote, or its audit.json. Its own policy decides, unless --policy names
    another. The exit code is the decision.
    """
    from pathlib import Path

    import auditor
    from auditor.api.decisions import audit_path, day_of
    from auditor.decision import Outcome
    from auditor.evidence_store.complete import refuse_stale
    from auditor.evidence_store.store import Store
    from reports import next_steps

    read = options.take_reading(given)
    loaded = auditor.with_labels(audit, labels) if labels else auditor.load(audit)
    if Path(audit).is_dir():
        refuse_stale(Path(audit), loaded)
    if dataset:
        try:
            same = auditor.is_same_dataset(loaded, dataset, read=read, jobs=jobs)
        except NoSuchInput as error:
            raise click.BadParameter(str(error), param_hint="'--dataset'") from error
        if not same and Store(audit_path(audit).parent).is_merged:
            raise AuditorError("a merged audit is not compared with a dataset: gate each of the merged ones")
        if not same:
            raise AuditorError(
                f"{' '.join(dataset)} is not the audited dataset: scan it again (with --restart if the scan finds "
                "nothing to do: a file may have changed and kept its size and time)"
            )
    policy = given["policy"] or auditor.recorded_policy(audit)
    decision = auditor.decide(loaded, policy, baseline=given["baseline"], audited=day_of(audit))
    if decision.outcome is not Outcome.PASS and Path(audit).is_dir():  # without evidence, only a decision is possible
        action = next_steps.actions(loaded, decision, click.get_current_context().meta.get("audit", audit))[0]
        click.echo(f"next: {action.command}\n      {action.text}", err=True)
    return print_decision(decision, inconclusive=given["inconclusive"], exit_zero=given["exit_zero"])
