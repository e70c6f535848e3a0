"""auditor filter"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from auditor import sentences
from auditor.cli import options
from auditor.safe_text import safe_text

if TYPE_CHECKING:
    from auditor.filtering.selection import KeepList


@click.command("filter")
@click.argument("audit", type=options.AuditPath(file_okay=False))
@click.option("--out", required=True, metavar="FILE", help="Keep-list to write: .parquet, .npy (DataComp) or .txt.")
@click.option(
    "--drop",
    type=click.Choice(["nothing", "decided", "likely"]),
    default="decided",
    show_default=True,
    help="nothing: only rows that cannot be read; decided: also images confirmed by metadata, watermarks or known "
    "images; likely: also images that the classifier flags.",
)
@click.option(
    "--drop-source",
    "drop_sources",
    multiple=True,
    metavar="SOURCE",
    help="Remove every row of this source; repeatable. `auditor export --by source` lists sources.",
)
@click.option(
    "--target",
    type=options.Number(0, 1),
    metavar="SHARE",
    help="Remove more images, most probably synthetic first, until at most this fraction is synthetic (0.05 is 5 %).",
)
@click.option(
    "--policy", type=click.Path(exists=True, dir_okay=False), help="Policy for the MAD status of the kept rows."
)
@click.option("--tars", metavar="DIR", help="Also write copies of the dataset's tars with only the kept images.")
@click.option("--dataset", type=click.Path(exists=True), help="The audited dataset, for --tars.")
def command(
    audit: str,
    out: str,
    drop: str,
    drop_sources: tuple[str, ...],
    target: float | None,
    policy: str | None,
    tars: str | None,
    dataset: str | None,
) -> int:
    """Write a keep-list of rows to train on, from an AUDIT folder.

    Prints how many rows are removed, how many of them are probably real, and the synthetic fraction before and after.
    """
    import auditor

    if (tars is None) != (dataset is None):
        raise click.UsageError("--tars DIR and --dataset PATH must be given together")
    kept = auditor.keep_list(audit, drop=drop, drop_sources=drop_sources, target=target)
    status = auditor.status_after(kept, policy)
    auditor.write_keep_list(kept, out)
    click.echo(_summary(kept))
    if status:
        click.echo(f"MAD status of the kept rows: {safe_text(status.reason)}")
    if tars and dataset:
        click.echo(f"{auditor.write_filtered_tars(kept, dataset, tars):,} images written to {tars}")
    return 0


def _summary(kept: KeepList) -> str:
    removed = sum(kept.removed.values())
    lines = [f"kept {kept.left:,} of {len(kept.rows):,} rows"]
    lines += [f"  {rows:,} removed: {reason}" for reason, rows in kept.removed.items()]
    if kept.unsampled:
        lines.append(f"  {kept.unsampled:,} of the kept rows are outside of the sample: only their metadata were read")
    if kept.false_removals is not None and removed:
        lines.append(f"  about {kept.false_removals:,.0f} of them are real")
    if kept.before and kept.after:
        before, after = (sentences.span(interval.low, interval.high) for interval in (kept.before, kept.after))
        lines.append(f"{after} of the kept rows are synthetic; before it was {before}")
    return "\n".join(safe_text(line) for line in lines)
