"""Evidence parts -> the numbers of an audit, in one streaming pass: memory grows with the number of sources, not rows
(but for eight bytes a row, to count keys that occur more than once).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.answers import AnswerTally
from auditor.flags import Flags, FlagTally
from auditor.intervals import clopper_pearson
from auditor.plugin import FAILED
from auditor.results import OTHERS, Counts, Coverage, DetectorTally, Floor, Stratum
from auditor.types import Claim, Evidence, Label, Status

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_BATCH = 16_384
_MERGE_EVERY = 32
_MOST_STRATA = 50  # largest ones of a kind that are listed; the rest are one stratum, "(others)"
_LEAST_SIZES, _MOST_WORST = (20, 100, 500, 2000), 5
_MOST_REASONS = 20
# The tar or table that an image lies in: what is before `::` or `#` in its place.
_SHARD = r"^(?P<shard>.*?\.(?i:tar|tar\.\w+|tgz|parquet|csv|tsv|jsonl|json))(?:::|#)"
_SIZES = ((256, "up to 256"), (512, "up to 512"), (1024, "up to 1024"), (2048, "up to 2048"))


@dataclass(frozen=True, slots=True)
class Summary:
    """What the evidence adds up to."""

    counts: Counts
    coverage: dict[str, Coverage]
    detectors: dict[str, DetectorTally]
    floor: Floor
    strata: tuple[Stratum, ...]
    reasons: dict[str, int]
    contradictions: int
    facts: dict[str, Any]
    flags: Flags | None = None


def summarise(parts: Iterable[Path], *, count_edited: bool = False, cutoff: tuple[str, float] | None = None) -> Summary:
    """The sum over all parts. count_edited: images with a generated part count as synthetic. cutoff: the statistical
    detector whose flags are counted, and the score from which an image is flagged.
    """
    tally = _Tally(count_edited, FlagTally(*cutoff) if cutoff else None)
    for batch in _batches(parts):
        tally.add(batch)
    return tally.result()


def _batches(parts: Iterable[Path]) -> Iterator[pa.RecordBatch]:
    import pyarrow.parquet as pq

    for path in parts:
        with pq.ParquetFile(path) as file:
            yield from (batch for batch in file.iter_batches(_BATCH) if batch.num_rows)


class _Tally:
    def __init__(self, count_edited: bool, flags: FlagTally | None) -> None:
        self._count_edited = count_edited
        self._flags = flags
        self._status: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._kinds: Counter[str] = Counter()
        self._looked: Counter[str] = Counter()
        self._hits: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()
        self._evidence: dict[str, str] = {}
        self._answers = AnswerTally()
        self._generators: Counter[str] = Counter()
        self._synthetic = self._edited = self._contradictions = 0
        self._opt_outs = self._stock = self._stock_known = 0
        self._groups: dict[str, list[pa.Table]] = {}
        self._keys: list[np.ndarray] = []

    def add(self, batch: pa.RecordBatch) -> None:
        """One batch of evidence rows."""
        import numpy as np
        import pandas as pd
        import pyarrow as pa
        import pyarrow.compute as pc

        column = {name: batch.column(name) for name in batch.schema.names}
        ok = np.asarray(pc.equal(column["status"], Status.OK.value))
        verdict = column["verdict"].fill_null("")
        synthetic = ok & np.asarray(pc.equal(verdict, Label.SYNTHETIC.value))
        edited = ok & np.asarray(pc.equal(verdict, Label.EDITED.value))
        counted = synthetic | edited if self._count_edited else synthetic

        self._status.update(_value_counts(column["status"]))
        unread = pc.is_in(column["status"], pa.array([Status.FAILED.value, Status.UNREADABLE.value]))
        self._reasons.update(_value_counts(column["reason"].filter(unread)))
        self._synthetic += int(counted.sum())
        self._edited += int(edited.sum())
        self._contradictions += int((synthetic & np.asarray(column["camera"].is_valid())).sum())
        self._opt_outs += int(pc.sum(column["opt_out"]).as_py() or 0)
        self._stock += int(pc.sum(pc.greater(column["pwatermark"], 0.8)).as_py() or 0)
        self._stock_known += len(batch) - column["pwatermark"].null_count
        self._keys.append(pd.util.hash_array(column["key"].to_numpy(zero_copy_only=False)))
        self._add_signals(batch, counted)
        if self._flags:
            self._flags.add(column, ok)
        for by, values in _strata_of(column).items():
            self._add_strata(by, values, ok, counted, edited)

    def _add_signals(self, batch: pa.RecordBatch, counted: np.ndarray) -> None:
        import numpy as np
        import pyarrow.compute as pc

        signals = batch.column("signals")
        flat = signals.flatten()
        if not len(flat):
            return
        row = np.asarray(pc.list_parent_indices(signals))
        detector, evidence, score, reason, _, claim, generator = (
            flat.field(name) for name in ("detector", "evidence", "score", "reason", "tier", "claim", "generator")
        )
        looked = score.is_valid()
        hit = pc.greater(score, 0).fill_null(False)
        is_chance = pc.equal(evidence, Evidence.STATISTICAL.value)  # which is above 0 for every image
        hit = pc.if_else(is_chance, pc.equal(claim, Claim.LIKELY.value).fill_null(False), hit)
        self._looked.update(_value_counts(detector.filter(looked)))
        self._hits.update(_value_counts(detector.filter(hit)))
        self._failed.update(_value_counts(detector.filter(pc.starts_with(reason, FAILED))))
        self._answers.add(flat)
        for kind in Evidence:
            seen = np.asarray(looked) & np.asarray(pc.equal(evidence, kind.value))
            self._kinds[kind.value] += len(np.unique(row[seen]))
        if len(self._evidence) < len(set(detector.unique().to_pylist()) | set(self._evidence)):
            self._evidence.update(zip(detector.to_pylist(), evidence.to_pylist(), strict=True))
        decided = batch.column("decided_by").take(row)
        deciding = np.asarray(pc.equal(detector, decided).fill_null(False)) & counted[row]
        self._generators.update(_value_counts(generator.filter(deciding).fill_null("not named")))

    def _add_strata(self, by: str, values: pa.Array, ok: np.ndarray, counted: np.ndarray, edited: np.ndarray) -> None:
        import pyarrow as pa

        columns = {"value": values, "rows": [1] * len(ok)}
        columns |= {"ok": ok, "synthetic": counted, "edited": edited}
        table = pa.table({name: pa.array(data) for name, data in columns.items()})
        table = table.set_column(1, "rows", table["rows"].cast(pa.int64()))
        for name in ("ok", "synthetic", "edited"):
            table = table.set_column(table.schema.get_field_index(name), name, table[name].cast(pa.int64()))
        groups = self._groups.setdefault(by, [])
        groups.append(_grouped([table]))
        if len(groups) >= _MERGE_EVERY:
            self._groups[by] = [_grouped(groups)]

    def result(self) -> Summary:
        """The sum."""
        rows = self._status.total()
        counts = Counts(
            rows=rows,
            ok=self._status[Status.OK],
            no_bytes=self._status[Status.NO_BYTES],
            failed=self._status[Status.FAILED],
            unreadable=self._status[Status.UNREADABLE],
            repeated_keys=self._repeated_keys(),
        )
        detectors = {
            id: DetectorTally(
                evidence=Evidence(kind),
                could_look=self._looked[id],
                share=self._looked[id] / rows,
                hits=self._hits[id],
                failed=self._failed[id],
                answers=self._answers.answers(id) if kind == Evidence.STATISTICAL else {},
                scores=self._answers.scores(id),
            )
            for id, kind in sorted(self._evidence.items())
        }
        return Summary(
            counts=counts,
            coverage={k.value: Coverage(self._kinds[k], self._kinds[k] / rows if rows else 0.0) for k in Evidence},
            detectors=detectors,
            floor=floor(self._synthetic, counts.ok, edited=self._edited, generators=self._generators),
            strata=tuple(stratum for by in sorted(self._groups) for stratum in self._strata(by)),
            reasons=dict(sorted(self._reasons.most_common(_MOST_REASONS), key=lambda item: (-item[1], item[0]))),
            contradictions=self._contradictions,
            facts={
                "opt_outs": self._opt_outs,
                "stock_watermarks": {"known": self._stock_known, "above_0.8": self._stock},
            },
            flags=self._flags.result() if self._flags else None,
        )

    def _repeated_keys(self) -> int:
        """In place: with ten million rows every copy of their hashes is 80 MB."""
        import numpy as np

        if not self._keys:
            return 0
        keys = np.concatenate(self._keys)
        self._keys.clear()
        keys.sort()
        same = keys[1:] == keys[:-1]  # as the one before; the second of each run counts, the third does not
        return int(np.count_nonzero(same[:1]) + np.count_nonzero(same[1:] & ~same[:-1]))

    def _strata(self, by: str) -> Iterator[Stratum]:
        found = _grouped(self._groups[by]).to_pylist()
        found.sort(key=lambda row: (-row["rows"], row["value"]))
        listed, others = found[:_MOST_STRATA], found[_MOST_STRATA:]
        worst = _worst(others) if by == "source" else []
        listed += worst
        others = [row for row in others if row not in worst]
        if others:
            numbers = {name: sum(row[name] for row in others) for name in ("rows", "ok", "synthetic", "edited")}
            listed.append({"value": OTHERS, **numbers})
        for row in listed:
            part = floor(row["synthetic"], row["ok"])
            low, high = part.as_sample or (None, None)
            yield Stratum(
                by, row["value"], row["rows"], row["ok"], row["synthetic"], row["edited"], part.share, low, high
            )


def _worst(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows whose share is certainly highest, of each least size, so that no bad source hides among the others."""
    found: list[dict[str, Any]] = []
    for least in _LEAST_SIZES:
        large = [row for row in rows if row["ok"] >= least and row["synthetic"]]
        large.sort(key=lambda row: (-clopper_pearson(row["synthetic"], row["ok"])[0], row["value"]))
        found += [row for row in large[:_MOST_WORST] if row not in found]
    return found


def floor(count: int, n: int, *, edited: int = 0, generators: Counter[str] | None = None) -> Floor:
    """The floor of a dataset of which every row was read."""
    named = dict(sorted((generators or Counter()).items(), key=lambda item: (-item[1], item[0])))
    if not n:
        return Floor(count, n, None, None, None, edited=edited, generators=named)
    share = count / n
    return Floor(count, n, share, share, share, clopper_pearson(count, n), edited, named)


def _strata_of(column: dict[str, pa.Array]) -> dict[str, pa.Array]:
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

    names = ("rows", "ok", "synthetic", "edited")
    grouped = pa.concat_tables(tables).group_by("value").aggregate([(name, "sum") for name in names])
    return grouped.select(["value", *(f"{name}_sum" for name in names)]).rename_columns(["value", *names])


def _value_counts(array: pa.Array) -> dict[str, int]:
    return {entry["values"]: entry["counts"] for entry in array.value_counts().to_pylist()}
