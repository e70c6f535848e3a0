"""calibration.json: counts of out-of-fold scores, and what turns a logit into a probability."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.optimize import minimize

from training.metrics import Floats, expected_calibration_error, source_weights, tpr_at

SCHEMA = "ouro-calibration/1"
GRID = 240
FINE = np.geomspace(0.001, 0.2, 80)
PRIOR = 0.5
SIDES = {0: "real", 1: "synthetic"}


def calibration(scores: pd.DataFrame, model: str, digest: str) -> dict[str, object]:
    """The whole file. Every score has to be out of fold."""
    grid = thresholds(scores)
    conditions = {name: _condition(group, grid) for name, group in scores.groupby("condition", sort=False)}
    return {
        "schema": SCHEMA,
        "model": model,
        "sha256": digest,
        "scores": "an image's logit (mean of its two views), by a model that saw neither its source nor its generator",
        "counts": "at_or_above[i] = number of scores >= thresholds[i]",
        "prior": PRIOR,
        "thresholds": [float(value) for value in grid],
        "pooled": {"platt": _platt(scores), "ece": _left_out_ece(scores)},
        "conditions": conditions,
    }


def thresholds(scores: pd.DataFrame) -> Floats:
    """Fine where 0.1 % to 20 % of reals lie above (clean ones and all), and over the whole range of scores."""
    real = scores[scores["label"] == 0]
    clean = real[real["condition"] == "clean"]
    fine = [tpr_at(pd.concat([part, scores[scores["label"] == 1]]), rate)[1] for part in (clean, real) for rate in FINE]
    even = np.quantile(scores["score"], np.linspace(0, 1, GRID - len(fine)))
    values: Floats = np.unique(np.round([value for value in [*fine, *even] if np.isfinite(value)], 4))
    return values


def _condition(scores: pd.DataFrame, grid: Floats) -> dict[str, object]:
    sides: dict[str, object] = {}
    for label, side in SIDES.items():
        groups = scores[scores["label"] == label].groupby("source")
        sides[side] = {source: _counts(group["score"], grid) for source, group in groups}
    return {"platt": _platt(scores), "ece": _left_out_ece(scores), "sources": sides}


def _counts(scores: pd.Series, grid: Floats) -> dict[str, object]:
    values = np.sort(scores.to_numpy(dtype=float))
    above = len(values) - np.searchsorted(values, grid, "left")
    return {"n": len(values), "at_or_above": above.tolist()}


def _platt(scores: pd.DataFrame) -> dict[str, float]:
    """p = 1 / (1 + exp(-(a x + b))) at even classes, sources weighing the same."""
    x, y, weight = scores["score"].to_numpy(dtype=float), scores["label"].to_numpy(dtype=float), source_weights(scores)

    def loss(parameters: Floats) -> float:
        z = parameters[0] * x + parameters[1]
        return float((weight * (np.logaddexp(0, z) - y * z)).sum())

    a, b = minimize(loss, np.array([1.0, 0.0])).x
    return {"a": round(float(a), 5), "b": round(float(b), 5)}


def _left_out_ece(scores: pd.DataFrame) -> float:
    """Calibration error of each fold's scores under the line fitted on all other folds."""
    chance = np.zeros(len(scores))
    fold = scores["fold"].to_numpy()
    for held in np.unique(fold):
        line = _platt(scores[fold != held])
        chance[fold == held] = 1 / (1 + np.exp(-(line["a"] * scores["score"].to_numpy()[fold == held] + line["b"])))
    return round(expected_calibration_error(scores["label"], chance, source_weights(scores)), 4)
