"""How far a run is: rows done, rows per second, and the time left. Pure but for the clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auditor.audit import Plan

Clock = Callable[[], float]  # seconds, from any start
_TEN = 10  # per second, from which on rates are whole numbers
_HOURS = 2 * 3600  # seconds from which hours are shown
_MINUTES = 90  # seconds from which minutes are shown


class Pace:
    """The rows of a run. Where shards do not say how many rows they have (tars), the number is estimated from the mean
    of the shards that are done, those of an earlier run included, or from the sample's population."""

    def __init__(
        self,
        known: Sequence[int | None],
        *,
        rows_per_shard: float | None = None,
        kept_shards: int = 0,
        unit: str = "rows",
        clock: Clock = time.monotonic,
    ) -> None:
        """known: rows of each shard to do, None if unknown. rows_per_shard: their mean, from elsewhere, which counts as
        much as kept_shards (at least one) shards."""
        self._known, self._unit, self._clock = known, unit, clock
        self._prior = (rows_per_shard, max(1, kept_shards)) if rows_per_shard else (0.0, 0)
        self.done = self._shards = 0
        self.restart()

    def restart(self) -> None:
        """Begin to measure the time."""
        self._start = self._clock()

    @classmethod
    def of(cls, plan: Plan, clock: Clock = time.monotonic) -> Pace:
        """Of the shards that a plan has to do."""
        kept = len(plan.shards) - len(plan.todo)
        mean = plan.kept / kept if kept else None
        if plan.sample_plan and plan.shards:
            mean, kept = plan.sample_plan.population_size / len(plan.shards), len(plan.shards)
        return cls([shard.rows for shard in plan.todo], rows_per_shard=mean, kept_shards=kept, clock=clock)

    def advance(self, rows: int) -> None:
        """Adds a finished shard."""
        self.done += rows
        self._shards += 1

    @property
    def is_done(self) -> bool:
        """Whether every shard is done."""
        return self._shards >= len(self._known)

    @property
    def is_exact(self) -> bool:
        """Whether the number of rows is known."""
        return None not in self._known

    @property
    def total(self) -> int | None:
        """The rows of the run, about where they are not known; None before anything tells."""
        if self.is_exact:
            return sum(rows or 0 for rows in self._known)
        mean, weight = self._prior
        if not weight + self._shards:
            return None
        left = len(self._known) - self._shards
        return self.done + round(max(0, left) * (mean * weight + self.done) / (weight + self._shards))

    @property
    def rate(self) -> float | None:
        """Rows per second since the start; None before the first shard is done."""
        seconds = self._clock() - self._start
        return self.done / seconds if self.done and seconds > 0 else None

    @property
    def seconds_left(self) -> float | None:
        """The time that the other rows will take at this rate."""
        return None if self.total is None or not self.rate else max(0, self.total - self.done) / self.rate

    def __str__(self) -> str:
        """`1,200 of about 5,000 rows (24 %), 35 rows/s, about 2 minutes left`, as far as known; `5,000 rows` in the
        end, when they are read and the time is spent on something else."""
        if self.is_done:
            return f"{self.done:,} {self._unit}"
        of = "" if self.total is None else f" of {'' if self.is_exact else 'about '}{self.total:,}"
        share = f" ({100 * self.done / self.total:.0f} %)" if self.total else ""
        return ", ".join([f"{self.done:,}{of} {self._unit}{share}", *self.speed])

    @property
    def speed(self) -> list[str]:
        """`35 rows/s` and `about 2 minutes left`, as far as known."""
        rate, left = self.rate, self.seconds_left
        parts = [f"{rate:,.{0 if rate >= _TEN else 1}f} {self._unit}/s"] if rate else []
        return parts if left is None or self.is_done else [*parts, f"about {duration(left)} left"]


def duration(seconds: float) -> str:
    """A rounded time in the unit that suits it."""
    if seconds < _MINUTES:
        return f"{seconds:,.0f} seconds"
    return f"{seconds / 60:,.0f} minutes" if seconds < _HOURS else f"{seconds / 3600:,.1f} hours"
