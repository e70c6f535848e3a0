"""A dataset in parts, by source, shard, format, size and year: rows, rows read, declared or matched share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from auditor.estimate.known import Known, counted
from auditor.results import OTHERS, Stratum

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_MERGE_EVERY = 32
_MOST = 50  # largest ones of a kind that are listed; the rest are one stratum, "(others)"
_LEAST_SIZES, _MOST_WORST = (20, 100, 500, 2000), 5
_SIZES = ((256, "up to 256"), (512, "up to 512"), (1024, "up to 1024"), (2048, "up to 2048"))
# The tar or table that an image lies in: what is before `::` or `#` in its place.
_SHARD = r"^(?P<shard>.*?\.(?i:tar|tar\.\w+|tgz|parquet|csv|tsv|jsonl|json))(?:::|#)"
_WEIGHT = "weight of "


class StrataTally:
    """Adds batches of evidence up; memory grows with the number of sources, not rows."""

    def __init__(self) -> None:
        self._groups: dict[str, list[pa.Table]] = {}

    def add(
        self,
        column: Mapping[str, pa.Array],
        indicators: Mapping[str, np.ndarray],
        weights: np.ndarray | None = None,
    ) -> None:
        """One batch: its columns by name, which rows count as what, and what they weigh (None: all the same)."""
        import numpy as np
        import pyarrow as pa

        sums = {"rows": np.ones(len(column["key"]), np.int64), **counted(indicators, None)}
        if weights is not None:
            sums |= {_WEIGHT + name: values for name, values in counted(indicators, weights).items()}
        for by, values in _values(column).items():
            groups = self._groups.setdefault(by, [])
            groups.append(_grouped([pa.table({"value": values, **sums})]))
            if len(groups) >= _MERGE_EVERY:
                self._groups[by] = [_grouped(groups)]

    def result(self, design_effect: float | None = None) -> tuple[Stratum, ...]:
        """All kinds, the largest strata first. design_effect: of whole shards, which their parts are taken to share."""
        return tuple(stratum for by in sorted(self._groups) for stratum in self._strata(by, design_effect))

    def _strata(self, by: str, design_effect: float | None) -> Iterator[Stratum]:
        worth = 1 / design_effect if design_effect and by != "shard" else None
        found = _grouped(self._groups[by]).to_pylist()
        found.sort(key=lambda row: (-row["rows"], row["value"]))
        listed, others = found[:_MOST], found[_MOST:]
        worst = _worst(others, worth) if by == "source" else []
        listed += worst
        others = [row for row in others if row not in worst]
        if others:
            sums = [name for name in others[0] if name != "value"]
            listed.append({"value": OTHERS, **{name: sum(row[name] for row in others) for name in sums}})
        for row in listed:
            known = _known(row, worth)
            share = known.share
            yield Stratum(
                by,
                row["value"],
                row["rows"],
                row["ok"],
                row["synthetic"],
                row["edited"],
                share.point if share else None,
                *(known.as_sample or (None, None)),
            )


def _known(row: Mapping[str, float], worth: float | None) -> Known:
    """worth: of one row, where whole shards were drawn."""
    weighed = {name.removeprefix(_WEIGHT): total for name, total in row.items() if name.startswith(_WEIGHT)}
    return Known.of(weighed or row, effective=row["drawn"] * worth if worth else None)


def _worst(rows: list[dict[str, Any]], worth: float | None) -> list[dict[str, Any]]:
    """The rows whose share is certainly highest, of each least size, so that no bad source hides among the others."""
    found: list[dict[str, Any]] = []
    for least in _LEAST_SIZES:
        large = [row for row in rows if row["ok"] >= least and row["synthetic"]]
        large.sort(key=lambda row: (-_least_share(row, worth), row["value"]))
        found += [row for row in large[:_MOST_WORST] if row not in found]
    return found


def _least_share(row: Mapping[str, Any], worth: float | None) -> float:
    low, _ = _known(row, worth).as_sample or (0.0, 1.0)
    return low


def _values(column: Mapping[str, pa.Array]) -> dict[str, pa.Array]:
    """The value of each kind of stratum, a row."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

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
    import pyarrow as pa

    sums = [name for name in tables[0].column_names if name != "value"]
    grouped = pa.concat_tables(tables).group_by("value").aggregate([(name, "sum") for name in sums])
    return grouped.select(["value", *(f"{name}_sum" for name in sums)]).rename_columns(["value", *sums])
