"""A ridge head on standardised CLS tokens, and what it says of each group when it was fitted without it.

Weighted ridge regression of ±1 (real, synthetic) with a constant among the features. With X the rows, W their weights
and P = (XᵀWX + λI)⁻¹, the coefficients are b = PXᵀWy, and without the rows G of a group, by Woodbury's identity (as in
Hastie, Tibshirani & Friedman, "The Elements of Statistical Learning", 2009, 7.10; Golub, Heath & Wahba, 1979):

    b₋G = b - P X_Gᵀ (W_G⁻¹ - X_G P X_Gᵀ)⁻¹ (y_G - X_G b)

so that leaving out each of some seven hundred groups costs little more than one fit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
CONSTANT = 3.0  # the feature that carries the intercept: large enough to be shrunk hardly at all


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """How features are standardised: mean and deviation, (numbers,) each."""

    mean: Floats
    deviation: Floats

    def __call__(self, features: ArrayLike) -> Floats:
        """float64 (rows, numbers + 1): standardised, the constant last."""
        values = (np.asarray(features, np.float64) - self.mean) / self.deviation
        return np.column_stack([values, np.full(len(values), CONSTANT)])


def scale_of(features: ArrayLike) -> Scale:
    """Of all rows; labels are not looked at."""
    values = np.asarray(features, np.float64)
    return Scale(values.mean(axis=0), values.std(axis=0) + 1e-6)


@dataclass(frozen=True, slots=True, eq=False)
class Ridge:
    """A fitted head. weights: (numbers + 1,) of standardised rows."""

    weights: Floats
    inverse: Floats
    rows: Floats
    labels: Floats
    importance: Floats

    def without(self, group: NDArray[np.bool_]) -> Floats:
        """The weights of a fit without these rows."""
        if not group.any():
            return self.weights
        own = self.rows[group]
        reach = own @ self.inverse
        inner = np.diag(1 / self.importance[group]) - reach @ own.T
        change: Floats = np.linalg.solve(inner, self.labels[group] - own @ self.weights)
        return self.weights - reach.T @ change


def fit(rows: Floats, synthetic: ArrayLike, importance: ArrayLike, *, penalty: float) -> Ridge:
    """rows: standardised (n, numbers + 1). penalty: of each squared weight, a row of importance 1 counting 1."""
    labels, weight = np.where(np.asarray(synthetic, bool), 1.0, -1.0), np.asarray(importance, np.float64)
    weighted = rows.T * weight
    inverse = np.linalg.inv(weighted @ rows + penalty * np.eye(rows.shape[1]))
    return Ridge(inverse @ (weighted @ labels), inverse, rows, labels, weight)
