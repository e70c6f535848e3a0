"""Vectors that somebody made already, instead of encoding again: clip-retrieval's and DataComp's folders.

clip-retrieval: `img_emb/img_emb_0.npy` with `metadata/metadata_0.parquet`; DataComp: `x.npz` (arrays `l14_img` and
`b32_img`) with `x.parquet`. Arrays and tables have a row an image, in the same order. A row of the dataset finds its
vector by its key, its image's path or its URL; the table's paths count from the folder that all of them share.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.errors import DatasetError, EvidenceError
from auditor.evidence_store.vectors import blocks, unit
from auditor.types import Sample

if TYPE_CHECKING:
    import numpy as np

_ARRAYS = ("l14_img", "b32_img")  # of DataComp: OpenAI's CLIP ViT-L/14 and ViT-B/32, the better one first
_NAMES = ("uid", "key", "sample_id", "id", "__key__", "image_path", "path", "file_name", "filepath", "url", "image_url")
_NUMBER = re.compile(r"(\d+)\.\w+$")


@dataclass(frozen=True, slots=True)
class Existing:
    """folder: where they lie. model: what made them, in the user's words; of DataComp the array's name."""

    folder: str
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """An array with the table of its rows. array: its name inside an .npz, empty for an .npy."""

    vectors: Path
    table: Path
    array: str = ""

    def open(self) -> np.ndarray:
        """(rows, dimension), mapped where that can be. Raises DatasetError for anything but a matrix of floats."""
        import numpy as np

        try:
            loaded = np.load(self.vectors, mmap_mode=None if self.array else "r", allow_pickle=False)
            found: np.ndarray = loaded[self.array] if self.array else loaded
        except (OSError, ValueError, KeyError) as error:
            raise DatasetError(f"{self.vectors}: no vectors in it: {error}") from error
        if found.ndim != 2 or found.dtype.kind != "f":
            raise DatasetError(f"{self.vectors}: {found.dtype} {found.shape}, not a matrix of floats")
        return found


@dataclass(frozen=True, slots=True)
class Survey:
    """What lies there: whose vectors, how many, of which dimension; digest over all of them."""

    fingerprint: str
    dimension: int
    rows: int
    digest: str


def survey(existing: Existing) -> Survey:
    """Reads all vectors once. Raises DatasetError where rows do not match, dimensions differ, or a vector is NaN or
    zero; the text names file and row."""
    found = pairs(existing)
    stamp = tuple(f"{path} {path.stat().st_mtime_ns}" for pair in found for path in (pair.vectors, pair.table))
    return _surveyed(existing, stamp)


@cache
def _surveyed(existing: Existing, stamp: tuple[str, ...]) -> Survey:
    total, rows, dimension = hashlib.sha256(), 0, 0
    found = pairs(existing)
    for pair in found:
        matrix = pair.open()
        _check_rows(pair, matrix)
        if dimension not in (0, matrix.shape[1]):
            raise DatasetError(f"{pair.vectors}: {matrix.shape[1]} dimensions, the others have {dimension}")
        rows, dimension = rows + len(matrix), matrix.shape[1]
        total.update(f"{pair.vectors.name} {pair.array} {matrix.shape}".encode())
        for start, block in blocks(matrix):
            try:
                unit(block, str(pair.vectors), start)
            except EvidenceError as error:
                raise DatasetError(str(error)) from error
            total.update(block.tobytes())
    model = found[0].array or existing.model or "unnamed"
    return Survey(f"given:{model}:{dimension}", dimension, rows, total.hexdigest())


def _check_rows(pair: Pair, matrix: np.ndarray) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        rows = pq.read_metadata(pair.table).num_rows
    except (OSError, pa.ArrowException) as error:
        raise DatasetError(f"{pair.table}: {error}") from error
    if rows != len(matrix):
        raise DatasetError(f"{pair.vectors} has {len(matrix):,} rows, {pair.table.name} has {rows:,}: not of one run")


def pairs(existing: Existing) -> list[Pair]:
    """The arrays of a folder, each with its table. Raises DatasetError where there are none, or one lacks the other."""
    folder = Path(existing.folder)
    if (folder / "img_emb").is_dir():
        return list(_clip_retrieval(folder))
    archives = sorted(folder.glob("*.npz"))
    if not archives:
        raise DatasetError(f"{folder}: neither img_emb/*.npy with metadata/*.parquet nor *.npz with *.parquet")
    return [Pair(path, _table(path.with_suffix(".parquet")), _array(path, existing.model)) for path in archives]


def _clip_retrieval(folder: Path) -> Iterator[Pair]:
    tables = {_number(path): path for path in (folder / "metadata").glob("*.parquet")}
    arrays = sorted((folder / "img_emb").glob("*.npy"), key=lambda path: int(_number(path) or 0))
    if not arrays:
        raise DatasetError(f"{folder}/img_emb: no .npy in it")
    for path in arrays:
        yield Pair(path, _table(tables.get(_number(path), folder / "metadata" / f"metadata_{_number(path)}.parquet")))


def _number(path: Path) -> str:
    found = _NUMBER.search(path.name)
    return str(int(found[1])) if found else ""


def _table(path: Path) -> Path:
    if not path.is_file():
        raise DatasetError(f"{path}: no such file, and without it nobody knows which image a vector is of")
    return path


def _array(path: Path, model: str | None) -> str:
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as archive:
            names = list(archive.files)
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: {error}") from error
    found = next((name for name in ((model,) if model else _ARRAYS) if name in names), None)
    if found is None:
        raise DatasetError(f"{path}: no array {model or ' or '.join(_ARRAYS)}; there are: {', '.join(names)}")
    return found


# ---- finding a row's vector ------------------------------------------------------------------------------------------


class Lookup:
    """Vectors by key, path or URL: sixteen bytes a name in memory, the vectors stay on disk."""

    def __init__(self, existing: Existing) -> None:
        import numpy as np

        self._pairs = pairs(existing)
        names, places = [], []
        for number, pair in enumerate(self._pairs):
            for hashed in _hashes(pair.table):
                names.append(hashed)
                places.append(np.arange(len(hashed), dtype=np.int64) + (number << 40))
        if not names:
            raise DatasetError(f"{existing.folder}: none of the columns {', '.join(_NAMES)} in its tables")
        order = np.argsort(np.concatenate(names), kind="stable")
        self._names = np.concatenate(names)[order]
        self._places = np.concatenate(places)[order]

    def vectors(self, samples: Sequence[Sample]) -> list[np.ndarray | None]:
        """One a sample, of unit length; None for a row that the folder does not know."""
        return [self._vector(sample) for sample in samples]

    def _vector(self, sample: Sample) -> np.ndarray | None:
        import numpy as np

        for name in (sample.key, sample.image, sample.url):
            if not name:
                continue
            hashed = _hash(np.array([name], object))[0]
            at = int(np.searchsorted(self._names, hashed))
            if at < len(self._names) and self._names[at] == hashed:
                number, row = divmod(int(self._places[at]), 1 << 40)
                pair = self._pairs[number]
                found: np.ndarray = unit(_opened(pair)[row : row + 1], str(pair.vectors), row)[0]
                return found
        return None


@cache
def lookup(existing: Existing) -> Lookup:
    """Made once a process."""
    return Lookup(existing)


@lru_cache(maxsize=4)  # an .npz is read whole; rows of one shard mostly lie in one file
def _opened(pair: Pair) -> np.ndarray:
    return pair.open()


def _hashes(table: Path) -> Iterator[np.ndarray]:
    """uint64 (rows,), a column that names images at a time; of paths also without the folder they share."""
    import pyarrow.parquet as pq

    columns = [name for name in pq.read_schema(table).names if name.casefold() in _NAMES]
    for column in columns:
        values = pq.read_table(table, columns=[column])[column].to_pandas().astype(str).to_numpy(object)
        yield _hash(values)
        if len(values) > 1 and all(value.startswith("/") for value in values):
            shared = os.path.commonpath([os.path.dirname(value) for value in values])
            yield _hash([value[len(shared.rstrip("/")) + 1 :] for value in values])


def _hash(values: Sequence[str] | np.ndarray) -> np.ndarray:
    import numpy as np
    import pandas as pd

    found: np.ndarray = pd.util.hash_array(np.asarray(values, object))
    return found
