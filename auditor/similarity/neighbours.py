"""Neighbours among unit vectors, by faiss (Johnson et al., "Billion-scale similarity search with GPUs", 2017).

Up to FLAT vectors the search is exhaustive. Beyond, an inverted file (IVF) with about as many cells as the square root
of their number is searched in a few cells: this finds nearly all near-duplicates, and the cost is about linear.
docs/explanation/similarity.md says why it is IVF and not a graph of neighbours (HNSW, Malkov & Yashunin 2018). Only
this module uses faiss.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from auditor.errors import IndexFileError

FLAT = 1_000_000  # an index with at most so many vectors is searched exhaustively
MAPPED = 1_000_000  # a self-join of more vectors keeps its index in files
_FLAT_JOIN = 30_000  # as FLAT, for a self-join, whose cost is quadratic
_QUERIES = 4096
_CELLS = 2  # times the square root of the number of vectors
_PROBES = 8
_TRAINING = 40  # vectors per cell
_SEED = 1234
_SHARD = 500_000  # vectors with lists in memory at the same time, when lists are in files


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Pairs of neighbours: int64 (n,) numbers of the query and of its neighbour (`found`), float32 (n,) their cosine,
    largest first for each query."""

    query: np.ndarray
    found: np.ndarray
    cosine: np.ndarray

    def __len__(self) -> int:
        """The number of pairs."""
        return len(self.query)


class Index:
    """A search index of unit vectors; see the module."""

    def __init__(self, index: Any) -> None:
        self._index = index

    @classmethod
    def build(cls, vectors: np.ndarray, *, flat: int = FLAT, scratch: Path | None = None) -> Index:
        """An index of float32 (n, dimension). scratch: a folder for an inverted file's lists; without, they are in
        memory."""
        import faiss

        n, dimension = vectors.shape
        if n > flat and scratch:
            return cls(_mapped(_trained(vectors), vectors, scratch))
        index: Any = faiss.IndexFlatIP(dimension) if n <= flat else _trained(vectors)
        for start in range(0, n, _QUERIES * 16):
            index.add(vectors[start : start + _QUERIES * 16])
        return cls(index)

    @classmethod
    def read(cls, path: Path) -> Index:
        """Reads an index, memory-mapped, so that processes share it. Raises IndexFileError for a damaged file."""
        import faiss

        try:
            index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
            if hasattr(index, "nprobe"):
                index.nprobe = _PROBES
        except RuntimeError as error:
            raise IndexFileError(f"{path}: faiss cannot read it: {_last_line(error)}") from error
        return cls(index)

    def write(self, path: Path) -> None:
        """Writes the index to a new file; the caller renames it."""
        import faiss

        faiss.write_index(self._index, str(path))

    @property
    def size(self) -> int:
        """The number of vectors."""
        return int(self._index.ntotal)

    @property
    def dimension(self) -> int:
        """The dimension of the vectors."""
        return int(self._index.d)

    def nearest(self, vectors: np.ndarray, k: int, min_cosine: float = -1.0) -> Pairs:
        """For each of float32 (n, dimension) at most k neighbours with a cosine of at least `min_cosine`."""
        cosine, found = self._index.search(np.ascontiguousarray(vectors, np.float32), min(k, max(1, self.size)))
        keep = (found >= 0) & (cosine >= min_cosine)
        query = np.broadcast_to(np.arange(len(vectors))[:, None], found.shape)
        return Pairs(query[keep], found[keep].astype(np.int64), cosine[keep])


def self_join(vectors: np.ndarray, k: int, min_cosine: float, *, scratch: Path | None = None) -> Iterator[Pairs]:
    """For each of float32 (n, dimension) its k nearest neighbours with a cosine of at least `min_cosine`, without
    itself (k + 1 if it has more than k exact copies, which can hide it). Block by block: only one block's pairs are in
    memory.
    scratch: a folder for the index."""
    index = Index.build(vectors, flat=_FLAT_JOIN, scratch=scratch)
    for start in range(0, len(vectors), _QUERIES):
        block = index.nearest(vectors[start : start + _QUERIES], k + 1, min_cosine)
        query = block.query + start
        is_other = query != block.found
        yield Pairs(query[is_other], block.found[is_other], block.cosine[is_other])


def use_threads(count: int) -> None:
    """Sets the number of threads of a search; workers on one machine use one each."""
    import faiss

    faiss.omp_set_num_threads(count)


def _trained(vectors: np.ndarray) -> Any:
    """A trained inverted file, still empty."""
    import faiss

    n, dimension = vectors.shape
    cells = int(_CELLS * n**0.5)
    index = faiss.IndexIVFFlat(faiss.IndexFlatIP(dimension), dimension, cells, faiss.METRIC_INNER_PRODUCT)
    index.cp.seed, index.cp.niter, index.cp.max_points_per_centroid = _SEED, 8, _TRAINING
    index.train(_subsample(vectors, cells * _TRAINING))
    index.nprobe = _PROBES
    return index


def _mapped(trained: Any, vectors: np.ndarray, scratch: Path) -> Any:
    """The inverted file with all vectors; its lists are in a memory-mapped file."""
    import faiss
    from faiss.contrib.ondisk import merge_ondisk

    shards = []
    for start in range(0, len(vectors), _SHARD):
        block = np.ascontiguousarray(vectors[start : start + _SHARD])
        shard = faiss.clone_index(trained)
        shard.add_with_ids(block, np.arange(start, start + len(block)))
        shards.append(scratch / f"shard-{start}")
        faiss.write_index(shard, str(shards[-1]))
    merge_ondisk(trained, [str(path) for path in shards], str(scratch / "lists"))
    for path in shards:
        path.unlink()
    return trained


def _subsample(vectors: np.ndarray, count: int) -> np.ndarray:
    """About `count` of the vectors, evenly spaced."""
    step = max(1, len(vectors) // count)
    return vectors[::step]


def _last_line(error: Exception) -> str:
    return str(error).strip().splitlines()[-1][:200]
