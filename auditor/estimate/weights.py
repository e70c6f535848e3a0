"""Row weights: how often training sees each row, or for how many it stands; 1 where nothing says otherwise. Pure.

A share is a ratio of weights. Let P and N be the weight of the positive and of the other rows, T = P + N, and P2 and N2
the sums of their squared weights. The share tells as much as n_eff rows of one weight: p(1-p) over the ratio's
linearised variance (Korn & Graubard, Survey Methodology 24, 1998), which is T² / (N P2/P + P N2/N). It is never more
than T² / (P2 + N2) (Kish, Survey Sampling, 1965), which also holds where none or all are positive. Of n equal weights
both are n, and exactly so where they are 1.
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
    """Of some rows: how many they are, Σw and Σw²."""

    rows: int = 0
    total: float = 0.0
    squares: float = 0.0

    @classmethod
    def of(cls, weights: np.ndarray) -> WeightSums:
        """float64 (rows,)."""
        return cls(len(weights), float(weights.sum()), float((weights**2).sum()))

    @classmethod
    def of_rows(cls, n: int) -> WeightSums:
        """So many rows of weight 1."""
        return cls(n, float(n), float(n))

    def __add__(self, other: WeightSums) -> WeightSums:
        return WeightSums(self.rows + other.rows, self.total + other.total, self.squares + other.squares)

    @property
    def n_eff(self) -> float:
        """Kish's effective sample size, whatever is asked; 0 without a row that weighs anything."""
        return self.total * (self.total / self.squares) if self.squares else 0.0


NO_ROWS = WeightSums()


def n_eff_of_share(positive: WeightSums, every: WeightSums) -> float:
    """The effective sample size for the share of the positive ones among all."""
    others = every.total - positive.total
    if positive.total <= 0 or others <= 0:
        return every.n_eff
    squares = max(0.0, every.squares - positive.squares)
    spread = others * (positive.squares / positive.total) + positive.total * (squares / others)
    return min(every.n_eff, every.total * (every.total / spread)) if spread else every.n_eff


def row_weights(column: Mapping[str, pa.Array]) -> np.ndarray:
    """Of one batch of evidence, float64 (rows,): what each row counts; 1 where no column of weights was named."""
    found: np.ndarray = column["weight"].fill_null(1.0).to_numpy(zero_copy_only=False)
    return found
