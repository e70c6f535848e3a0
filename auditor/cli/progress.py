"""The progress bar: rate and remaining time, on a terminal only, on stderr."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

import click

from auditor import sentences
from auditor.types import Need

if TYPE_CHECKING:
    from auditor.audit import Plan
    from auditor.estimate.intervals import Interval

_WORTH_TELLING = 90  # seconds
_HOURS = 2 * 3600  # seconds from which hours are told


class Progress:
    """Reports on a run: always prints how much earlier evidence is kept, redone or dropped."""

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
        """Prints which reader reads which input, and what happens to earlier evidence."""
        rows = [shard.rows for shard in plan.todo]
        self._bar.update(self._task, total=None if None in rows else sum(filter(None, rows)))
        if self._quiet:
            return
        for input, reader in plan.inputs:
            count = sum(shard.input.name == input.name for shard in plan.shards)
            click.echo(f"reading {input.name!r} as {reader.id}: {count:,} shards", err=True)
        for rows_, what in (
            (plan.kept, "rows are already done and kept"),
            (plan.redone, "rows have changed, or come from another configuration or detector version: redone"),
            (plan.dropped, "rows are no longer in the input or the sample of shards: dropped"),
        ):
            if rows_:
                click.echo(f"{rows_:,} {what}", err=True)
        if plan.sample_plan:
            stratified = ", stratified by domain" if plan.sample_plan.allocation else ""
            drawn = f"{plan.sample_plan.rows:,} of {plan.sample_plan.population_size:,} rows"
            if plan.part:
                drawn += " of the shards below"
            click.echo(f"sample: {drawn}, drawn by the hash of their keys{stratified}", err=True)
            if plan.sample_plan.depth_outside_sample > Need.ROW:
                click.echo("metadata are read of all rows; --sample all decodes and classifies all of them", err=True)
        if plan.seconds is not None and plan.seconds >= _WORTH_TELLING:
            click.echo(f"the classifier will take about {_duration(plan.seconds)}", err=True)
        if plan.part:
            shards = f"{plan.part.read:,} of {plan.part.of:,} shards"
            click.echo(f"sample: {shards}, drawn by the hash of their names; the others are not read", err=True)
        for share, interval in plan.expected.items():
            expected = _span(interval)
            if share in plan.apart:
                expected += (
                    f" if all shards are similar, {_span(plan.apart[share])} if each shard is all synthetic or all real"
                )
            click.echo(
                f"if {100 * share:.0f} % of them were synthetic, the estimate would be about {expected}", err=True
            )

    def advanced(self, rows: int) -> None:
        """Advances by the rows of a finished shard."""
        self._bar.advance(self._task, rows)
        speed = self._bar.tasks[0].speed
        self._bar.update(self._task, rate=f"{speed:,.0f} rows/s" if speed else "")

    def fetching(self, urls: int) -> None:
        """Announces how many images will be fetched."""
        if not self._quiet:
            click.echo(f"fetching {urls:,} images, at most one per second from each host", err=True)
        self._fetching = self._bar.add_task("", total=urls, rate="fetched")

    def fetched(self) -> None:
        """Advances by one fetched image."""
        self._bar.advance(self._fetching)


def _duration(seconds: float) -> str:
    return f"{seconds / 60:,.0f} minutes" if seconds < _HOURS else f"{seconds / 3600:,.1f} hours"


def _span(interval: Interval) -> str:
    return sentences.span(interval.low, interval.high)
