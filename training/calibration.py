"""calibration.json: counts of out-of-fold scores, and a logit's chance; auditor/estimate/calibration.py reads it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import minimize

from training.metrics import Floats, source_weights, tpr_at

SCHEMA = "auditor-calibration/1"
DETECTOR = "synthetic"
ORIGIN = (
    "{images:,} images of {real} real and {synthetic} synthetic sources under {conditions} conditions, out of fold "
    "({folds} folds: no model saw a source or generator that it scored); slope, intercept and thresholds chosen on them"
)
GRID = 240
FINE = np.geomspace(0.001, 0.2, 80)
PRIOR = 0.5
SIDES = {"real": 0, "synthetic": 1}


def calibration(scores: pd.DataFrame, model: str, digest: str) -> dict[str, object]:
    """The whole file. Every score has to be out of fold."""
    grid = thresholds(scores)
    slope, intercept = line(scores)
    groups = scores.groupby("condition", sort=False, observed=True)
    return {
        "schema": SCHEMA,
        "detector": DETECTOR,
        "model": model,
        "sha256": digest,
        "origin": _origin(scores),
        "prior": PRIOR,
        "slope": slope,
        "intercept": intercept,
        "zero": zero(scores),
        "thresholds": [float(value) for value in grid],
        "conditions": {str(name): _condition(group, grid) for name, group in groups},
    }


def thresholds(scores: pd.DataFrame) -> Floats:
    """Fine where 0.1 % to 20 % of reals lie above (clean ones and all), and over the whole range of scores."""
    real = scores[scores["label"] == 0]
    clean = real[real["condition"] == "clean"]
    fine = [tpr_at(pd.concat([part, scores[scores["label"] == 1]]), rate)[1] for part in (clean, real) for rate in FINE]
    even = np.quantile(scores["score"], np.linspace(0, 1, GRID - len(fine)))
    values: Floats = np.unique(np.round([value for value in [*fine, *even] if np.isfinite(value)], 4))
    return values


def line(scores: pd.DataFrame) -> tuple[float, float]:
    """Slope and intercept of the chance's logit at even classes, sources weighing the same."""
    x, y, weight = scores["score"].to_numpy(dtype=float), scores["label"].to_numpy(dtype=float), source_weights(scores)

    def loss(parameters: Floats) -> float:
        z = parameters[0] * x + parameters[1]
        return float((weight * (np.logaddexp(0, z) - y * z)).sum())

    slope, intercept = minimize(loss, np.array([1.0, 0.0])).x
    return round(float(slope), 5), round(float(intercept), 5)


def zero(scores: pd.DataFrame) -> dict[str, Any]:
    """What the scores of each fold's model have in common on its unseen sources of both classes, in logits.

    Of a one-way analysis of variance over the sources' mean scores, each class about its own mean (Searle, Casella &
    McCulloch, Variance Components, 3.6): each fold's mean, its number of sources, and their deviation about it.
    """
    means = scores.groupby(["label", "source", "fold"], observed=True)["score"].mean().reset_index()
    rest = means["score"] - means.groupby("label")["score"].transform("mean")
    folds = rest.groupby(means["fold"])
    within = np.sqrt(((rest - folds.transform("mean")) ** 2).sum() / (len(rest) - folds.ngroups))
    return {
        "means": tuple(round(float(mean), 3) for mean in folds.mean()),
        "sources": tuple(int(size) for size in folds.size()),
        "within": round(float(within), 3),
    }


def left_out_chance(scores: pd.DataFrame) -> Floats:
    """Each score's chance by the line fitted on all other folds."""
    chance: Floats = np.zeros(len(scores))
    fold = scores["fold"].to_numpy()
    for held in np.unique(fold):
        slope, intercept = line(scores[fold != held])
        chance[fold == held] = 1 / (1 + np.exp(-(slope * scores["score"].to_numpy()[fold == held] + intercept)))
    return chance


def _origin(scores: pd.DataFrame) -> str:
    sources = scores.groupby("label")["source"].nunique()
    return ORIGIN.format(
        images=scores["path"].nunique(),
        real=sources[0],
        synthetic=sources[1],
        conditions=scores["condition"].nunique(),
        folds=scores["fold"].nunique(),
    )


def _condition(scores: pd.DataFrame, grid: Floats) -> dict[str, object]:
    sides: dict[str, object] = {}
    for side, label in SIDES.items():
        groups = scores[scores["label"] == label].groupby("source", observed=True)
        sides[side] = {str(source): _counts(group["score"], grid) for source, group in groups}
    return sides


def _counts(scores: pd.Series, grid: Floats) -> dict[str, object]:
    """How many there are, and how many lie at or above each threshold."""
    values = np.sort(scores.to_numpy(dtype=float))
    above = len(values) - np.searchsorted(values, grid, "left")
    return {"n": len(values), "above": above.tolist()}
