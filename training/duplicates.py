"""Near-duplicates across folds: what shows the same picture twice is kept out of the other's training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from training.embed import load_view_vectors
from training.listing import File
from training.store import Views

ALIKE = 0.95
CHUNK = 1000


def mark_twins(files: list[File], cache: Path) -> list[File]:
    """The table with the folds that each image has a twin in, by the teacher's vectors of whole views."""
    views = Views(cache / "pack")
    vectors = load_view_vectors(cache / "teacher", views).astype(np.float32)
    known = np.flatnonzero(np.isfinite(vectors[:, 0]))
    fold_of = {file.path: file.fold for file in files}
    paths = views.table["path"].to_numpy()[known]
    twins = _twin_folds(paths, vectors[known], np.array([fold_of[path] for path in paths]))
    return [replace(file, twins="".join(sorted(twins.get(file.path, ())))) for file in files]


def _twin_folds(paths: np.ndarray, vectors: np.ndarray, fold: np.ndarray) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for start in range(0, len(paths), CHUNK):
        alike = vectors[start : start + CHUNK] @ vectors.T > ALIKE
        apart = fold[start : start + CHUNK, None] != fold[None]
        for row, other in zip(*np.nonzero(alike & apart), strict=True):
            found.setdefault(paths[start + row], set()).add(str(fold[other]))
    return found
