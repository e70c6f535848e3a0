"""Keep-lists on disk, in the forms that training pipelines read."""

from __future__ import annotations

import io
import string
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.errors import FilterError
from auditor.evidence_store.store import write_atomically

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = {".parquet": "parquet", ".npy": "datacomp", ".txt": "text"}
_UID = 32  # hexadecimal digits


def write(rows: pd.DataFrame, path: Path, format: str | None = None) -> None:
    """A keep-list (filtering.KeepList.rows) as `parquet` (every row with its weight and reason), `text` (the kept
    keys, one a line) or `datacomp` (kept uids, a sorted npy of pairs of uint64, as DataComp's tools read). Default: by
    the file's suffix. Raises FilterError."""
    chosen = format or SUFFIXES.get(path.suffix.casefold())
    if chosen == "parquet":
        buffer = io.BytesIO()
        rows.to_parquet(buffer, index=False)
        write_atomically(path, buffer.getvalue())
    elif chosen == "text":
        refuse_both(rows, "key")
        _refuse_line_breaks(rows.key[rows.keep])
        write_atomically(path, "".join(f"{key}\n" for key in rows.key[rows.keep]).encode("utf-8", "surrogatepass"))
    elif chosen == "datacomp":
        refuse_both(rows, "key")
        write_atomically(path, _datacomp(rows.key[rows.keep]))
    else:
        raise FilterError(f"{path}: unknown kind of keep-list; name it .parquet, .npy (DataComp) or .txt")


def refuse_both(rows: pd.DataFrame, name: str) -> None:
    """Raises FilterError where one name (`key` or `image`) is that of rows to keep and of rows to leave out."""
    both = rows[name][rows.keep & rows[name].isin(rows[name][~rows.keep])]
    if len(both):
        raise FilterError(
            f"{both.iloc[0][:80]!r} is the {name} of a row to keep and of one to leave out: write a .parquet, which "
            "holds every row"
        )


def _refuse_line_breaks(keys: Iterable[str]) -> None:
    for key in keys:
        if key.splitlines() != [key]:
            raise FilterError(f"the key {key[:80]!r} holds a line break: write a .parquet instead of text")


def _datacomp(keys: Iterable[str]) -> bytes:
    import numpy as np

    pairs = []
    for key in keys:
        if len(key) != _UID or not set(key) <= set(string.hexdigits):
            raise FilterError(f"{key[:80]!r} is no DataComp uid of {_UID} hexadecimal digits: write .parquet")
        pairs.append((int(key[: _UID // 2], 16), int(key[_UID // 2 :], 16)))
    buffer = io.BytesIO()
    np.save(buffer, np.sort(np.array(pairs, np.dtype("u8,u8"))))
    return buffer.getvalue()
