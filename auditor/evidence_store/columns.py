"""Rows of evidence as columns of Arrow, in their stored form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from auditor.captions import marks
from auditor.evidence_store.signal_encoding import BaseLists
from auditor.types import Covariates, Row, Signal

# Nearly every row has a value of its own.
_DISTINCT = ("key", "image", "caption", "sha256", "pwatermark", "caption_similarity")
_SCORE_DIGITS = 9  # of a stored score


def schema() -> pa.Schema:
    """The columns of evidence with their types."""
    signal = pa.struct(
        [("detector", pa.string()), ("evidence", pa.string()), ("outcome", pa.string()), ("tier", pa.string()),
         ("score", pa.float64()), ("reason", pa.string()), ("claim", pa.string()), ("generator", pa.string())]
    )  # fmt: skip
    return pa.schema(
        [("key", pa.string()), ("source", pa.string()), ("image", pa.string()), ("status", pa.string()),
         ("reason", pa.string()), ("verdict", pa.string()), ("decided_by", pa.string()),
         ("p_synthetic", pa.float64()), ("signals", pa.list_(signal)), ("caption", pa.string()),
         ("format", pa.string()), ("width", pa.int32()), ("height", pa.int32()), ("quality", pa.int16()),
         ("sha256", pa.string()),
         ("camera", pa.string()), ("year", pa.int16()), ("pwatermark", pa.float64()), ("opt_out", pa.bool_()),
         ("has_metadata", pa.bool_()),
         ("caption_similarity", pa.float64()), ("weight", pa.float64()), ("sampled", pa.bool_()),
         ("signal_base", pa.int16()), ("caption_marks", pa.string()), ("vector", pa.int32())]
    )  # fmt: skip


def repeating() -> list[str]:
    """The columns whose values repeat, so that a dictionary makes them smaller and statistics say something; as Parquet
    names them."""
    of_signals = [f"signals.list.element.{name}" for name in signal_kind().names]
    return [name for name in schema().names if name not in ("signals", *_DISTINCT)] + of_signals


def table_of(rows: Sequence[Row], bases: BaseLists | None = None) -> pa.Table:
    """A table of rows in the columns of evidence. bases: of the part; without them, rows have all their signals."""
    kinds = schema()
    encoded = [bases.encoded(row.signals) if bases else (None, row.signals) for row in rows]
    covariates = [row.covariates for row in rows]
    verdicts = [row.verdict for row in rows]
    columns: dict[str, list[Any]] = {
        "key": [row.key for row in rows],
        "source": [row.source for row in rows],
        "image": [row.image for row in rows],
        "status": [row.status for row in rows],
        "reason": [row.reason for row in rows],
        "verdict": [verdict and verdict.kind for verdict in verdicts],
        "decided_by": [verdict and verdict.decided_by for verdict in verdicts],
        "p_synthetic": [verdict and _rounded(verdict.p_synthetic) for verdict in verdicts],
        "caption": [row.caption for row in rows],
        "sampled": [row.is_sampled for row in rows],
        "caption_marks": [None] * len(rows),  # found for many rows at once, when they are written
        "vector": [None] * len(rows),  # numbered when they are written
        "signal_base": [number for number, _ in encoded],
        **{field.name: [getattr(values, field.name) for values in covariates] for field in fields(Covariates)},
    }
    arrays = {name: _array(values, kinds.field(name).type) for name, values in columns.items()}
    arrays["signals"] = _lists([signals for _, signals in encoded])
    return pa.table([arrays[name] for name in kinds.names], schema=kinds)


def with_caption_marks(table: pa.Table) -> pa.Table:
    """The table with the marks of its captions (captions/marks.py), where it has none."""
    captions, at = table["caption"], table.schema.get_field_index("caption_marks")
    if not pc.any(pc.and_(captions.is_valid(), table["caption_marks"].is_null())).as_py():
        return table
    return table.set_column(at, table.schema.field(at), marks.stored(marks.find(captions), captions))


def _lists(lists: Sequence[tuple[Signal, ...]]) -> pa.ListArray:
    """Lists of signals. Rows share few distinct signals: each is converted once and taken by number."""
    numbers: dict[int, int] = {}
    distinct: list[Signal] = []
    codes: list[int] = []
    for signals in lists:
        for signal in signals:
            number = numbers.setdefault(id(signal), len(distinct))
            if number == len(distinct):
                distinct.append(signal)
            codes.append(number)
    offsets = np.cumsum([0, *map(len, lists)], dtype=np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), signal_structs(distinct).take(pa.array(codes, pa.int32())))


def signal_structs(signals: Sequence[Signal]) -> pa.StructArray:
    """Signals as structs, (signals,)."""
    kind = signal_kind()
    columns = {name: [getattr(signal, name) for signal in signals] for name in kind.names}
    columns["score"] = [_rounded(signal.score) for signal in signals]
    arrays = [_array(columns[field.name], field.type) for field in kind]
    return pa.StructArray.from_arrays(arrays, fields=list(kind))


def signal_kind() -> pa.StructType:
    """The type of a signal."""
    return schema().field("signals").type.value_type


def _array(values: list[Any], kind: pa.DataType) -> pa.Array:
    """An Arrow array. Invalid UTF-8 in names becomes visible escapes, so that distinct names stay distinct."""
    try:
        return pa.array(values, kind)
    except UnicodeEncodeError:
        return pa.array([v and as_stored(v) for v in values], kind)


def as_stored(name: str) -> str:
    """A key or an image's name in its stored form."""
    return name.encode("utf-8", "backslashreplace").decode()


def stored(score: float) -> float:
    """A score in its stored form. Values that are compared with it must be rounded in the same way."""
    return round(score, _SCORE_DIGITS)


def _rounded(score: float | None) -> float | None:
    return None if score is None else stored(score)
