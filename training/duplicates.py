"""Near-duplicates across folds: what shows the same picture twice is kept out of the other's training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from training.embed import load_view_vectors
from training.listing import File
from training.store import Views

ALIKE = 0.95
CHUNK = 1000


def find_twins(files: list[File], cache: Path) -> pd.DataFrame:
    """Pairs of images of different folds whose whole views the teacher finds alike."""
    views = Views(cache / "pack")
    vectors = load_view_vectors(cache / "teacher", views).astype(np.float32)
    known = np.flatnonzero(np.isfinite(vectors[:, 0]))
    fold_of = {file.path: file.fold for file in files}
    paths = views.table["path"].to_numpy()[known]
    fold, vectors = np.array([fold_of[path] for path in paths]), vectors[known]
    found: set[tuple[str, str]] = set()
    for start in range(0, len(known), CHUNK):
        alike = vectors[start : start + CHUNK] @ vectors.T > ALIKE
        for row, other in zip(*np.nonzero(alike & (fold[start : start + CHUNK, None] < fold[None])), strict=True):
            found.add((paths[start + row], paths[other]))
    return pd.DataFrame(sorted(found), columns=["path", "twin"])


def load_twins(path: Path) -> dict[str, set[str]]:
    """Each image's twins."""
    twins: dict[str, set[str]] = {}
    if path.exists():
        for one, other in pd.read_csv(path).itertuples(index=False):
            twins.setdefault(one, set()).add(other)
            twins.setdefault(other, set()).add(one)
    return twins
