"""Neighbours among unit vectors, by faiss (Johnson et al., "Billion-scale similarity search with GPUs", 2017).

Up to FLAT vectors are compared with each other one by one; beyond, an inverted file with as many cells as the root of
their number is searched in a few cells (IVF), which finds near copies as good as always and is linear in what it costs.
IVF and not a graph of neighbours (HNSW, Malkov & Yashunin 2018): docs/similarity.md says why. The only module that
knows faiss.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.errors import IndexFileError

if TYPE_CHECKING:
    import numpy as np

FLAT = 1_000_000  # vectors of an index that are compared one by one
MAPPED = 1_000_000  # vectors beyond which a dataset is compared with itself from files
_FLAT_JOIN = 30_000  # and of a dataset with itself, which is the square of it
_QUERIES = 4096
_CELLS = 2  # times the root of the number
_PROBES = 8
_TRAINING = 40  # vectors a cell
_SEED = 1234
_SHARD = 500_000  # vectors whose lists are in memory together, where the others' are in files


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
    def build(cls, vectors: np.ndarray, *, flat: int = FLAT, scratch: Path | None = None) -> Index:
        """Of float32 (n, dimension). scratch: a folder for an inverted file's lists, which are in memory without."""
        import faiss

        n, dimension = vectors.shape
        if n > flat and scratch:
            return cls(_mapped(_trained(vectors), vectors, scratch))
        made: Any = faiss.IndexFlatIP(dimension) if n <= flat else _trained(vectors)
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


def self_join(vectors: np.ndarray, k: int, least: float, *, scratch: Path | None = None) -> Iterator[Pairs]:
    """The k nearest of a cosine of `least` or more for each of float32 (n, dimension), itself not among them (k + 1
    where more than k are copies of it, and hide it); block by block: no more than a block's pairs are in memory.
    scratch: a folder for the index."""
    index = Index.build(vectors, flat=_FLAT_JOIN, scratch=scratch)
    for start in range(0, len(vectors), _QUERIES):
        block = index.nearest(vectors[start : start + _QUERIES], k + 1, least)
        query = block.query + start
        other = query != block.found
        yield Pairs(query[other], block.found[other], block.cosine[other])


def use_threads(count: int) -> None:
    """How many cores a search takes; workers that share a machine take one each."""
    import faiss

    faiss.omp_set_num_threads(count)


def _trained(vectors: np.ndarray) -> Any:
    """An inverted file, still empty."""
    import faiss

    n, dimension = vectors.shape
    cells = int(_CELLS * n**0.5)
    made = faiss.IndexIVFFlat(faiss.IndexFlatIP(dimension), dimension, cells, faiss.METRIC_INNER_PRODUCT)
    made.cp.seed, made.cp.niter, made.cp.max_points_per_centroid = _SEED, 8, _TRAINING
    made.train(_spread(vectors, cells * _TRAINING))
    made.nprobe = _PROBES
    return made


def _mapped(trained: Any, vectors: np.ndarray, scratch: Path) -> Any:
    """The inverted file with all vectors in it, its lists in a file that is mapped into memory."""
    import faiss
    import numpy as np
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


def _spread(vectors: np.ndarray, count: int) -> np.ndarray:
    """About `count` of them, evenly from first to last."""
    step = max(1, len(vectors) // count)
    return vectors[::step]


def _last_line(error: Exception) -> str:
    return str(error).strip().splitlines()[-1][:200]
