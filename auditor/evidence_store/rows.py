"""Reads rows of evidence back: single rows of a part, or all rows in batches."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from auditor.evidence_store.columns import schema
from auditor.evidence_store.signal_encoding import BASE, StoredSignals
from auditor.evidence_store.store import stored_signals
from auditor.types import Claim, Covariates, Evidence, Row, Signal, SignalOutcome, Status, Tier, Verdict, VerdictKind

_BATCH = 4096
_DIGITS = 9  # of a probability, as in stored scores
_COVARIATES = tuple(field.name for field in fields(Covariates))


def every(
    parts: Iterable[Path],
    adjusted: Callable[[pa.RecordBatch], np.ndarray] | None = None,
    *,
    hits_only: bool = False,
) -> Iterator[dict[str, Any]]:
    """Every row of these parts as a dictionary; memory use is that of one batch.

    adjusted: a batch's prevalence-adjusted probabilities, for the column p_adjusted. hits_only: omit signals that are
    not hits, which is several times as fast.
    """
    for path in parts:
        for batch in _batches(path):
            probabilities = adjusted(batch).tolist() if adjusted else [math.nan] * batch.num_rows
            entries = _with_hits_only(batch) if hits_only else batch.to_pylist()
            for entry, probability in zip(entries, probabilities, strict=True):
                yield {**entry, "p_adjusted": None if math.isnan(probability) else round(probability, _DIGITS)}


def table(path: Path) -> pa.Table:
    """All rows of one part, with their signals decoded."""
    kinds = schema()
    return pa.Table.from_batches(_batches(path), kinds.remove(kinds.get_field_index(BASE)))


def _batches(path: Path) -> Iterator[pa.RecordBatch]:
    """The rows of one part, with their signals decoded."""
    with pq.ParquetFile(path) as file:
        signals = stored_signals(file)
        for batch in file.iter_batches(_BATCH, use_threads=False):
            yield _decoded(batch, signals)


def rows_where(
    path: Path, decisive: Sequence[str], is_wanted: Callable[[pa.Table], np.ndarray], others: Sequence[str]
) -> Iterator[tuple[np.ndarray, pa.Table]]:
    """Some rows of one part by group of rows, with their numbers in the part, int64 (n,). Of a group without any, only
    the decisive columns are read. is_wanted: decisive columns (rows,) -> bool (rows,)."""
    with pq.ParquetFile(path) as file:
        start = 0
        for group in range(file.num_row_groups):
            table = file.read_row_group(group, columns=list(decisive), use_threads=False)
            numbers = np.flatnonzero(is_wanted(table))
            if len(numbers):
                rest = file.read_row_group(group, columns=list(others), use_threads=False)
                for name in rest.schema.names:
                    table = table.append_column(name, rest[name])
                yield numbers + start, table.take(pa.array(numbers))
            start += len(table)


def rows_with(
    path: Path, is_chosen: Callable[[pa.StructArray], np.ndarray], columns: Sequence[str]
) -> Iterator[tuple[np.ndarray, pa.RecordBatch]]:
    """The rows of one part that have a chosen signal, and a few more, with their signals decoded, and their numbers in
    the part, int64 (n,). is_chosen: signals (n,) -> bool (n,)."""
    with pq.ParquetFile(path) as file:
        signals = stored_signals(file)

    def may_be_wanted(table: pa.Table) -> np.ndarray:
        own, base = (table[name].combine_chunks() for name in ("signals", BASE))
        return signals.has(own, base, is_chosen)

    for numbers, table in rows_where(path, ["signals", BASE], may_be_wanted, columns):
        (batch,) = table.combine_chunks().to_batches()
        yield numbers, _decoded(batch, signals)


def _decoded(batch: pa.RecordBatch, signals: StoredSignals) -> pa.RecordBatch:
    whole = signals.decoded(batch.column("signals"), batch.column(BASE))
    at = batch.schema.get_field_index("signals")
    return batch.set_column(at, "signals", whole).drop_columns([BASE])


def _with_hits_only(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    at = batch.schema.get_field_index("signals")
    signals = batch.column(at)
    flat = signals.flatten()
    hit = hits(flat)
    counts = np.bincount(np.asarray(pc.list_parent_indices(signals))[hit], minlength=len(batch))
    offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]), pa.int32())
    hit_lists = pa.ListArray.from_arrays(offsets, flat.filter(pa.array(hit)))
    yield from batch.set_column(at, "signals", hit_lists).to_pylist()


def hits(signals: pa.StructArray) -> np.ndarray:
    """Which signals are hits, as in Signal.is_hit: bool, one per signal."""
    is_hit: np.ndarray = np.asarray(pc.equal(signals.field("outcome"), SignalOutcome.HIT.value))
    return is_hit


def looked(signals: pa.StructArray) -> np.ndarray:
    """Which signals have a result, as in SignalOutcome.has_looked: bool, one per signal."""
    outcomes = pa.array([outcome.value for outcome in SignalOutcome if outcome.has_looked])
    has_looked: np.ndarray = np.asarray(pc.is_in(signals.field("outcome"), outcomes))
    return has_looked


def at(path: Path, numbers: Collection[int]) -> dict[int, Row]:
    """The rows of one part with these numbers."""
    picked: dict[int, Row] = {}
    with pq.ParquetFile(path) as file:
        signals, start = stored_signals(file), 0
        for group in range(file.num_row_groups):
            stop = start + file.metadata.row_group(group).num_rows
            in_group = sorted(number for number in numbers if start <= number < stop)
            if in_group:
                found = file.read_row_group(group).take([number - start for number in in_group])
                (batch,) = found.combine_chunks().to_batches()
                picked.update(zip(in_group, from_table(pa.table(_decoded(batch, signals))), strict=True))
            start = stop
    return picked


def from_table(table: pa.Table) -> list[Row]:
    """The rows of a table that has the columns of evidence; other columns are ignored."""
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
