"""Sums by group (source, shard …) over batches; memory grows with the number of groups, not rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_MERGE_AT = 1 << 17  # rows of sums that wait to be merged
# The tar or table that contains an image: the part of `image` before `::` or `#`.
_SHARD = r"^(?P<shard>.*?\.(?i:tar|tar\.\w+|tgz|parquet|csv|tsv|jsonl|json))(?:::|#)"


class GroupSums:
    """The sums of some columns by one value of each row; rows whose value is null belong to no group."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)
        self._tables: list[pa.Table] = []

    def add(self, values: pa.Array, sums: Mapping[str, np.ndarray]) -> None:
        """Adds a batch. values: (rows,). sums: name -> int64 (rows,)."""
        known = np.flatnonzero(values.is_valid())
        if len(known):
            own = {name: column[known] for name, column in sums.items()}
            add_sums(self._tables, summed(values.take(pa.array(known)), own), ["value"])

    def rows(self) -> list[tuple[Any, ...]]:
        """Each value with its sums."""
        if not self._tables:
            return []
        table = grouped(self._tables, ["value"])
        return list(zip(*(table[name].to_pylist() for name in ("value", *self._names)), strict=True))


def shards_of(images: pa.Array) -> pa.Array:
    """The tar or table that contains each image; null for an image that is in none."""
    texts = bytes(images.buffers()[2] or b"")  # of a slice, more than its own, which costs time at worst
    if b"::" not in texts and b"#" not in texts:
        return pa.nulls(len(images), pa.string())
    (shard,) = pc.extract_regex(images, _SHARD).flatten()
    return shard


def summed(values: pa.Array, sums: Mapping[str, np.ndarray]) -> pa.Table:
    """The sums of some columns by value, with the value in the first column. values: (rows,), without nulls."""
    coded = values.dictionary_encode()
    group, groups = np.asarray(coded.indices), len(coded.dictionary)
    # bincount adds in float64, which is exact for the counts of a batch.
    columns = {name: np.bincount(group, of_rows, groups).astype(of_rows.dtype) for name, of_rows in sums.items()}
    return pa.table({"value": coded.dictionary, **columns})


def add_sums(tables: list[pa.Table], table: pa.Table, keys: list[str]) -> None:
    """Adds the sums of a batch to the sums so far, which are merged now and then."""
    tables.append(table)
    if sum(map(len, tables[1:])) > max(_MERGE_AT, len(tables[0])):
        tables[:] = [grouped(tables, keys)]


def grouped(tables: list[pa.Table], keys: list[str]) -> pa.Table:
    """The sums of all columns but the keys, by the keys."""
    sums = [name for name in tables[0].column_names if name not in keys]
    found = pa.concat_tables(tables).group_by(keys, use_threads=False).aggregate([(name, "sum") for name in sums])
    return found.select([*keys, *(f"{name}_sum" for name in sums)]).rename_columns([*keys, *sums])
