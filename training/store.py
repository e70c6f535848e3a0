"""Reads what the pack stage kept: training views by shard, the evaluation's files by condition."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd


class Views:
    """All packed views as one array that is read from disk as needed, with a row of facts for each."""

    def __init__(self, folder: Path, prefix: str = "views") -> None:
        numbers = [path.stem.rpartition("-")[2] for path in sorted(folder.glob(f"{prefix}-*.npy"))]
        self.shards = [np.load(folder / f"{prefix}-{number}.npy", mmap_mode="r") for number in numbers]
        index = "index" if prefix == "views" else f"{prefix}-index"
        tables = [pd.read_parquet(folder / f"{index}-{number}.parquet") for number in numbers]
        for shard, table in enumerate(tables):
            table["shard"], table["row"] = shard, np.arange(len(table))
        self.table = pd.concat(tables, ignore_index=True)
        self._place = self.table[["shard", "row"]].to_numpy()

    def joined(self, other: Views) -> Views:
        """These views, then the other's, under one numbering."""
        both = copy.copy(self)
        both.shards = [*self.shards, *other.shards]
        table = other.table.assign(shard=other.table["shard"] + len(self.shards))
        both.table = pd.concat([self.table, table], ignore_index=True)
        both._place = both.table[["shard", "row"]].to_numpy()
        return both

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        """The views at these rows of the table."""
        return np.stack([self.shards[shard][row] for shard, row in self._place[rows]])


def evaluation_files(folder: Path, condition: str, paths: set[str]) -> Iterator[tuple[str, bytes]]:
    """Path and encoded image of each wanted image under a condition, in the pack's order."""
    for lengths_path in sorted(folder.glob("lengths-*.parquet")):
        lengths = pd.read_parquet(lengths_path)
        ends = lengths[condition].cumsum()
        blob = folder / f"{condition}-{lengths_path.stem.rpartition('-')[2]}.bin"
        with blob.open("rb") as file:
            for path, length, end in zip(lengths["path"], lengths[condition], ends, strict=True):
                if path in paths:
                    file.seek(end - length)
                    yield path, file.read(length)
