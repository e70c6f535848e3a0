"""Adapts the classifier's head to the user's images, regularised towards the shipped head.

Ridge regression on the residuals of the shipped head: with its scores s and the targets y = ±1, the change δ of its
weights minimises Σ w (y - s - x·δ)² + strength |δ|². A large strength keeps the shipped head, a small one fits a head
to these images alone (biased regularisation; Schölkopf, Herbrich & Smola, "A Generalized Representer Theorem", 2001).
In the dual form, with K = XXᵀ and A = (K + strength W⁻¹)⁻¹, the residuals of rows S when all of S are left out are
A_SS⁻¹ (A r)_S, so leaving out folders, alone and in pairs, costs one inverse per strength.

The strength is chosen by cross-validation over folders. The scores that error rates are measured on are nested: the
head leaves out the scored folder, and the choice of its strength leaves out a second folder in turn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from auditor.errors import CalibrationError
from auditor.estimate.head import Head

# Times the number of features (standardised); a row has weight 1 on average.
STRENGTHS = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
_MAX_ROWS = 4096  # that a head is fitted to; inverting their kernel matrix takes seconds
_MIN_FOLDERS, _MIN_IMAGES = 2, 20  # per class
_ROW_FIELDS = ("x", "target", "shipped", "residual", "folder", "weight", "condition")
Tokens = Mapping[tuple[str, str], Sequence[Any]]  # (condition, source) -> one float32 (features,) per image
Scores = Mapping[tuple[str, str], Sequence[float]]


@dataclass(frozen=True, slots=True)
class Adaptation:
    """head: the adapted head; None if the shipped one is at least as good. real, synthetic: out-of-folder scores of the
    head that is kept. before, after: out-of-folder AUROC of the shipped and the adapted head, the mean over conditions
    with equal weights of sources. strength: chosen on all folders; None if no change is best."""

    head: Head | None
    real: Scores
    synthetic: Scores
    before: float
    after: float
    strength: float | None


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """One row per image and condition. x: standardised and centred on `middle`, because a fitted constant would reveal
    the class of the folder that is left out. residual: target minus the shipped head's score, centred. folder: its
    number; real and synthetic folders have different numbers."""

    x: np.ndarray
    middle: np.ndarray
    target: np.ndarray
    shipped: np.ndarray
    residual: np.ndarray
    folder: np.ndarray
    weight: np.ndarray
    condition: np.ndarray


def adapt_head(real: Tokens, synthetic: Tokens, shipped: Head) -> Adaptation:
    """The adaptation; see the module. Raises CalibrationError for too few folders or images."""
    for side, tokens in (("real", real), ("synthetic", synthetic)):
        _check(side, tokens)
    keys = [*((0, key) for key in real), *((1, key) for key in synthetic)]
    rows = _rows(keys, (real, synthetic), shipped)
    fitted = rows if len(rows.x) <= _MAX_ROWS else _subsample(rows)
    fits = [_Fit(fitted, strength * len(shipped.weights)) for strength in STRENGTHS]
    scores, folders = rows.shipped.copy(), np.unique(rows.folder)
    for folder in folders:
        in_folder = rows.folder == folder
        if (best := _best(fits, without=int(folder))) is not None:
            scores[in_folder] += rows.x[in_folder] @ best.change(fitted.folder == folder)
    before, after = _auroc(rows, rows.shipped), _auroc(rows, scores)
    chosen = _best(fits)
    if chosen is None or after <= before:
        return Adaptation(None, *_split(keys, (real, synthetic), rows.shipped), before, after, None)
    change = chosen.change(np.zeros(len(fitted.x), bool))
    weights = (shipped.weights + change).astype(np.float32)
    bias = (shipped.bias - rows.middle @ change).astype(np.float32)
    head = Head(shipped.mean, shipped.deviation, weights, bias)
    return Adaptation(head, *_split(keys, (real, synthetic), scores), before, after, chosen.strength)


class _Fit:
    """The fit on all folders at one strength; gives fits and residuals with any folder left out."""

    def __init__(self, rows: _Rows, strength: float) -> None:
        self.rows, self.strength = rows, strength
        self.inverse = np.linalg.inv(rows.x @ rows.x.T + np.diag(strength / rows.weight))
        self.dual = self.inverse @ rows.residual

    def change(self, left_out: np.ndarray) -> np.ndarray:
        """δ, float64 (features,), with these rows (bool) left out."""
        dual = self.dual.copy()
        if left_out.any():
            dual -= self.inverse[:, left_out] @ np.linalg.solve(
                self.inverse[np.ix_(left_out, left_out)], dual[left_out]
            )
            dual[left_out] = 0
        change: np.ndarray = self.rows.x.T @ dual
        return change

    def loss(self, without: int | None) -> float:
        """Mean weighted squared residual with each folder left out in turn; `without` is always left out."""
        rows, total, weight = self.rows, 0.0, 0.0
        is_excluded = rows.folder == without
        for folder in np.unique(rows.folder[~is_excluded]):
            in_folder = rows.folder == folder
            both = np.flatnonzero(in_folder | is_excluded)
            residual = np.linalg.solve(self.inverse[np.ix_(both, both)], self.dual[both])[in_folder[both]]
            total += float((rows.weight[in_folder] * residual**2).sum())
            weight += float(rows.weight[in_folder].sum())
        return total / weight


def _best(fits: Sequence[_Fit], without: int | None = None) -> _Fit | None:
    """The fit with the lowest loss; None if the unchanged head has a lower loss."""
    rows = fits[0].rows
    kept = rows.folder != without
    unchanged = float((rows.weight * rows.residual**2)[kept].sum() / rows.weight[kept].sum())
    losses = [fit.loss(without) for fit in fits]
    lowest = min(losses)
    return fits[losses.index(lowest)] if lowest < unchanged else None


def _check(side: str, tokens: Tokens) -> None:
    folders = {source for _, source in tokens}
    images = max(
        sum(len(values) for (name, _), values in tokens.items() if name == condition) for condition, _ in tokens
    )
    if len(folders) < _MIN_FOLDERS or images < _MIN_IMAGES:
        raise CalibrationError(
            f"--adapt validates on held-out folders: it needs {_MIN_FOLDERS} folders and {_MIN_IMAGES} images "
            f"per class; the {side} class has {len(folders)} ({', '.join(sorted(folders))[:80]}) and {images}. Keep "
            "images of different origin in different folders"
        )


def _rows(keys: Sequence[tuple[int, tuple[str, str]]], sides: tuple[Tokens, Tokens], shipped: Head) -> _Rows:
    """Rows and weights: sources count as the square root of their images, both classes equally, with mean weight 1."""
    parts = [np.stack(sides[label][key]) for label, key in keys]
    counts = [len(part) for part in parts]
    tokens = np.concatenate(parts)
    label = np.repeat([label for label, _ in keys], counts)
    names = [f"{label} {source}" for label, (_, source) in keys]
    weight = np.repeat([count**-0.5 for count in counts], counts)
    for value in (0, 1):
        weight[label == value] *= len(label) / 2 / weight[label == value].sum()
    x = shipped.standardised(tokens).astype(np.float64)
    middle = np.average(x, axis=0, weights=weight)
    target, scores = np.where(label == 1, 1.0, -1.0), shipped.scores(tokens).astype(np.float64)
    return _Rows(
        x=x - middle,
        middle=middle,
        target=target,
        shipped=scores,
        residual=target - scores - np.average(target - scores, weights=weight),
        folder=np.repeat(np.unique(names, return_inverse=True)[1], counts),
        weight=weight,
        condition=np.repeat([condition for _, (condition, _) in keys], counts),
    )


def _subsample(rows: _Rows) -> _Rows:
    """_MAX_ROWS of the rows, drawn with a fixed seed."""
    picked = np.sort(np.random.default_rng(0).choice(len(rows.x), _MAX_ROWS, replace=False))
    return replace(rows, **{name: getattr(rows, name)[picked] for name in _ROW_FIELDS})


def _auroc(rows: _Rows, scores: np.ndarray) -> float:
    """The mean AUROC over conditions, with equal weights of sources."""
    from scipy.stats import mannwhitneyu

    aurocs = []
    for condition in np.unique(rows.condition):
        real, synthetic = (
            [
                scores[(rows.folder == f) & (rows.condition == condition)]
                for f in np.unique(rows.folder[rows.target == y])
            ]
            for y in (-1, 1)
        )
        pairs = [mannwhitneyu(b, a).statistic / (len(a) * len(b)) for a in real for b in synthetic if len(a) and len(b)]
        aurocs.append(np.mean(pairs))
    return float(np.mean(aurocs))


def _split(
    keys: Sequence[tuple[int, tuple[str, str]]], sides: tuple[Tokens, Tokens], scores: np.ndarray
) -> tuple[Scores, Scores]:
    split: tuple[dict[tuple[str, str], Sequence[float]], ...] = ({}, {})
    start = 0
    for label, key in keys:
        end = start + len(sides[label][key])
        split[label][key] = [float(score) for score in scores[start:end]]
        start = end
    return split[0], split[1]
