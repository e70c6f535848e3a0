"""auditor filter"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from auditor import sentences
from auditor.cli import layout, options
from auditor.cli.layout import option, option_group
from auditor.safe_text import safe_text
from auditor.types import Need

if TYPE_CHECKING:
    from auditor.estimate.intervals import Interval
    from auditor.filtering.selection import KeepList


_DROPS = ("nothing", "decided", "likely")


@layout.command("filter")
@click.argument("audit", type=options.AuditPath(file_okay=False))
@option_group(
    "What to remove",
    option(
        "--drop",
        type=click.Choice(_DROPS),
        default="decided",
        show_default=True,
        metavar="|".join(_DROPS),
        help="nothing: only rows that cannot be read; decided: also images confirmed by metadata, watermarks or known "
        "images; likely: also images that the classifier flags.",
    ),
    option(
        "--drop-source",
        "drop_sources",
        multiple=True,
        metavar="SOURCE",
        help="Every row of this source; repeatable. `auditor export --by source` lists sources.",
    ),
    option(
        "--labels",
        type=click.Path(exists=True, dir_okay=False),
        metavar="FILE",
        help="Images that people labelled synthetic here (`auditor label`).",
    ),
    option(
        "--target",
        type=options.Number(0, 1),
        metavar="SHARE",
        help="More images, most probably synthetic first, until the estimate (not its upper bound) is at most this "
        "fraction (0.05 is 5 %).",
    ),
)
@option_group(
    "Output",
    option("--out", required=True, metavar="FILE", help="Keep-list to write: .parquet, .npy (DataComp) or .txt."),
    option("--tars", metavar="DIR", help="Also write copies of the dataset's tars with only the kept images."),
    option(
        "--dataset",
        multiple=True,
        type=click.Path(exists=True),
        metavar="PATH",
        help="The audited dataset, for --tars; repeatable.",
    ),
    option(
        "--policy",
        type=click.Path(exists=True, dir_okay=False),
        metavar="FILE",
        help="Policy for the MAD status of the kept rows.  [default: the audit's own]",
    ),
    layout.help_option,
)
def command(
    audit: str,
    out: str,
    drop: str,
    drop_sources: tuple[str, ...],
    labels: str | None,
    target: float | None,
    policy: str | None,
    tars: str | None,
    dataset: tuple[str, ...],
) -> int:
    """Write a keep-list from an AUDIT: the rows to train on.

    \b
    auditor filter audit/ --out keep.parquet                   without confirmed images
    auditor filter audit/ --target 0.05 --out keep.parquet     estimated 5 % synthetic

    Prints how many rows are removed, how many of them are probably real, and the synthetic fraction before and after.
    """
    import auditor
    from auditor.filtering import keep_lists

    if (tars is None) is bool(dataset):
        raise click.UsageError("--tars DIR and --dataset PATH must be given together")
    kept = auditor.keep_list(audit, drop=drop, drop_sources=drop_sources, labels=labels, target=target)
    status = auditor.status_after(kept, policy or auditor.recorded_policy(audit))
    auditor.write_keep_list(kept, out)
    click.echo(_summary(kept, target))
    if warning := keep_lists.ambiguity(kept.rows):
        click.echo(f"warning: {warning}", err=True)
    if not labels and (used := kept.audit.config.estimate.labels):
        click.echo(f"note: --labels {safe_text(used)} also leaves out the images labelled synthetic", err=True)
    if status:
        click.echo(f"MAD status of the kept rows: {safe_text(status.reason)}")
    if tars and dataset:
        click.echo(f"{sentences.counted(auditor.write_filtered_tars(kept, dataset, tars), 'image')} written to {tars}")
    return 0


def _summary(kept: KeepList, target: float | None) -> str:
    removed = sum(kept.removed.values())
    lines = [f"kept {kept.left:,} of {sentences.counted(len(kept.rows), 'row')}"]
    lines += [f"  {rows:,} removed: {reason}" for reason, rows in kept.removed.items()]
    if kept.unsampled:
        sampling, depth = kept.audit.config.sampling, kept.audit.config.scan.depth
        what = "only their metadata were read" if sampling.depth_outside(depth) > Need.ROW else "they were not opened"
        lines.append(f"  {kept.unsampled:,} of the kept rows are outside the sample: {what}")
    if kept.false_removals is not None and removed:
        lines.append(f"  about {kept.false_removals:,.0f} of them are real")
    if kept.before and kept.after:
        lines.append(f"{_bound(kept.after)} of the kept rows are synthetic; before, {_bound(kept.before)}")
    if kept.after and target is not None:
        lines.append(_reached(target, kept.after))
    return "\n".join(safe_text(line) for line in lines)


def _bound(share: Interval) -> str:
    return f"at most {sentences.percent(share.high)} ({sentences.span(share.low, share.high)})"


def _reached(target: float, after: Interval) -> str:
    """Whether the target is reached by the upper bound too, or by the estimate alone."""
    if after.high <= target:
        return f"the target of {100 * target:g} % is reached by the upper bound"
    return (
        f"the target of {100 * target:g} % is reached by the point estimate ({sentences.percent(after.point)}) but not "
        "by the upper bound: more labels (auditor label, scan --labels) narrow the interval"
    )
