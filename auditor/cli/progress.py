"""The progress bar: rate and remaining time, on a terminal only, on stderr."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from auditor.audit import Plan
    from auditor.estimate.intervals import Interval


class Progress:
    """Listens to a run. What was kept, redone or dropped of earlier evidence is always said."""

    def __init__(self, *, quiet: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._quiet = quiet
        console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("scanning"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=console,
            disable=quiet or not console.is_terminal,
            transient=True,
        )
        self._task = self._fetching = self._bar.add_task("", total=None, rate="")

    def __enter__(self) -> Progress:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def planned(self, plan: Plan) -> None:
        """Which reader reads what, and what happens to earlier evidence."""
        rows = [shard.rows for shard in plan.todo]
        self._bar.update(self._task, total=None if None in rows else sum(filter(None, rows)))
        if self._quiet:
            return
        for input, reader in plan.inputs:
            count = sum(shard.input.name == input.name for shard in plan.shards)
            click.echo(f"reading {input.name!r} as {reader.id}: {count:,} shards", err=True)
        for rows_, what in (
            (plan.kept, "rows are done already and kept"),
            (plan.redone, "rows changed, or were made by another configuration or detector: redone"),
            (plan.dropped, "rows are no longer in the input, or in the sample of shards: dropped"),
        ):
            if rows_:
                click.echo(f"{rows_:,} {what}", err=True)
        if plan.sample_plan:
            shared = ", shared out among domains" if plan.sample_plan.allocation else ""
            drawn = f"{plan.sample_plan.rows:,} of {plan.sample_plan.population_size:,} rows"
            click.echo(f"sample: {drawn}, by the hash of their keys{shared}", err=True)
        if plan.part:
            shards = f"{plan.part.read:,} of {plan.part.of:,} shards"
            click.echo(f"sample: {shards}, by the hash of their names; nothing of the others is read", err=True)
        for share, interval in plan.expected.items():
            told = _span(interval)
            if share in plan.apart:
                told += f" if shards are alike, {_span(plan.apart[share])} if each is all of a kind"
            click.echo(f"if {100 * share:.0f} % of them were synthetic, the estimate would be about {told}", err=True)

    def advanced(self, rows: int) -> None:
        """One shard more."""
        self._bar.advance(self._task, rows)
        speed = self._bar.tasks[0].speed
        self._bar.update(self._task, rate=f"{speed:,.0f} rows/s" if speed else "")

    def fetching(self, urls: int) -> None:
        """How many images are to come."""
        if not self._quiet:
            click.echo(f"fetching {urls:,} images, a second apart from each host", err=True)
        self._fetching = self._bar.add_task("", total=urls, rate="fetched")

    def fetched(self) -> None:
        """One more."""
        self._bar.advance(self._fetching)


def _span(interval: Interval) -> str:
    return f"{100 * interval.low:.1f} to {100 * interval.high:.1f} %"
