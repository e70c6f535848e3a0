"""How much of the teacher the embedding keeps, on images of sources that its fold's model has not seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageEnhance, ImageOps

from training.conditions import CONDITIONS
from training.embed import load_condition_vectors
from training.launder import decode, encode
from training.metrics import auroc
from training.reference import Model
from training.store import evaluation_files

NEIGHBOURS = 10
CONDITION = "jpeg75"
SAMPLE = 100
CHANGES = {
    "crop 80 %": lambda image: ImageOps.fit(image, (round(image.width * 0.894), round(image.height * 0.894))),
    "JPEG 30": lambda image: decode(encode(image, "JPEG", 30)),
    "brightness 1.4": lambda image: ImageEnhance.Brightness(image).enhance(1.4),
    "mirrored": ImageOps.mirror,
}


def overlap(runs: Path, teacher: Path) -> dict[str, float]:
    """Share of the teacher's nearest images among the student's, fold by fold, both looking at JPEG 75."""
    paths, wanted = load_condition_vectors(teacher / f"{CONDITION}.npz")
    place = {path: row for row, path in enumerate(paths)}
    shares = {}
    for stored in sorted(runs.glob(f"fold-*/{CONDITION}-embeddings.npz")):
        names, vectors = load_condition_vectors(stored)
        same = wanted[[place[name] for name in names]]
        mine, theirs = _nearest(vectors), _nearest(same)
        agreed = [len(set(one) & set(other)) / NEIGHBOURS for one, other in zip(mine, theirs, strict=True)]
        shares[stored.parent.name] = round(float(np.mean(agreed)), 4)
    return shares


def separation(model: Model, pack: Path, paths: set[str]) -> dict[str, float]:
    """AUROC of the cosine between an image and its changed copy, against the cosine between different images."""
    images = [decode(data) for _, data in list(evaluation_files(pack, next(iter(CONDITIONS)), paths))[:SAMPLE]]
    plain = _embed(model, images)
    rows, columns = np.triu_indices(len(plain), 1)
    apart = (plain @ plain.T)[rows, columns]
    found = {}
    for name, change in CHANGES.items():
        alike = (plain * _embed(model, [change(image) for image in images])).sum(1)
        label = np.r_[np.ones(len(alike)), np.zeros(len(apart))]
        found[name] = round(auroc(label, np.r_[alike, apart]), 4)
    return found


def table(runs: Path, teacher: Path, pack: Path, held: dict[int, set[str]]) -> pd.DataFrame:
    """Both measures, a line a fold."""
    shares = overlap(runs, teacher)
    lines = []
    for fold, paths in held.items():
        model = Model(runs / f"fold-{fold}.onnx")
        lines.append({"fold": fold, "overlap_at_10": shares[f"fold-{fold}"]} | separation(model, pack, paths))
    return pd.DataFrame(lines)


def _nearest(vectors: np.ndarray) -> np.ndarray:
    likeness = vectors @ vectors.T
    np.fill_diagonal(likeness, -np.inf)
    order: np.ndarray = np.argpartition(-likeness, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
    return order


def _embed(model: Model, images: list[Image.Image]) -> np.ndarray:
    return np.stack([model(image)[0] for image in images])
