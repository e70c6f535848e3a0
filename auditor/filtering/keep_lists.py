"""Writes keep-lists in formats that training pipelines read."""

from __future__ import annotations

import io
import string
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from auditor import sentences
from auditor.errors import FilterError
from auditor.storage.atomic import write_atomically

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = {".parquet": "parquet", ".npy": "datacomp", ".txt": "text"}
_UID = 32  # hexadecimal digits


def write(rows: pd.DataFrame, path: Path, format: str | None = None) -> None:
    """Writes a keep-list (KeepList.rows) as `parquet` (every row with its weight and reason), `text` (the kept keys,
    one per line) or `datacomp` (kept uids, a sorted npy of pairs of uint64, the format of DataComp's tools). Default:
    by the file's suffix. Raises FilterError."""
    chosen = format or SUFFIXES.get(path.suffix.casefold())
    if chosen == "parquet":
        buffer = io.BytesIO()
        rows.to_parquet(buffer, index=False)
        write_atomically(path, buffer.getvalue())
    elif chosen == "text":
        refuse_ambiguous(rows, "key")
        _refuse_line_breaks(rows.key[rows.keep])
        write_atomically(path, "".join(f"{key}\n" for key in rows.key[rows.keep]).encode("utf-8", "surrogatepass"))
    elif chosen == "datacomp":
        refuse_ambiguous(rows, "key")
        write_atomically(path, _datacomp(rows.key[rows.keep]))
    else:
        raise FilterError(f"{path}: a keep-list must be named .parquet, .npy (DataComp) or .txt")


def ambiguity(rows: pd.DataFrame) -> str:
    """What to know before a join by key, if a key belongs to rows to keep and to rows to remove; '' otherwise."""
    number = rows.key[rows.keep & rows.key.isin(rows.key[~rows.keep])].nunique()
    if not number:
        return ""
    keys = f"{sentences.counted(number, 'key')} of rows to keep {'is' if number == 1 else 'are'} of rows to remove too"
    pairs = rows.key + "\n" + rows.image
    if (rows.keep & pairs.isin(pairs[~rows.keep])).any():
        return f"{keys}, with the same image names: filter the audit of each split by itself, not a merged one"
    return f"{keys}: join by `key` and `image`"


def refuse_ambiguous(rows: pd.DataFrame, name: str) -> None:
    """Raises FilterError if the same `key` or `image` belongs to rows to keep and to rows to remove."""
    ambiguous = rows[name][rows.keep & rows[name].isin(rows[name][~rows.keep])]
    if len(ambiguous):
        raise FilterError(
            f"{ambiguous.iloc[0][:80]!r} is the {name} of a row to keep and of a row to remove: write a .parquet, "
            "which has every row"
        )


def _refuse_line_breaks(keys: Iterable[str]) -> None:
    for key in keys:
        if key.splitlines() != [key]:
            raise FilterError(f"the key {key[:80]!r} contains a line break: write a .parquet instead of text")


def _datacomp(keys: Iterable[str]) -> bytes:
    pairs = []
    for key in keys:
        if len(key) != _UID or not set(key) <= set(string.hexdigits):
            raise FilterError(f"{key[:80]!r} is not a DataComp uid of {_UID} hexadecimal digits: write a .parquet")
        pairs.append((int(key[: _UID // 2], 16), int(key[_UID // 2 :], 16)))
    buffer = io.BytesIO()
    np.save(buffer, np.sort(np.array(pairs, np.dtype("u8,u8"))))
    return buffer.getvalue()
