"""Rows of evidence as columns of Arrow, in their stored form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from auditor.types import Row, Signal

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
         ("caption_similarity", pa.float64()), ("weight", pa.float64()), ("sampled", pa.bool_())]
    )  # fmt: skip


def table_of(rows: Sequence[Row]) -> pa.Table:
    """A table of rows in the columns of evidence."""
    kinds = schema()
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
        **{name: [getattr(values, name) for values in covariates] for name in kinds.names[10:-1]},
    }
    arrays = {name: _array(values, kinds.field(name).type) for name, values in columns.items()}
    arrays["signals"] = _signals(rows, kinds.field("signals").type.value_type)
    return pa.table([arrays[name] for name in kinds.names], schema=kinds)


def _signals(rows: Sequence[Row], kind: pa.StructType) -> pa.ListArray:
    """The signals as lists of structs. Rows share few distinct signals: each is converted once and taken by number."""
    numbers: dict[int, int] = {}
    distinct: list[Signal] = []
    codes: list[int] = []
    for row in rows:
        for signal in row.signals:
            number = numbers.setdefault(id(signal), len(distinct))
            if number == len(distinct):
                distinct.append(signal)
            codes.append(number)
    columns = {name: [getattr(signal, name) for signal in distinct] for name in kind.names}
    columns["score"] = [_rounded(signal.score) for signal in distinct]
    arrays = [_array(columns[field.name], field.type) for field in kind]
    offsets = np.cumsum([0, *(len(row.signals) for row in rows)], dtype=np.int32)
    values = pa.StructArray.from_arrays(arrays, fields=list(kind)).take(pa.array(codes, pa.int32()))
    return pa.ListArray.from_arrays(pa.array(offsets), values)


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
