"""Two audits side by side: what rose, what fell, and whether that is more than noise. Pure.

Counts (a share of images) are compared by Fisher's exact test, two-sided, at 5 % over a family: each family of many
comparisons (sources, formats …) has Holm's correction. The interval of a difference is MOVER's (Zou & Donner 2008;
Newcombe's square-and-add), from the Clopper-Pearson intervals of both. Estimates have intervals and no counts: a change
is more than noise where MOVER's interval of the difference leaves out zero, if one detector made both.

The two datasets are taken as independent samples. Rows that are in both make the test conservative: it finds less. Rows
of whole shards that were drawn at random are not independent, and rows may count differently: of such audits no test of
counts is made, and the shares with intervals of their own are compared alone, the estimate and what is declared. What
differs in how they were audited can change a number without any image having changed: notes say so.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from auditor.estimate.intervals import clopper_pearson
from auditor.results import OTHERS, Audit, Decision

LEVEL = 0.05
TEST = "Fisher's exact test, two-sided, at 5 %, with Holm's correction within a table"
_LEAST = 30  # images on either side below which a part is not compared
ROSE, FELL, NOISE, UNKNOWN = "rose", "fell", "no more than noise", "unknown"


@dataclass(frozen=True, slots=True)
class Side:
    """One share: of n rows or images, where it was counted; with its 95 % interval."""

    share: float
    low: float
    high: float
    n: int
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One share in both audits. difference (after minus before) with its interval; p_value: corrected, None where the
    intervals alone were held against each other; verdict: rose, fell, no more than noise, unknown.
    """

    table: str
    name: str
    before: Side | None
    after: Side | None
    difference: tuple[float, float, float] | None = None
    p_value: float | None = None
    verdict: str = UNKNOWN


@dataclass(frozen=True, slots=True)
class AuditDiff:
    """Everything that was compared, in tables, and what stands in the way of comparing."""

    before: Audit
    after: Audit
    decisions: tuple[Decision | None, Decision | None]
    changes: tuple[Change, ...]
    notes: tuple[str, ...]

    def table(self, name: str) -> tuple[Change, ...]:
        """The changes of one table."""
        return tuple(change for change in self.changes if change.table == name)

    @property
    def tables(self) -> tuple[str, ...]:
        """Their names, in order."""
        return tuple(dict.fromkeys(change.table for change in self.changes))


def compare(
    before: Audit, after: Audit, decisions: tuple[Decision | None, Decision | None] = (None, None)
) -> AuditDiff:
    """The comparison; decisions: what was decided about each, where it is known."""
    tables = (_overall(before, after), _coverage(before, after), _hits(before, after), _generators(before, after))
    changes = [change for table in (*tables, *_strata(before, after)) for change in _holm(table)]
    if _is_uneven(before) or _is_uneven(after):
        changes = [_declared(before, after), *(_untested(change) for change in changes[1:])]
    changes.insert(0, _estimate(before, after))
    return AuditDiff(before, after, decisions, tuple(changes), tuple(_notes(before, after)))


def _is_uneven(audit: Audit) -> bool:
    """Whether its rows are not so many equal ones, drawn one by one."""
    return audit.shards is not None or audit.weights is not None


def _estimate(before: Audit, after: Audit) -> Change:
    one, two = before.estimate, after.estimate
    left, right = ((e and Side(e.point, e.low, e.high, e.n)) or None for e in (one, two))
    change = Change("overall", "synthetic fraction, estimated", left, right)
    if one is None or two is None or left is None or right is None or one.detector != two.detector:
        return change
    difference = mover(left, right)
    return replace(change, difference=difference, verdict=_verdict(difference[1] > 0, difference[2] < 0))


def _declared(before: Audit, after: Audit) -> Change:
    """By the intervals alone, as they are wider than their counts'."""
    left, right = (_as_sample(audit) for audit in (before, after))
    change = Change("overall", "declared synthetic or marked", left, right)
    if left is None or right is None:
        return change
    difference = mover(left, right)
    return replace(change, difference=difference, verdict=_verdict(difference[1] > 0, difference[2] < 0))


def _as_sample(audit: Audit) -> Side | None:
    confirmed = audit.confirmed
    if confirmed.share is None or confirmed.source_interval is None:
        return None
    return Side(confirmed.share, *confirmed.source_interval, confirmed.n, confirmed.count)


def _untested(change: Change) -> Change:
    return replace(change, difference=None, p_value=None, verdict=UNKNOWN)


def _overall(before: Audit, after: Audit) -> list[Change]:
    def sides(*, rows: bool) -> list[tuple[int, int]]:
        if rows:
            return [(audit.counts.unreadable, audit.counts.rows) for audit in (before, after)]
        return [(audit.confirmed.count, audit.confirmed.n) for audit in (before, after)]

    return [
        _counted("overall", "declared synthetic or marked", *sides(rows=False)),
        _counted("overall", "unreadable rows", *sides(rows=True)),
    ]


def _coverage(before: Audit, after: Audit) -> list[Change]:
    return [
        _counted("coverage", kind, *((a.coverage[kind].evaluable, a.counts.rows) for a in (before, after)))
        for kind in before.coverage
        if kind in after.coverage
    ]


def _hits(before: Audit, after: Audit) -> list[Change]:
    """Of the rows on which a detector could look."""
    pairs = ((id, before.detectors[id], after.detectors[id]) for id in before.detectors if id in after.detectors)
    return [_counted("hits", id, *((one.hits, one.evaluable) for one in pair)) for id, *pair in pairs]


def _generators(before: Audit, after: Audit) -> list[Change]:
    names = dict.fromkeys([*before.confirmed.generators, *after.confirmed.generators])
    return [
        _counted("generators", name, *((a.confirmed.generators.get(name, 0), a.confirmed.n) for a in (before, after)))
        for name in names
    ]


def _strata(before: Audit, after: Audit) -> Iterable[list[Change]]:
    """Parts that are in both audits; OTHERS are not the same parts in both."""
    sides = [{(s.by, s.value): (s.synthetic, s.ok) for s in audit.subgroups} for audit in (before, after)]
    for by in dict.fromkeys(stratum.by for stratum in before.subgroups):
        both = [key for key in sides[0] if key[0] == by and key in sides[1] and key[1] != OTHERS]
        yield [_counted(by, key[1], *(side[key] for side in sides), least=_LEAST) for key in both]


def _counted(table: str, name: str, before: tuple[int, int], after: tuple[int, int], *, least: int = 1) -> Change:
    """Two counts with what they are of."""
    sides = [Side(count / n, *clopper_pearson(count, n), n, count) if n else None for count, n in (before, after)]
    change = Change(table, name, sides[0], sides[1])
    if sides[0] is None or sides[1] is None or min(before[1], after[1]) < least:
        return change
    return replace(change, difference=mover(sides[0], sides[1]), p_value=fisher(before, after))


def fisher(before: tuple[int, int], after: tuple[int, int]) -> float:
    """The two-sided p-value of Fisher's exact test on two counts of n."""
    from scipy.stats import fisher_exact

    table = [[count, n - count] for count, n in (before, after)]
    return min(1.0, float(fisher_exact(table)[1]))


def mover(before: Side, after: Side) -> tuple[float, float, float]:
    """after - before with the interval that the two intervals make: square and add."""
    difference = after.share - before.share
    low = difference - math.hypot(after.share - after.low, before.high - before.share)
    high = difference + math.hypot(after.high - after.share, before.share - before.low)
    return difference, max(low, -1.0), min(high, 1.0)


def _holm(changes: Sequence[Change]) -> list[Change]:
    """Holm's step-down correction over a table, and each one's verdict."""
    tested = sorted((c.p_value, place) for place, c in enumerate(changes) if c.p_value is not None)
    found, worst = list(changes), 0.0
    for rank, (p_value, place) in enumerate(tested):
        worst = max(worst, min(1.0, p_value * (len(tested) - rank)))
        change = found[place]
        assert change.difference is not None
        rose = change.difference[0] > 0
        is_real = worst < LEVEL
        found[place] = replace(change, p_value=worst, verdict=_verdict(rose and is_real, not rose and is_real))
    return found


def _verdict(rose: bool, fell: bool) -> str:
    return ROSE if rose else FELL if fell else NOISE


def _notes(before: Audit, after: Audit) -> Iterable[str]:
    """What else differs between the two, and could move a number."""
    if before.digests.of_data == after.digests.of_data:
        yield "both audits are of the same dataset, byte for byte: whatever differs comes of how it was audited"
    if before.tool != after.tool:
        yield f"the tool differs: {' '.join(before.tool.values())} and {' '.join(after.tool.values())}"
    one, two = before.digests.detectors, after.digests.detectors
    if changed := sorted(id for id in {*one, *two} if one.get(id) != two.get(id)):
        yield f"detectors differ, or their versions: {', '.join(changed)}"
    options = before.config.options, after.config.options
    for name in options[0]:
        if name != "detectors" and options[0][name] != options[1][name]:
            yield f"the configuration differs: {name}"
    if before.shards or after.shards:
        yield "an audit is of some whole shards, whose rows are not independent: counts are shown and not tested"
    if before.weights or after.weights:
        yield "rows of an audit do not count the same: shares are of their weight, and counts are shown and not tested"
    calibrations = [audit.estimate and audit.estimate.calibration for audit in (before, after)]
    if None not in calibrations and calibrations[0] != calibrations[1]:
        yield "the estimates rest on different calibrations"
