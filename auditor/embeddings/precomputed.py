"""Precomputed vectors, read from clip-retrieval's and DataComp's folders instead of encoding again.

clip-retrieval: `img_emb/img_emb_0.npy` with `metadata/metadata_0.parquet`; DataComp: `x.npz` (arrays `l14_img` and
`b32_img`) with `x.parquet`. Arrays and tables have one row per image, in the same order. A row of the dataset is
matched with its vector by its key, its image's path or its URL; the table's paths are relative to the folder that they
share.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from auditor.errors import DatasetError, EvidenceError
from auditor.evidence_store.vectors import blocks, unit
from auditor.types import Sample

_ARRAYS = ("l14_img", "b32_img")  # in DataComp: OpenAI's CLIP ViT-L/14 and ViT-B/32, the better one first
_NAMES = ("uid", "key", "sample_id", "id", "__key__", "image_path", "path", "file_name", "filepath", "url", "image_url")
_NUMBER = re.compile(r"(\d+)\.\w+$")


@dataclass(frozen=True, slots=True)
class Existing:
    """A folder of vectors. model: the model's name as the user gives it; for DataComp, the array's name."""

    folder: str
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """An array and the table of its rows. array: its name in an .npz file, empty for an .npy file."""

    vectors: Path
    table: Path
    array: str = ""

    def open(self) -> np.ndarray:
        """(rows, dimension), memory-mapped if possible. Raises DatasetError for anything but a matrix of floats."""
        try:
            loaded = np.load(self.vectors, mmap_mode=None if self.array else "r", allow_pickle=False)
            matrix: np.ndarray = loaded[self.array] if self.array else loaded
        except (OSError, ValueError, KeyError) as error:
            raise DatasetError(f"{self.vectors}: no vectors in this file: {error}") from error
        if matrix.ndim != 2 or matrix.dtype.kind != "f":
            raise DatasetError(f"{self.vectors}: must be a matrix of floats, got {matrix.dtype} {matrix.shape}")
        return matrix


@dataclass(frozen=True, slots=True)
class VectorStats:
    """The vectors of a folder: the model's fingerprint, dimension, number of rows, and a digest over all of them."""

    fingerprint: str
    dimension: int
    rows: int
    digest: str


def vector_stats(source: Existing) -> VectorStats:
    """Reads all vectors once. Raises DatasetError, with file and row, if rows do not match, dimensions differ, or a
    vector is NaN or zero."""
    stamp = tuple(f"{path} {path.stat().st_mtime_ns}" for pair in pairs(source) for path in (pair.vectors, pair.table))
    return _stats(source, stamp)


@cache
def _stats(source: Existing, stamp: tuple[str, ...]) -> VectorStats:
    total, rows, dimension = hashlib.sha256(), 0, 0
    arrays = pairs(source)
    for pair in arrays:
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
    model = arrays[0].array or source.model or "unnamed"
    return VectorStats(f"given:{model}:{dimension}", dimension, rows, total.hexdigest())


def _check_rows(pair: Pair, matrix: np.ndarray) -> None:
    try:
        rows = pq.read_metadata(pair.table).num_rows
    except (OSError, pa.ArrowException) as error:
        raise DatasetError(f"{pair.table}: {error}") from error
    if rows != len(matrix):
        raise DatasetError(
            f"{pair.vectors} has {len(matrix):,} rows, {pair.table.name} has {rows:,}: not from the same run"
        )


def pairs(source: Existing) -> list[Pair]:
    """The arrays of a folder, each with its table. Raises DatasetError if there are none or one is without its pair."""
    folder = Path(source.folder)
    if (folder / "img_emb").is_dir():
        return list(_clip_retrieval(folder))
    archives = sorted(folder.glob("*.npz"))
    if not archives:
        raise DatasetError(f"{folder}: neither img_emb/*.npy with metadata/*.parquet nor *.npz with *.parquet")
    return [Pair(path, _table(path.with_suffix(".parquet")), _array(path, source.model)) for path in archives]


def _clip_retrieval(folder: Path) -> Iterator[Pair]:
    tables = {_number(path): path for path in (folder / "metadata").glob("*.parquet")}
    arrays = sorted((folder / "img_emb").glob("*.npy"), key=lambda path: int(_number(path) or 0))
    if not arrays:
        raise DatasetError(f"{folder}/img_emb: no .npy file in it")
    for path in arrays:
        yield Pair(path, _table(tables.get(_number(path), folder / "metadata" / f"metadata_{_number(path)}.parquet")))


def _number(path: Path) -> str:
    match = _NUMBER.search(path.name)
    return str(int(match[1])) if match else ""


def _table(path: Path) -> Path:
    if not path.is_file():
        raise DatasetError(f"{path}: no such file; without it, vectors cannot be assigned to images")
    return path


def _array(path: Path, model: str | None) -> str:
    try:
        with np.load(path, allow_pickle=False) as archive:
            names = list(archive.files)
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: {error}") from error
    array = next((name for name in ((model,) if model else _ARRAYS) if name in names), None)
    if array is None:
        raise DatasetError(f"{path}: no array {model or ' or '.join(_ARRAYS)}; there are: {', '.join(names)}")
    return array


# ---- finding a row's vector ------------------------------------------------------------------------------------------


class Lookup:
    """Finds vectors by key, path or URL. Needs 16 bytes of memory per name; the vectors stay on disk."""

    def __init__(self, source: Existing) -> None:
        self._pairs = pairs(source)
        names, places = [], []
        for number, pair in enumerate(self._pairs):
            for hashed in _hashes(pair.table):
                names.append(hashed)
                places.append(np.arange(len(hashed), dtype=np.int64) + (number << 40))
        if not names:
            raise DatasetError(f"{source.folder}: none of the columns {', '.join(_NAMES)} in its tables")
        order = np.argsort(np.concatenate(names), kind="stable")
        self._names = np.concatenate(names)[order]
        self._places = np.concatenate(places)[order]

    def vectors(self, samples: Sequence[Sample]) -> list[np.ndarray | None]:
        """One vector per sample, of unit length; None for a row without a vector."""
        return [self._vector(sample) for sample in samples]

    def _vector(self, sample: Sample) -> np.ndarray | None:
        for name in (sample.key, sample.image, sample.url):
            if not name:
                continue
            hashed = _hash(np.array([name], object))[0]
            at = int(np.searchsorted(self._names, hashed))
            if at < len(self._names) and self._names[at] == hashed:
                number, row = divmod(int(self._places[at]), 1 << 40)
                pair = self._pairs[number]
                vector: np.ndarray = unit(_opened(pair)[row : row + 1], str(pair.vectors), row)[0]
                return vector
        return None


@cache
def lookup(source: Existing) -> Lookup:
    """The lookup of a folder, made once per process."""
    return Lookup(source)


@lru_cache(maxsize=4)  # an .npz is read whole; the rows of a shard are mostly in one file
def _opened(pair: Pair) -> np.ndarray:
    return pair.open()


def _hashes(table: Path) -> Iterator[np.ndarray]:
    """uint64 (rows,) for each column that names images; for paths also without the folder that they share."""
    columns = [name for name in pq.read_schema(table).names if name.casefold() in _NAMES]
    for column in columns:
        values = pq.read_table(table, columns=[column])[column].to_pandas().astype(str).to_numpy(object)
        yield _hash(values)
        if len(values) > 1 and all(value.startswith("/") for value in values):
            shared = os.path.commonpath([os.path.dirname(value) for value in values])
            yield _hash([value[len(shared.rstrip("/")) + 1 :] for value in values])


def _hash(values: Sequence[str] | np.ndarray) -> np.ndarray:
    import pandas as pd

    hashes: np.ndarray = pd.util.hash_array(np.asarray(values, object))
    return hashes
