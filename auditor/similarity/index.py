"""Neighbours among unit vectors, by faiss (Johnson et al., "Billion-scale similarity search with GPUs", 2017).

Up to FLAT vectors are compared with each other one by one; beyond, an inverted file with as many cells as the root of
their number is searched in a few cells (IVF), which finds near copies as good as always and is linear in what it costs.
The only module that knows faiss.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.errors import IndexFileError

if TYPE_CHECKING:
    import numpy as np

FLAT = 1_000_000  # vectors of a bank that are compared one by one
_FLAT_JOIN = 30_000  # and of a dataset with itself, which is the square of it
_QUERIES = 4096
_CELLS = 2  # times the root of the number
_PROBES = 8
_TRAINING = 40  # vectors a cell
_SEED = 1234


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Neighbours: int64 (n,) numbers of the query and of what was found, float32 (n,) their cosine, largest first for
    each query."""

    query: np.ndarray
    found: np.ndarray
    cosine: np.ndarray

    def __len__(self) -> int:
        """How many."""
        return len(self.query)


class Index:
    """Unit vectors that can be searched; see the module."""

    def __init__(self, made: Any) -> None:
        self._made = made

    @classmethod
    def build(cls, vectors: np.ndarray, *, flat: int = FLAT) -> Index:
        """Of float32 (n, dimension)."""
        import faiss

        n, dimension = vectors.shape
        made: Any
        if n <= flat:
            made = faiss.IndexFlatIP(dimension)
        else:
            cells = int(_CELLS * n**0.5)
            made = faiss.IndexIVFFlat(faiss.IndexFlatIP(dimension), dimension, cells, faiss.METRIC_INNER_PRODUCT)
            made.cp.seed, made.cp.niter, made.cp.max_points_per_centroid = _SEED, 8, _TRAINING
            made.train(_spread(vectors, cells * _TRAINING))
            made.nprobe = _PROBES
        for start in range(0, n, _QUERIES * 16):
            made.add(vectors[start : start + _QUERIES * 16])
        return cls(made)

    @classmethod
    def read(cls, path: Path) -> Index:
        """Mapped into memory, so that processes share it. Raises IndexFileError for what faiss cannot read."""
        import faiss

        try:
            made = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
            if hasattr(made, "nprobe"):
                made.nprobe = _PROBES
        except RuntimeError as error:
            raise IndexFileError(f"{path}: faiss cannot read it: {_last_line(error)}") from error
        return cls(made)

    def write(self, path: Path) -> None:
        """Where nothing lies yet; the caller renames."""
        import faiss

        faiss.write_index(self._made, str(path))

    @property
    def size(self) -> int:
        """How many vectors."""
        return int(self._made.ntotal)

    @property
    def dimension(self) -> int:
        """Of each."""
        return int(self._made.d)

    def nearest(self, vectors: np.ndarray, k: int, least: float = -1.0) -> Pairs:
        """At most k of a cosine of `least` or more for each of float32 (n, dimension)."""
        import numpy as np

        cosine, found = self._made.search(np.ascontiguousarray(vectors, np.float32), min(k, max(1, self.size)))
        keep = (found >= 0) & (cosine >= least)
        query = np.broadcast_to(np.arange(len(vectors))[:, None], found.shape)
        return Pairs(query[keep], found[keep].astype(np.int64), cosine[keep])


def self_join(vectors: np.ndarray, k: int, least: float) -> Iterator[Pairs]:
    """The k nearest of a cosine of `least` or more for each of float32 (n, dimension), itself not among them (k + 1
    where more than k are copies of it, and hide it); block by block: no more than a block's pairs are in memory."""
    index = Index.build(vectors, flat=_FLAT_JOIN)
    for start in range(0, len(vectors), _QUERIES):
        block = index.nearest(vectors[start : start + _QUERIES], k + 1, least)
        query = block.query + start
        other = query != block.found
        yield Pairs(query[other], block.found[other], block.cosine[other])


def use_threads(count: int) -> None:
    """How many cores a search takes; workers that share a machine take one each."""
    import faiss

    faiss.omp_set_num_threads(count)


def _spread(vectors: np.ndarray, count: int) -> np.ndarray:
    """About `count` of them, evenly from first to last."""
    step = max(1, len(vectors) // count)
    return vectors[::step]


def _last_line(error: Exception) -> str:
    return str(error).strip().splitlines()[-1][:200]
