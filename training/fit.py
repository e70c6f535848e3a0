"""From kept tokens to a head, and to the scores of every image by heads that never saw its group."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditor.estimate.head import Head
from training import head
from training.clip import BLOCKS, WIDTH
from training.data import KIND_WEIGHTS, Picture, weights
from training.embed import DEGRADED, load
from training.head import CONSTANT, Floats

NOTHING = 1e-9  # the weight of what is not learnt from


@dataclass(frozen=True, slots=True)
class Recipe:
    """blocks: whose CLS tokens are read (from 1). vector: CLIP's embedding too. streams: copies to learn from.
    penalty: of a squared weight, a row counting 1. kinds: how many times as much real images of a kind weigh."""

    blocks: tuple[int, ...] = (7, 8, 9, 10, 11)
    vector: bool = False
    streams: tuple[str, ...] = (*DEGRADED, "jpeg75", "img2dataset256")
    penalty: float = 4000.0
    kinds: Mapping[str, float] = field(default_factory=lambda: KIND_WEIGHTS)


@dataclass(frozen=True, slots=True)
class Kept:
    """Pictures whose tokens were kept: by which encoder (all blocks' tokens and the vector), where."""

    pictures: Sequence[Picture]
    encoder: Path
    cache: Path

    def features(self, stream: str, recipe: Recipe) -> Floats:
        """float32 (pictures, numbers)."""
        every = load(self.pictures, stream, self.encoder, self.cache)
        parts = [every[:, (block - 1) * WIDTH : block * WIDTH] for block in recipe.blocks]
        if recipe.vector:
            parts.append(every[:, BLOCKS * WIDTH :])
        return np.concatenate(parts, axis=1).astype(np.float32)


def fitted(kept: Kept, recipe: Recipe, few: Collection[str] = ()) -> tuple[head.Ridge, head.Scale]:
    """The ridge head of all groups, or of these few."""
    every = np.concatenate([kept.features(stream, recipe) for stream in recipe.streams])
    scale = head.scale_of(every)
    copies = len(recipe.streams)
    synthetic = [picture.synthetic for picture in kept.pictures]
    importance = np.array(weights(kept.pictures, recipe.kinds)) / copies
    if few:
        importance[[picture.group not in few for picture in kept.pictures]] = NOTHING
    return head.fit(scale(every), synthetic * copies, np.tile(importance, copies), penalty=recipe.penalty), scale


def product(ridge: head.Ridge, scale: head.Scale) -> Head:
    """As the auditor reads it."""
    bias = np.array([CONSTANT * ridge.weights[-1]])
    return Head(*(np.asarray(part, np.float32) for part in (scale.mean, scale.deviation, ridge.weights[:-1], bias)))


def left_out(
    kept: Kept, recipe: Recipe, conditions: Sequence[str], few: Collection[str] = (), folds: int = 0
) -> pd.DataFrame:
    """One row a picture and condition, scored by what these few groups (default: all) teach without its own.

    folds: leave out a whole fold of groups at a time instead.
    """
    ridge, scale = fitted(kept, recipe, few)
    groups = np.array([picture.group for picture in kept.pictures])
    if folds:
        groups = dealt(groups, folds)
    members = {group: np.flatnonzero(groups == group) for group in np.unique(groups)}
    copies = len(recipe.streams)
    without = {group: ridge.without(np.tile(groups == group, copies)) for group in members}
    found = []
    for condition in conditions:
        rows, scores = scale(kept.features(condition, recipe)), np.zeros(len(groups))
        for group, own in members.items():
            scores[own] = rows[own] @ without[group]
        found.append(table(kept.pictures).assign(condition=condition, score=scores.astype(np.float32)))
    return pd.concat(found, ignore_index=True)


def dealt(groups: NDArray[np.str_], folds: int) -> NDArray[np.str_]:
    """Whole groups, dealt into folds at random."""
    names, place = np.unique(groups, return_inverse=True)
    return (np.random.default_rng(0).permutation(len(names)) % folds)[place].astype(str)


def offset(scores: pd.DataFrame, fold: NDArray[np.str_]) -> float:
    """Standard deviation of what the scores of a fold have in common: the component between folds of a one-way analysis
    of variance of the sources' means, each class about its own (Searle, Casella & McCulloch, Variance Components, 3.6).
    """
    means = scores.assign(fold=fold).groupby(["label", "source", "fold"], observed=True)["score"].mean().reset_index()
    rest = means["score"] - means.groupby("label")["score"].transform("mean")
    groups = rest.groupby(means["fold"])
    size, count = groups.size(), len(rest)
    within = float(((rest - groups.transform("mean")) ** 2).sum() / (count - groups.ngroups))
    between = float((size * (groups.mean() - rest.mean()) ** 2).sum() / (groups.ngroups - 1))
    effective = (count - float((size**2).sum()) / count) / (groups.ngroups - 1)
    return max(0.0, (between - within) / effective) ** 0.5


def table(pictures: Sequence[Picture]) -> pd.DataFrame:
    """path, source, group, generator, kind, label, photographic; one row a picture."""
    names = ("source", "group", "generator", "kind")
    columns = {name: [getattr(picture, name) for picture in pictures] for name in names}
    labels = [int(picture.synthetic) for picture in pictures]
    photographic = [picture.is_photographic for picture in pictures]
    return pd.DataFrame({"path": [p.name for p in pictures], **columns, "label": labels, "photographic": photographic})
