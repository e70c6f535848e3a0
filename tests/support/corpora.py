"""Evidence with chosen vectors and thumbnails, without encoding any image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from auditor.evidence_store.store import PartWriter, Store
from auditor.plugin import Input, Shard
from auditor.similarity.embedding_set import EmbeddingSet
from auditor.types import Covariates, Row, Status, Verdict, VerdictKind


def part(
    out: Path,
    vectors: Sequence[np.ndarray | None],
    thumbnails: Sequence[np.ndarray | None],
    *,
    name: str = "part",
    labels: Sequence[VerdictKind] = (),
    years: Sequence[int | None] = (),
    fingerprint: str = "made:1",
) -> None:
    """A part of evidence; the image of its fourth row is `name-3`."""
    store = Store(out)
    store.folder.mkdir(parents=True, exist_ok=True)
    writer = PartWriter(store.path(name), Shard(name, Input("x", "x"), "folder"), "c", fingerprint=lambda: fingerprint)
    rows = [
        Row(
            f"{name}-{n}",
            "s",
            f"{name}-{n}",
            Status.OK,
            verdict=Verdict(labels[n] if labels else VerdictKind.UNKNOWN),
            covariates=Covariates(year=years[n] if years else None),
        )
        for n in range(len(vectors))
    ]
    writer.write(rows, (vectors, thumbnails))
    writer.close()


def corpus(out: Path) -> EmbeddingSet:
    return EmbeddingSet(list(Store(out).parts()))


def pictures(count: int, seed: int = 0) -> np.ndarray:
    """Different random thumbnails, uint8 (count, 1024)."""
    return np.random.default_rng(seed).integers(0, 256, (count, 1024), dtype=np.uint8)


def directions(count: int, dimension: int = 32, seed: int = 0) -> np.ndarray:
    """Random unit vectors, (count, dimension)."""
    found = np.random.default_rng(seed).normal(0, 1, (count, dimension))
    return found / np.linalg.norm(found, axis=1, keepdims=True)
