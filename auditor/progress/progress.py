"""What a run says on stderr: what it is going to do, and how far it is."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING

import click

from auditor import sentences
from auditor.progress.displays import Display, display_for
from auditor.progress.pace import Pace, duration
from auditor.types import Need

if TYPE_CHECKING:
    from auditor.audit import Plan
    from auditor.estimate.intervals import Interval

_WORTH_TELLING = 90  # seconds


class Progress:
    """Reports on a run: always prints how much earlier evidence is kept, redone or dropped."""

    def __init__(self, *, quiet: bool, display: Display | None = None) -> None:
        self._quiet = quiet
        self._display = display or display_for(quiet=quiet)
        self._pace = self._fetching = Pace(())

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._display.stop()

    def planned(self, plan: Plan) -> None:
        """Prints which reader reads which input, and what happens to earlier evidence; begins to show progress."""
        if not self._quiet:
            for line in _lines(plan):
                click.echo(line, err=True)
        self._pace = Pace.of(plan)
        if plan.todo:
            self._display.start("scanning", self._pace)

    def advanced(self, rows: int) -> None:
        """Advances by the rows of a finished shard."""
        self._pace.advance(rows)
        if self._pace.is_done:  # what is left takes minutes if there are many rows
            self._display.start("aggregating", self._pace)
        else:
            self._display.update()

    def incomplete(self, shards: int) -> None:
        """Warns that rows are missing."""
        what = sentences.counted(shards, "shard")
        click.echo(f"WARNING: a store failed while {what} were read: the same command again reads them again", err=True)

    def fetching(self, urls: int) -> None:
        """Announces how many images will be fetched."""
        if not self._quiet:
            click.echo(f"fetching {urls:,} images, at most one per second from each host", err=True)
        self._fetching = Pace([1] * urls, unit="images")
        if urls:
            self._display.start("fetching", self._fetching)

    def fetched(self) -> None:
        """Advances by one fetched image. After the last one, the scan begins."""
        self._fetching.advance(1)
        self._display.update()
        if self._fetching.is_done:
            self._pace.restart()
            self._display.start("scanning", self._pace)

    def not_fetched(self, images: int) -> None:
        """Warns that a later attempt may fetch more."""
        what = f"{sentences.counted(images, 'image')} could not be fetched for a transient reason"
        click.echo(f"WARNING: {what} (an outage, no such host): the same command with --restart tries again", err=True)


def _lines(plan: Plan) -> Iterator[str]:
    """What a run is going to do."""
    for input, reader in plan.inputs:
        count = sum(shard.input.name == input.name for shard in plan.shards)
        yield f"reading {input.name!r} as {reader.id}: {sentences.counted(count, 'shard')}"
    for rows, what in (
        (plan.kept, "rows are already done"),
        (
            plan.redone,
            "rows have changed or were incomplete, or come from another configuration or detector version: redone",
        ),
        (plan.dropped, "rows are no longer in the input or the sample of shards: dropped"),
    ):
        if rows:
            yield f"{rows:,} {what}"
    yield from _sample_lines(plan)
    if plan.seconds is not None and plan.seconds >= _WORTH_TELLING:
        yield f"the classifier will take about {duration(plan.seconds)}"
    if plan.part:
        shards = f"{plan.part.read:,} of {plan.part.of:,} shards"
        yield f"sample: {shards}, drawn by the hash of their names; the others are not read"
    for share, interval in plan.expected.items():
        expected = _span(interval)
        if share in plan.apart:
            expected += (
                f" if all shards are similar, {_span(plan.apart[share])} if each shard is all synthetic or all real"
            )
        yield f"if {100 * share:.0f} % of the images were synthetic, the estimate would be about {expected}"


def _sample_lines(plan: Plan) -> Iterator[str]:
    if not plan.sample_plan:
        return
    stratified = ", stratified by domain" if plan.sample_plan.allocation else ""
    drawn = f"{plan.sample_plan.rows:,} of {plan.sample_plan.population_size:,} rows"
    if plan.part:
        drawn += " of the shards below"
    yield f"sample: {drawn}, drawn by the hash of their keys{stratified}"
    if plan.sample_plan.depth_outside_sample > Need.ROW:
        yield "metadata are read of all rows; --sample all decodes and classifies all of them"


def _span(interval: Interval) -> str:
    return sentences.span(interval.low, interval.high)
