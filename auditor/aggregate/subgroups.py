"""Streaming tally of subgroups, by source, shard, format, size and year: rows, evidence and scores of each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from auditor.aggregate.groups import add_sums, grouped, shards_of, summed
from auditor.estimate.counts import NO_ROW, UNSAMPLED, EvidenceCounts, EvidenceMasks, moments_of
from auditor.estimate.design import ClusterSample, FullScan, SamplingDesign, row_design
from auditor.estimate.intervals import Interval
from auditor.estimate.partial_pooling import Group, GroupFraction, group_fractions
from auditor.estimate.prevalence import Scored
from auditor.estimate.score_distributions import Bins
from auditor.estimate.weights import NO_ROWS, WeightSums
from auditor.results import OTHERS, SUBGROUP_KINDS, Subgroup, SubgroupEstimate

_MAX_LISTED = 50  # subgroups of a kind that are listed because they are large, and because much of them is suspicious
_SIZES = ((256, "up to 256"), (512, "up to 512"), (1024, "up to 1024"), (2048, "up to 2048"))
_MOMENTS = ("score.rows", "score.total", "score.squares")


@dataclass(frozen=True, slots=True)
class SubgroupCounts:
    """Counts of a subgroup. rows: of any status. bins: the undecided rows of each bin (score_distributions.Bins), and
    those without a score as the last element; empty without a classifier."""

    by: str
    value: str
    rows: int
    evidence: EvidenceCounts
    bins: tuple[WeightSums, ...] = ()

    def scored(self, start: int = 0) -> WeightSums:
        """The undecided rows whose score is in the bin `start` or a higher one."""
        return sum(self.bins[start:-1], NO_ROWS)

    def group(self) -> Group:
        """The subgroup for partial pooling. Its scores count as the effective number of independent rows."""
        scored, design = self.scored(), self.evidence.design
        factor = design.n_eff(NO_ROWS, scored) / scored.total if scored.total else 0.0
        unseen = self.bins[-1].total if self.bins else 0.0
        return Group(self.evidence, tuple(sums.total * factor for sums in self.bins[:-1]), scored.total, unseen)

    def subgroup(self, likely_synthetic: int, fraction: GroupFraction | None) -> Subgroup:
        """The subgroup of an audit. likely_synthetic: the first bin that is."""
        evidence = self.evidence
        share = evidence.share
        low, high = evidence.source_interval or (None, None)
        return Subgroup(
            self.by,
            self.value,
            self.rows,
            evidence.readable.rows,
            evidence.confirmed.rows,
            evidence.edited.rows,
            share.point if share else None,
            low,
            high,
            scored=self.scored().rows,
            flagged=self.scored(likely_synthetic).rows,
            estimate=_estimate(fraction) if fraction else None,
        )


def _estimate(found: GroupFraction) -> SubgroupEstimate:
    fraction = found.fraction
    return SubgroupEstimate(
        fraction.point, fraction.low, fraction.high, found.fraction_without, found.is_mostly_synthetic
    )


def estimated(counts: Sequence[SubgroupCounts], scored: Scored | None, whole: Interval | None) -> tuple[Subgroup, ...]:
    """The subgroups of an audit, by kind; those first without which the dataset would be least synthetic.

    counts: grouped by kind. scored, whole: the scores and the estimate of the dataset; without them, or without
    a scored row, subgroups have no estimate, and those with the highest lower bound of the confirmed share come first.
    """
    found: list[Subgroup] = []
    for _, members in groupby(counts, key=lambda each: each.by):
        kind = list(members)
        fractions = _fractions(kind, scored, whole) if scored and whole and scored.counts.scored.rows else {}
        likely_synthetic = scored.bins.likely_synthetic if scored else 0
        subgroups = [each.subgroup(likely_synthetic, fractions.get(each.value)) for each in kind]
        found += sorted(subgroups, key=_by_removal)
    return tuple(found)


def _fractions(kind: Sequence[SubgroupCounts], scored: Scored, whole: Interval) -> dict[str, GroupFraction]:
    """The fraction of each subgroup with a readable row of a weight above 0, by its value."""
    readable = [each for each in kind if each.evidence.readable.total]
    if not readable:
        return {}
    fractions = group_fractions([each.group() for each in readable], scored.predicted_for_group, whole)
    return {each.value: fraction for each, fraction in zip(readable, fractions, strict=True)}


def _by_removal(subgroup: Subgroup) -> tuple[bool, float, float]:
    left = subgroup.estimate.fraction_without if subgroup.estimate else None
    return subgroup.value == OTHERS, 1.0 if left is None else left, -(subgroup.low or 0.0)


class SubgroupTally:
    """Sums over batches of evidence; memory grows with the number of sources, not rows. bins: None without
    a classifier."""

    def __init__(self, bins: Bins | None) -> None:
        self._bins = bins
        self._rows: dict[str, list[pa.Table]] = defaultdict(list)
        self._moments: dict[str, list[pa.Table]] = defaultdict(list)
        self._scores: dict[str, list[pa.Table]] = defaultdict(list)

    def add(
        self, column: Mapping[str, pa.Array], masks: EvidenceMasks, weights: np.ndarray, bins: np.ndarray | None
    ) -> None:
        """Adds one batch. column: its columns by name. weights: float64 (rows,). bins: as ScoreTally.add returns it."""
        rows = np.flatnonzero(masks.readable | masks.unsampled)  # of other rows, all moments are 0
        moments = moments_of(masks.of(rows), weights[rows])
        undecided = np.flatnonzero(bins >= 0) if bins is not None else np.empty(0, int)
        scores = dict(zip(_MOMENTS, (weights[undecided] ** power for power in range(3)), strict=True))
        for by, values in _values(column).items():
            value, count = values.value_counts().flatten()
            add_sums(self._rows[by], pa.table({"value": value, "rows": count}), ["value"])
            if len(rows):
                add_sums(self._moments[by], summed(values.take(pa.array(rows)), moments), ["value"])
            if bins is not None and len(undecided):
                of_scores = pa.table({"value": values.take(pa.array(undecided)), "bin": bins[undecided], **scores})
                add_sums(self._scores[by], grouped([of_scores], ["value", "bin"]), ["value", "bin"])

    def result(self, design: SamplingDesign) -> tuple[SubgroupCounts, ...]:
        """The counts of listed subgroups, by kind, the largest first. design: of the dataset; subgroups of a cluster
        sample are assumed to have the design effect of the whole, and shards consist of rows."""
        of_rows = FullScan(design.anytime_valid)
        return tuple(
            counts
            for by in SUBGROUP_KINDS
            if by in self._rows
            for counts in self._subgroups(by, of_rows if by == "shard" else design)
        )

    def _subgroups(self, by: str, design: SamplingDesign) -> Iterator[SubgroupCounts]:
        order = [("rows", "descending"), ("value", "ascending")]
        groups, bins = self._sums_of(by).sort_by(order), self._bins_of(by)
        large = np.arange(min(_MAX_LISTED, len(groups)))
        small = self._suspicious(groups, len(large), bins, design)
        chosen = np.concatenate([large, small])
        listed = groups.take(pa.array(chosen)).to_pylist()
        others = groups.filter(pa.array(~np.isin(np.arange(len(groups)), chosen)))
        if len(others):
            sums = [name for name in others.column_names if name != "value"]
            listed.append({"value": OTHERS, **{name: pc.sum(others[name]).as_py() for name in sums}})
            unlisted = bins.keys() & set(others["value"].to_pylist())
            bins[OTHERS] = sum((bins[value] for value in sorted(unlisted)), bins[OTHERS])
        for row in listed:
            of_bins = tuple(WeightSums(int(rows), *sums) for rows, *sums in bins[row["value"]].tolist())
            yield SubgroupCounts(by, row["value"], row["rows"], _evidence(row, design), of_bins)

    def _sums_of(self, by: str) -> pa.Table:
        """The rows and moments of each value; 0 for moments that no row has."""
        none = {"value": pa.array([], pa.string()), **moments_of(NO_ROW, np.zeros(0))}
        every = [*self._rows[by], *self._moments[by], pa.table(none)]
        sums = grouped([pa.concat_tables(every, promote_options="default")], ["value"])
        filled = [sums[name] if name == "value" else sums[name].fill_null(0) for name in sums.column_names]
        return pa.table(filled, sums.column_names)

    def _bins_of(self, by: str) -> dict[str, np.ndarray]:
        """Value → the moments of each bin, float64 (bins + 1, 3); (0, 3) without a classifier."""
        shape = (0 if self._bins is None else len(self._bins) + 1, len(_MOMENTS))
        bins: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(shape))
        if self._scores[by]:
            table = grouped(self._scores[by], ["value", "bin"])
            moments = np.column_stack([table[name].to_numpy() for name in _MOMENTS])
            for value, bin, row in zip(table["value"].to_pylist(), table["bin"].to_pylist(), moments, strict=True):
                bins[value][bin] = row
        return bins

    def _suspicious(
        self, groups: pa.Table, first: int, bins: Mapping[str, np.ndarray], design: SamplingDesign
    ) -> np.ndarray:
        """The groups from number `first` on with the most confirmed and flagged rows, and for any minimum size the one
        with the highest lower bound of the confirmed share (rule `worst-source`). They are listed although they are
        small.

        Returns their numbers, int64.
        """
        likely_synthetic = self._bins.likely_synthetic if self._bins else 0
        flagged = {value: float(sums[likely_synthetic:-1, 1].sum()) for value, sums in bins.items()}
        may_be = pc.or_(
            pc.greater(groups["confirmed.total"], 0),
            pc.is_in(groups["value"], pa.array([value for value, n in flagged.items() if n], pa.string())),
        )
        numbers = [number for number in np.flatnonzero(np.asarray(may_be)).tolist() if number >= first]
        rows = dict(zip(numbers, groups.take(pa.array(numbers, pa.int64())).to_pylist(), strict=True))

        def rank(number: int) -> tuple[float, str]:
            row = rows[number]
            return -(row["confirmed.total"] + flagged.get(row["value"], 0.0)), row["value"]

        found = dict.fromkeys(sorted(numbers, key=rank)[:_MAX_LISTED])
        bounds = {n: _lower_bound(row, design) for n, row in rows.items() if row["confirmed.rows"]}
        highest = 0.0
        for number in sorted(bounds, key=lambda n: (-rows[n]["readable.rows"], -bounds[n], rows[n]["value"])):
            if bounds[number] > highest:
                highest = bounds[number]
                found[number] = None
        return np.array(list(found), np.int64)


def _evidence(row: Mapping[str, Any], design: SamplingDesign) -> EvidenceCounts:
    if not isinstance(design, ClusterSample):
        design = row_design(row[UNSAMPLED], anytime_valid=design.anytime_valid)
    return EvidenceCounts.of(row, design)


def _lower_bound(row: Mapping[str, Any], design: SamplingDesign) -> float:
    low, _ = _evidence(row, design).source_interval or (0.0, 1.0)
    return low


def _values(column: Mapping[str, pa.Array]) -> dict[str, pa.Array]:
    """Kind of subgroup → the value of each row."""
    side = pc.max_element_wise(column["width"], column["height"]).fill_null(0).to_numpy(zero_copy_only=False)
    size = np.where(side == 0, len(_SIZES) + 1, np.searchsorted([limit for limit, _ in _SIZES], side))
    names = pa.array([*(name for _, name in _SIZES), "over 2048", "unknown"], pa.string())
    shard = shards_of(column["image"])
    return {
        **({"shard": shard.fill_null("(none)")} if shard.null_count < len(shard) else {}),
        "source": column["source"],
        "format": column["format"].fill_null("unknown"),
        "size": names.take(pa.array(size)),
        "year": column["year"].cast(pa.string()).fill_null("unknown"),
    }
