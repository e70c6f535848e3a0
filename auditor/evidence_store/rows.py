"""Evidence on disk as values again: some rows of a part, or all of them, a batch at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from auditor.types import Claim, Covariates, Evidence, Row, Signal, SignalOutcome, Status, Tier, Verdict, VerdictKind

_BATCH = 4096
_DIGITS = 9  # of a chance, as stored ones have
_COVARIATES = tuple(field.name for field in fields(Covariates))


def every(
    parts: Iterable[Path],
    adjusted: Callable[[pa.RecordBatch], np.ndarray] | None = None,
    *,
    hits_only: bool = False,
) -> Iterator[dict[str, Any]]:
    """Every row of these parts as plain values, column -> value; memory stays that of a batch.

    adjusted: a batch's chances in this dataset, which become the column p_adjusted. hits_only: of the signals those
    alone that found something, which is several times as fast.
    """
    for path in parts:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(_BATCH):
                chances = adjusted(batch).tolist() if adjusted else [math.nan] * batch.num_rows
                found = _thinned(batch) if hits_only else batch.to_pylist()
                for row, chance in zip(found, chances, strict=True):
                    yield {**row, "p_adjusted": None if math.isnan(chance) else round(chance, _DIGITS)}


def _thinned(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    at = batch.schema.get_field_index("signals")
    signals = batch.column(at)
    flat = signals.flatten()
    hit = hits(flat)
    counts = np.bincount(np.asarray(pc.list_parent_indices(signals))[hit], minlength=len(batch))
    offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]), pa.int32())
    few = pa.ListArray.from_arrays(offsets, flat.filter(pa.array(hit)))
    yield from batch.set_column(at, "signals", few).to_pylist()


def hits(signals: pa.StructArray) -> np.ndarray:
    """Which signals found something, as Signal.is_hit has it: bool, one each."""
    found: np.ndarray = np.asarray(pc.equal(signals.field("outcome"), SignalOutcome.HIT.value))
    return found


def looked(signals: pa.StructArray) -> np.ndarray:
    """Which signals are of a detector that looked, as SignalOutcome.has_looked has it: bool, one each."""
    outcomes = pa.array([outcome.value for outcome in SignalOutcome if outcome.has_looked])
    found: np.ndarray = np.asarray(pc.is_in(signals.field("outcome"), outcomes))
    return found


def at(path: Path, numbers: Collection[int]) -> dict[int, Row]:
    """The rows of one part with these numbers."""
    found: dict[int, Row] = {}
    with pq.ParquetFile(path) as file:
        start = 0
        for group in range(file.num_row_groups):
            stop = start + file.metadata.row_group(group).num_rows
            mine = sorted(number for number in numbers if start <= number < stop)
            if mine:
                table = file.read_row_group(group).take([number - start for number in mine])
                found.update(zip(mine, of(table), strict=True))
            start = stop
    return found


def of(table: pa.Table) -> list[Row]:
    """The rows of a table with evidence's columns; others are passed over."""
    return [_row(entry) for entry in table.to_pylist()]


def _row(entry: Mapping[str, Any]) -> Row:
    verdict = entry["verdict"]
    return Row(
        key=entry["key"],
        source=entry["source"],
        image=entry["image"],
        status=Status(entry["status"]),
        reason=entry["reason"],
        caption=entry["caption"],
        verdict=Verdict(VerdictKind(verdict), entry["decided_by"], entry["p_synthetic"]) if verdict else None,
        signals=tuple(_signal(signal) for signal in entry["signals"]),
        covariates=Covariates(**{name: entry[name] for name in _COVARIATES}),
    )


def _signal(entry: Mapping[str, Any]) -> Signal:
    return Signal(
        detector=entry["detector"],
        evidence=Evidence(entry["evidence"]),
        outcome=SignalOutcome(entry["outcome"]),
        tier=Tier(entry["tier"]) if entry["tier"] else None,
        score=entry["score"],
        reason=entry["reason"],
        claim=Claim(entry["claim"]) if entry["claim"] else None,
        generator=entry["generator"],
    )
