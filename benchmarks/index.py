"""Time and memory for a million vectors of 512 dimensions: near-duplicates, reference index and diversity metrics.

    python benchmarks/index.py [--vectors 1000000] [--dimension 512]

The vectors are artificial: 2,000 clusters with variation in 60 directions, and 1 % near-duplicates at known positions.
For comparison, faiss alone builds and searches the index of the whitened vectors. Memory is the peak of the process,
including the parts of mapped files that were read.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from auditor.evidence_store.store import PartWriter, Store
from auditor.plugin import Input, Shard
from auditor.similarity import index_writer
from auditor.similarity.diversity import compare_metrics
from auditor.similarity.embedding_set import EmbeddingSet
from auditor.similarity.near_duplicates import clusters
from auditor.similarity.neighbours import Index, self_join, use_threads
from auditor.similarity.reference_index import ReferenceIndex
from auditor.types import Row, Status, Verdict, VerdictKind

_PART = 20_000
_COPIES = 0.01


@contextmanager
def timed(what: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"| {what} | {time.perf_counter() - start:.1f} | {memory:.1f} |", flush=True)


def made(out: Path, count: int, dimension: int) -> None:
    """Parts of evidence; each image of the last 1 % is a near copy of the one as far from the beginning."""
    rng = np.random.default_rng(0)
    kinds = rng.normal(0, 1, (2000, dimension)).astype(np.float32)
    turns = rng.normal(0, 1, (60, dimension)).astype(np.float32) / 4
    first = count - int(count * _COPIES)
    pictures = rng.integers(0, 256, (first, 1024), dtype=np.uint8)
    store, kept = Store(out), np.empty((count - first, dimension), np.float32)
    store.folder.mkdir(parents=True, exist_ok=True)
    for start in range(0, count, _PART):
        rows = np.arange(start, min(count, start + _PART))
        vectors = kinds[rng.integers(0, 2000, len(rows))] + rng.normal(0, 1, (len(rows), 60)).astype(np.float32) @ turns
        vectors += 0.3 * rng.normal(0, 1, vectors.shape).astype(np.float32)
        early, late = rows < len(kept), rows >= first
        kept[rows[early]] = vectors[early]
        origin = rows[late] - first
        vectors[late] = kept[origin] + 0.1 * rng.normal(0, 1, (late.sum(), dimension)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        thumbs = pictures[np.where(late, rows - first, np.minimum(rows, first - 1))]
        write(store, start // _PART, vectors, thumbs)


def write(store: Store, number: int, vectors: np.ndarray, thumbs: np.ndarray) -> None:
    name = f"part-{number:05d}"
    writer = PartWriter(store.path(name), Shard(name, Input("x", "x"), "folder"), "c", fingerprint=lambda: "made:1")
    verdict = Verdict(VerdictKind.UNKNOWN)
    rows = [Row(f"{number}-{row}", "s", f"{number}-{row}", Status.OK, verdict=verdict) for row in range(len(vectors))]
    writer.write(rows, (list(vectors), list(thumbs)))
    writer.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vectors", type=int, default=1_000_000)
    parser.add_argument("--dimension", type=int, default=512)
    given = parser.parse_args()
    use_threads(os.cpu_count() or 1)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        made(out, given.vectors, given.dimension)
        print(f"{given.vectors:,} vectors of {given.dimension}, {os.cpu_count()} cores\n")
        print("| | seconds | most memory so far, GB |\n|---|---|---|")
        parts = list(Store(out).parts())
        with timed("near copies, all of it"):
            corpus = EmbeddingSet(parts)
            label, unsearched = clusters(corpus)
        with timed("whitening alone"):
            compact = corpus.whitened()
        with timed("faiss alone: the join"):
            pairs = sum(len(block) for block in self_join(compact, 8, 0.65))
        with timed("faiss alone: a flat index, 512 queries"):
            Index.build(compact).nearest(compact[:512], 4)
        del compact
        with timed("an index of them"):
            index_writer.add_parts(out / "index", parts, "synthetic")
        with timed("an index: opened, 512 queries"):
            reference_index = ReferenceIndex(out / "index")
            assert reference_index.index is not None
            assert reference_index.space is not None
            reference_index.index.nearest(reference_index.space.transform(reference_index.vectors[:512]), 4)
        pool = corpus.vectors(np.arange(0, len(corpus), max(1, len(corpus) // 10_000)))
        with timed("the panel, 1,000 images a draw"):
            compare_metrics("x", pool[::2], pool[1::2], seed=0)
    count = int(given.vectors * _COPIES)
    found = (label[-count:] == label[:count]).sum()
    wrong = len(np.unique(label)) - (len(label) - count)
    print(f"\n{found:,} of {count:,} known copies found, {max(0, -wrong):,} clusters joined in error;")
    print(f"{pairs:,} pairs of neighbours at 0.65, {unsearched:,} not searched for crops")


if __name__ == "__main__":
    main()
