"""What one run of training reads: the views it may see, their weights, and the held-out views it is watched on."""

from __future__ import annotations

import zlib

import numpy as np
import pandas as pd

from training.config import Places
from training.embed import load_view_vectors
from training.folds import training_files
from training.listing import File
from training.pack import WHOLE
from training.probes import labels_and_weights, linear
from training.rebuild import PREFIX
from training.recipes import Recipe
from training.store import Views
from training.train import Material

WATCHED = 16
LIGHTEST, HEAVIEST = 0.25, 4.0


def gather(files: list[File], places: Places, recipe: Recipe, fold: int | None) -> Material:
    """For the model of a fold, or for the shipped one (None), which sees everything and is watched on nothing."""
    views = Views(places.cache / "pack")
    table = views.table.assign(view=np.arange(len(views.table)))
    seen = seen_files(files, recipe, fold)
    held = [] if fold is None else [file for file in files if file.fold == fold]
    vectors = load_view_vectors(places.cache / "teacher", views)
    train = _weighed(table, seen)
    if recipe.judged:
        train = train.assign(label=_softened(train, judgements(table, vectors, seen), recipe.judged))
    material = Material(views, train, _watched(table, held), _targets(table, vectors, borrow=recipe.borrow))
    return _with_pairs(material, places, seen, recipe.rebuilt) if recipe.rebuilt else material


def seen_files(files: list[File], recipe: Recipe, fold: int | None) -> list[File]:
    """What the model of a fold may learn from; the shipped one (None) from everything."""
    seen = [file for file in files if not file.dropped] if fold is None else training_files(files, fold)
    return [file for file in seen if recipe.hard or not file.path.startswith(("hard/", "rendered/"))]


def judgements(table: pd.DataFrame, vectors: np.ndarray, seen: list[File]) -> dict[str, float]:
    """The chance of being synthetic by a linear probe on the teacher's vectors of these images, for each of them."""
    known = np.isfinite(vectors[:, 0]) & table["path"].isin({file.path for file in seen}).to_numpy()
    paths, features = table["path"][known].tolist(), vectors[known].astype(np.float32)
    logit = linear(features, *labels_and_weights(seen, paths))(features)
    chance: dict[str, float] = pd.Series(1 / (1 + np.exp(-logit))).groupby(paths).mean().to_dict()
    return chance


def _with_pairs(material: Material, places: Places, seen: list[File], weight: float) -> Material:
    """Adds originals and their reconstructions, of real images that may be seen; `unit` keeps the two together."""
    pairs = Views(places.cache / "pack", PREFIX)
    number, first = np.arange(len(pairs.table)), len(material.views.table)
    rows = pairs.table.assign(view=first + number, unit=number // 2, weight=weight)
    train = material.train.assign(unit=len(rows) + np.arange(len(material.train)))
    free = np.full((len(rows), material.teacher.shape[1]), np.nan, material.teacher.dtype)
    return Material(
        views=material.views.joined(pairs),
        train=pd.concat([train, rows[rows["path"].isin({file.path for file in seen})]], ignore_index=True),
        watch=material.watch,
        teacher=np.concatenate([material.teacher, free]),
    )


def _softened(train: pd.DataFrame, judged: dict[str, float], share: float) -> np.ndarray:
    """Labels moved towards the judgement of their image, whatever the view; as they are where there is none."""
    chance = train["path"].map(judged).fillna(train["label"])
    softened: np.ndarray = ((1 - share) * train["label"] + share * chance).to_numpy()
    return softened


def _targets(table: pd.DataFrame, vectors: np.ndarray, *, borrow: bool) -> np.ndarray:
    """The teacher's vectors by row of the views; NaN where the embedding is left free."""
    if not borrow:
        return vectors
    known = np.flatnonzero(np.isfinite(vectors[:, 0]))
    paths = table["path"].to_numpy()
    lender = dict(zip(paths[known], known, strict=True))
    without = np.flatnonzero((table["kind"] == WHOLE).to_numpy() & ~np.isfinite(vectors[:, 0]))
    borrowers = np.array([row for row in without if paths[row] in lender], dtype=int)
    vectors[borrowers] = vectors[[lender[path] for path in paths[borrowers]]]
    return vectors


def _weighed(table: pd.DataFrame, seen: list[File]) -> pd.DataFrame:
    """Views hold most of the weight by their number; what is left of it goes into the loss, within bounds."""
    train = table[table["path"].isin({file.path for file in seen})].reset_index(drop=True)
    label, weight = labels_and_weights(seen, train["path"].tolist())
    weight = np.clip(weight, LIGHTEST, HEAVIEST)
    return train.assign(label=label, weight=weight / weight.mean())


def _watched(table: pd.DataFrame, held: list[File]) -> pd.DataFrame:
    """A few views of each kind of every held-out source."""
    facts = pd.DataFrame([(file.path, file.source, file.label) for file in held], columns=["path", "source", "label"])
    rows = table.merge(facts, on="path")
    names = rows["path"] + " " + rows["variant"].astype(str)
    order = [zlib.crc32(name.encode()) for name in names]
    rows = rows.assign(order=order).sort_values("order")
    return rows.groupby(["source", "kind"]).head(WATCHED).sort_values("view").reset_index(drop=True)
