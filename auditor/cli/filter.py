"""auditor filter"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from auditor.cli import options

if TYPE_CHECKING:
    from auditor.filtering.selection import KeepList


@click.command("filter")
@click.argument("audit", type=click.Path(exists=True, file_okay=False))
@click.option("--out", required=True, metavar="FILE", help="Keep-list to write: .parquet, .npy (DataComp) or .txt.")
@click.option(
    "--drop",
    type=click.Choice(["nothing", "decided", "likely"]),
    default="decided",
    show_default=True,
    help="What evidence decides; also what the model says is likely synthetic.",
)
@click.option(
    "--target",
    type=options.Number(0, 1),
    metavar="SHARE",
    help="Leave out more, the likeliest first, until at most this fraction is synthetic (0.05 is 5 %).",
)
@click.option("--policy", type=click.Path(exists=True, dir_okay=False), help="Policy for the MAD status afterwards.")
@click.option("--tars", metavar="DIR", help="Write the dataset's tars again as well, with the kept images alone.")
@click.option("--dataset", type=click.Path(exists=True), help="The audited dataset, for --tars.")
def command(
    audit: str, out: str, drop: str, target: float | None, policy: str | None, tars: str | None, dataset: str | None
) -> int:
    """Make a keep-list of AUDIT, a folder that `auditor scan` wrote, and say what it costs."""
    import auditor

    if (tars is None) != (dataset is None):
        raise click.UsageError("--tars DIR and --dataset PATH belong together")
    kept = auditor.keep_list(audit, drop=drop, target=target)
    status = auditor.status_after(kept, policy)
    auditor.write_keep_list(kept, out)
    click.echo(_told(kept))
    if status:
        click.echo(f"MAD {status.status} afterwards: {status.reason}")
    if tars and dataset:
        click.echo(f"{auditor.write_filtered_tars(kept, dataset, tars):,} images written to {tars}")
    return 0


def _told(kept: KeepList) -> str:
    removed = sum(kept.removed.values())
    lines = [f"kept {kept.left:,} of {len(kept.rows):,} rows"]
    lines += [f"  {rows:,} left out: {reason}" for reason, rows in kept.removed.items()]
    if kept.false_removals is not None and removed:
        lines.append(f"  about {kept.false_removals:,.0f} of them are real")
    if kept.before and kept.after:
        ends = (f"{100 * i.point:.1f} % [{100 * i.low:.1f}, {100 * i.high:.1f}]" for i in (kept.before, kept.after))
        lines.append("synthetic fraction {} before, {} afterwards".format(*ends))
    return "\n".join(lines)
