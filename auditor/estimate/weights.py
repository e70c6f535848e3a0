"""Row weights: how often training sees each row, or how many rows it stands for; 1 by default. Pure.

A share is a ratio of weights. Let P and N be the weight of the positive and of the other rows, T = P + N, and P2 and N2
the sums of their squared weights. The effective sample size of the share is p(1-p) over the ratio's linearised variance
(Korn & Graubard, Survey Methodology 24, 1998), which is T² / (N P2/P + P N2/N). It is capped at T² / (P2 + N2) (Kish,
Survey Sampling, 1965), which is also used if no row or every row is positive. For n equal weights both are n.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class WeightSums:
    """The number of some rows, Σw and Σw²."""

    rows: int = 0
    total: float = 0.0
    squares: float = 0.0

    @classmethod
    def of(cls, weights: np.ndarray) -> WeightSums:
        """The sums of weights, float64 (rows,)."""
        return cls(len(weights), float(weights.sum()), float((weights**2).sum()))

    @classmethod
    def of_rows(cls, n: int) -> WeightSums:
        """The sums of n rows of weight 1."""
        return cls(n, float(n), float(n))

    def __add__(self, other: WeightSums) -> WeightSums:
        return WeightSums(self.rows + other.rows, self.total + other.total, self.squares + other.squares)

    @property
    def n_eff(self) -> float:
        """Kish's effective sample size; 0 without a positive weight."""
        return self.total * (self.total / self.squares) if self.squares else 0.0


NO_ROWS = WeightSums()


def n_eff_of_share(positive: WeightSums, total: WeightSums) -> float:
    """The effective sample size for the share of the positive rows among all rows."""
    negative = total.total - positive.total
    if positive.total <= 0 or negative <= 0:
        return total.n_eff
    negative_squares = max(0.0, total.squares - positive.squares)
    spread = negative * (positive.squares / positive.total) + positive.total * (negative_squares / negative)
    return min(total.n_eff, total.total * (total.total / spread)) if spread else total.n_eff


def row_weights(column: Mapping[str, pa.Array]) -> np.ndarray:
    """The weight of each row of one batch of evidence, float64 (rows,); 1 without a weight column."""
    weights: np.ndarray = column["weight"].fill_null(1.0).to_numpy(zero_copy_only=False)
    return weights
