"""Comparison of two audits: which shares rose or fell, and whether that is more than noise. Pure.

Counts (shares of images) are compared by Fisher's exact test, two-sided, at 5 % per table: each table of many
comparisons (sources, formats …) has Holm's correction. The interval of a difference is MOVER's (Zou & Donner 2008;
Newcombe's square-and-add), from the Clopper-Pearson intervals of both shares. Estimates have intervals and no counts: a
change is more than noise if MOVER's interval of the difference excludes zero and both estimates come from one detector.

The datasets are treated as independent samples; shared rows make the test conservative. Rows of randomly drawn shards
are not independent, and rows may have different weights: counts of such audits are not tested, and only the estimate
and the confirmed share are compared, by their own intervals. Different versions or options can change a number although
no image has changed: notes name them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from auditor.decision import Decision
from auditor.estimate.intervals import clopper_pearson
from auditor.results import OTHERS, Audit, Subgroup

LEVEL = 0.05
TEST = "Fisher's exact test, two-sided, at 5 %, with Holm's correction within a table"
_MIN_IMAGES = 30  # on either side; smaller subgroups are not compared
ROSE, FELL, NOISE, UNTESTED, UNKNOWN = "rose", "fell", "no more than noise", "not tested", "unknown"


@dataclass(frozen=True, slots=True)
class Side:
    """A share of n rows or images with its 95 % interval; count: None if the share is an estimate."""

    share: float
    low: float
    high: float
    n: int
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One share in both audits. difference (after minus before) with its interval; p_value: corrected; None if
    only the intervals were compared; verdict: rose, fell, no more than noise, not tested, unknown.
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
    """All changes, in tables, and notes on differences that affect the comparison."""

    before: Audit
    after: Audit
    decisions: tuple[Decision | None, Decision | None]
    changes: tuple[Change, ...]
    notes: tuple[str, ...]

    def table(self, name: str) -> tuple[Change, ...]:
        """The changes in a table."""
        return tuple(change for change in self.changes if change.table == name)

    @property
    def is_identical(self) -> bool:
        """Whether the audits have the same rows, results and configuration; decisions may differ."""
        return self.before == self.after

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables' names, in order."""
        return tuple(dict.fromkeys(change.table for change in self.changes))


def compare(
    before: Audit, after: Audit, decisions: tuple[Decision | None, Decision | None] = (None, None)
) -> AuditDiff:
    """The comparison. decisions: the decision about each audit, if known."""
    tables = (_overall(before, after), _coverage(before, after), _hits(before, after), _generators(before, after))
    changes = [change for table in (*tables, *_subgroups(before, after)) for change in _holm(table)]
    if _is_uneven(before) or _is_uneven(after):
        changes = [_confirmed(before, after), *(_untested(change) for change in changes[1:])]
    changes.insert(0, _estimate(before, after))
    return AuditDiff(before, after, decisions, tuple(changes), tuple(_notes(before, after)))


def _is_uneven(audit: Audit) -> bool:
    """Whether its rows are clustered in shards or weighted, or only a sample of them was examined in full."""
    return audit.shards is not None or audit.weights is not None or audit.sample is not None


def _estimate(before: Audit, after: Audit) -> Change:
    first, second = before.estimate, after.estimate
    left, right = ((e and Side(e.point, e.low, e.high, e.n)) or None for e in (first, second))
    change = Change("overall", "synthetic fraction, estimated", left, right)
    if first is None or second is None or left is None or right is None or first.detector != second.detector:
        return change
    difference = mover(left, right)
    return replace(change, difference=difference, verdict=_verdict(difference[1] > 0, difference[2] < 0))


def _confirmed(before: Audit, after: Audit) -> Change:
    """Compared by the intervals alone, because they are wider than those of the counts."""
    left, right = (_confirmed_side(audit) for audit in (before, after))
    change = Change("overall", "confirmed synthetic", left, right)
    if left is None or right is None:
        return change
    difference = mover(left, right)
    return replace(change, difference=difference, verdict=_verdict(difference[1] > 0, difference[2] < 0))


def _confirmed_side(audit: Audit) -> Side | None:
    confirmed = audit.confirmed
    if confirmed.share is None or confirmed.source_interval is None:
        return None
    return Side(confirmed.share, *confirmed.source_interval, confirmed.n, confirmed.count)


def _untested(change: Change) -> Change:
    verdict = UNTESTED if change.before and change.after else UNKNOWN
    return replace(change, difference=None, p_value=None, verdict=verdict)


def _overall(before: Audit, after: Audit) -> list[Change]:
    def sides(*, rows: bool) -> list[tuple[int, int]]:
        if rows:
            return [(counts.unreadable, counts.rows) for counts in (a.sample or a.counts for a in (before, after))]
        return [(audit.confirmed.count, audit.confirmed.n) for audit in (before, after)]

    return [
        _counted("overall", "confirmed synthetic", *sides(rows=False)),
        _counted("overall", "unreadable rows", *sides(rows=True)),
    ]


def _coverage(before: Audit, after: Audit) -> list[Change]:
    return [
        _counted("coverage", kind, *((a.coverage[kind].evaluable, a.counts.rows) for a in (before, after)))
        for kind in before.coverage
        if kind in after.coverage
    ]


def _hits(before: Audit, after: Audit) -> list[Change]:
    """As shares of the rows that the detector could check."""
    pairs = ((id, before.detectors[id], after.detectors[id]) for id in before.detectors if id in after.detectors)
    return [_counted("hits", id, *((tally.hits, tally.evaluable) for tally in pair)) for id, *pair in pairs]


def _generators(before: Audit, after: Audit) -> list[Change]:
    names = dict.fromkeys([*before.confirmed.generators, *after.confirmed.generators])
    is_of_confirmed = before.sample is not None or after.sample is not None  # whose number says nothing of all images
    return [
        _counted(
            "generators",
            name,
            *(
                (c.generators.get(name, 0), c.count if is_of_confirmed else c.n)
                for c in (before.confirmed, after.confirmed)
            ),
        )
        for name in names
    ]


def _subgroups(before: Audit, after: Audit) -> Iterable[list[Change]]:
    """Subgroups that are in both audits. OTHERS is left out: it need not be the same subgroup."""
    is_uneven = _is_uneven(before) or _is_uneven(after)
    sides = [{(s.by, s.value): s for s in audit.subgroups} for audit in (before, after)]
    for by in dict.fromkeys(subgroup.by for subgroup in before.subgroups):
        both = [key for key in sides[0] if key[0] == by and key in sides[1] and key[1] != OTHERS]
        pairs = [(key[1], sides[0][key], sides[1][key]) for key in both]
        yield [
            Change(by, name, _subgroup_side(first), _subgroup_side(second))
            if is_uneven
            else _counted(by, name, (first.synthetic, first.ok), (second.synthetic, second.ok), min_n=_MIN_IMAGES)
            for name, first, second in pairs
        ]


def _subgroup_side(subgroup: Subgroup) -> Side | None:
    """By its share: the count of a sample is not of all of its rows."""
    if subgroup.share is None or subgroup.low is None or subgroup.high is None:
        return None
    return Side(subgroup.share, subgroup.low, subgroup.high, subgroup.ok, subgroup.synthetic)


def _counted(table: str, name: str, before: tuple[int, int], after: tuple[int, int], *, min_n: int = 1) -> Change:
    """A change between two shares, each a (count, n)."""
    sides = [Side(count / n, *clopper_pearson(count, n), n, count) if n else None for count, n in (before, after)]
    change = Change(table, name, sides[0], sides[1])
    if sides[0] is None or sides[1] is None or min(before[1], after[1]) < min_n:
        return change
    return replace(change, difference=mover(sides[0], sides[1]), p_value=fisher(before, after))


def fisher(before: tuple[int, int], after: tuple[int, int]) -> float:
    """The two-sided p-value of Fisher's exact test on two counts of n."""
    from scipy.stats import fisher_exact

    table = [[count, n - count] for count, n in (before, after)]
    return min(1.0, float(fisher_exact(table)[1]))


def mover(before: Side, after: Side) -> tuple[float, float, float]:
    """after - before, with its interval from the two intervals (square and add)."""
    difference = after.share - before.share
    low = difference - math.hypot(after.share - after.low, before.high - before.share)
    high = difference + math.hypot(after.high - after.share, before.share - before.low)
    return difference, max(low, -1.0), min(high, 1.0)


def _holm(changes: Sequence[Change]) -> list[Change]:
    """Holm's step-down correction over a table, and each change's verdict."""
    tested = sorted((c.p_value, index) for index, c in enumerate(changes) if c.p_value is not None)
    corrected, highest = list(changes), 0.0
    for rank, (p_value, index) in enumerate(tested):
        highest = max(highest, min(1.0, p_value * (len(tested) - rank)))
        change = corrected[index]
        assert change.difference is not None
        rose = change.difference[0] > 0
        is_significant = highest < LEVEL
        verdict = _verdict(rose and is_significant, not rose and is_significant)
        corrected[index] = replace(change, p_value=highest, verdict=verdict)
    return corrected


def _verdict(rose: bool, fell: bool) -> str:
    return ROSE if rose else FELL if fell else NOISE


def _notes(before: Audit, after: Audit) -> Iterable[str]:
    """Other differences between the two audits that can change a number."""
    if before == after:
        yield "identical: the same rows, results and configuration"
        return
    if before.digests.of_data == after.digests.of_data:
        yield "both audits are of the same dataset, byte for byte: differences come from options or versions"
    if before.tool != after.tool:
        yield f"the tool differs: {' '.join(before.tool.values())} and {' '.join(after.tool.values())}"
    first, second = before.digests.detectors, after.digests.detectors
    if changed := sorted(id for id in {*first, *second} if first.get(id) != second.get(id)):
        yield f"detectors or their versions differ: {', '.join(changed)}"
    options = before.config.options, after.config.options
    for name in options[0]:
        if name != "detectors" and options[0][name] != options[1][name]:
            yield f"the configuration differs: {name}"
    if before.shards or after.shards:
        yield "an audit read a sample of shards, whose rows are not independent: counts are shown but not tested"
    if before.sample or after.sample:
        yield (
            "an audit examined a sample of rows: counts are shown but not tested, and generators are shares of its "
            "confirmed images"
        )
    if before.weights or after.weights:
        yield "rows are weighted: shares are of their weight, and counts are shown but not tested"
    calibrations = [audit.estimate and audit.estimate.calibration for audit in (before, after)]
    if None not in calibrations and calibrations[0] != calibrations[1]:
        yield "the estimates use different calibrations"
