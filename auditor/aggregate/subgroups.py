"""Streaming tally of subgroups, by source, shard, format, size and year: rows, readable rows, confirmed share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from auditor.estimate.counts import UNSAMPLED, EvidenceCounts, EvidenceMasks, moments_of
from auditor.estimate.design import ClusterSample, SamplingDesign, row_design
from auditor.results import OTHERS, Subgroup

_MERGE_EVERY = 32
_MAX_LISTED = 50  # largest subgroups of a kind that are listed; the others are summed up as "(others)"
_MIN_WORST_ROWS = (20, 100, 500, 2000)
_MAX_WORST = 5  # subgroups per minimum size
_SIZES = ((256, "up to 256"), (512, "up to 512"), (1024, "up to 1024"), (2048, "up to 2048"))
# The tar or table that contains an image: the part of `image` before `::` or `#`.
_SHARD = r"^(?P<shard>.*?\.(?i:tar|tar\.\w+|tgz|parquet|csv|tsv|jsonl|json))(?:::|#)"


class SubgroupTally:
    """Sums over batches of evidence; memory grows with the number of sources, not rows."""

    def __init__(self) -> None:
        self._groups: dict[str, list[pa.Table]] = {}

    def add(self, column: Mapping[str, pa.Array], masks: EvidenceMasks, weights: np.ndarray) -> None:
        """Adds one batch. column: its columns by name. weights: float64 (rows,)."""
        sums = {"rows": np.ones(len(weights), np.int64), **moments_of(masks, weights)}
        for by, values in _values(column).items():
            groups = self._groups.setdefault(by, [])
            groups.append(_grouped([pa.table({"value": values, **sums})]))
            if len(groups) >= _MERGE_EVERY:
                self._groups[by] = [_grouped(groups)]

    def result(self, design: SamplingDesign) -> tuple[Subgroup, ...]:
        """The subgroups of all kinds, the largest first. design: of the dataset; subgroups of a cluster sample are
        assumed to have the design effect of the whole."""
        clusters = design if isinstance(design, ClusterSample) else None
        return tuple(
            subgroup
            for by in sorted(self._groups)
            for subgroup in self._subgroups(by, clusters if by != "shard" else None)
        )

    def _subgroups(self, by: str, clusters: ClusterSample | None) -> Iterator[Subgroup]:
        groups = _grouped(self._groups[by]).to_pylist()
        groups.sort(key=lambda row: (-row["rows"], row["value"]))
        listed, others = groups[:_MAX_LISTED], groups[_MAX_LISTED:]
        worst = _worst(others, clusters) if by == "source" else []
        listed += worst
        others = [row for row in others if row not in worst]
        if others:
            sums = [name for name in others[0] if name != "value"]
            listed.append({"value": OTHERS, **{name: sum(row[name] for row in others) for name in sums}})
        for row in listed:
            evidence = _evidence(row, clusters)
            share = evidence.share
            yield Subgroup(
                by,
                row["value"],
                row["rows"],
                evidence.readable.rows,
                evidence.confirmed.rows,
                evidence.edited.rows,
                share.point if share else None,
                *(evidence.source_interval or (None, None)),
            )


def _evidence(row: Mapping[str, Any], clusters: ClusterSample | None) -> EvidenceCounts:
    return EvidenceCounts.of(row, clusters or row_design(row[UNSAMPLED]))


def _worst(rows: list[dict[str, Any]], clusters: ClusterSample | None) -> list[dict[str, Any]]:
    """The groups with the highest lower bound of the confirmed share, for each minimum size. They are listed although
    they are small."""
    worst: list[dict[str, Any]] = []
    for min_rows in _MIN_WORST_ROWS:
        large = [row for row in rows if row["readable.rows"] >= min_rows and row["confirmed.rows"]]
        large.sort(key=lambda row: (-_lower_bound(row, clusters), row["value"]))
        worst += [row for row in large[:_MAX_WORST] if row not in worst]
    return worst


def _lower_bound(row: Mapping[str, Any], clusters: ClusterSample | None) -> float:
    low, _ = _evidence(row, clusters).source_interval or (0.0, 1.0)
    return low


def _values(column: Mapping[str, pa.Array]) -> dict[str, pa.Array]:
    """Kind of subgroup → the value of each row."""
    side = pc.max_element_wise(column["width"], column["height"]).fill_null(0).to_numpy(zero_copy_only=False)
    index = np.searchsorted([limit for limit, _ in _SIZES], side)
    names = np.array([name for _, name in _SIZES] + ["over 2048"], dtype=object)[index]
    names[side == 0] = "unknown"
    shard = pc.extract_regex(column["image"], _SHARD).field("shard")
    shards = {"shard": shard.fill_null("(none)")} if shard.null_count < len(shard) else {}
    return {
        **shards,
        "source": column["source"],
        "format": column["format"].fill_null("unknown"),
        "size": pa.array(names, pa.string()),
        "year": column["year"].cast(pa.string()).fill_null("unknown"),
    }


def _grouped(tables: list[pa.Table]) -> pa.Table:
    sums = [name for name in tables[0].column_names if name != "value"]
    grouped = pa.concat_tables(tables).group_by("value").aggregate([(name, "sum") for name in sums])
    return grouped.select(["value", *(f"{name}_sum" for name in sums)]).rename_columns(["value", *sums])
