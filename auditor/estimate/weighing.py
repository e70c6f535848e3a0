"""Rows that do not count the same: how often training sees each, or for how many it stands. Pure.

A share is then a ratio of weights, and n rows tell less of it than n equal ones: p(1-p) over the variance of that ratio
(linearised; Korn & Graubard, Survey Methodology 24, 1998), and never more than (Σw)²/Σw² (Kish, Survey Sampling, 1965),
which is what they are worth where none or all are positive, and where the positive ones happen to be light.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Weighed:
    """Rows by what they weigh: Σw and Σw²."""

    total: float = 0.0
    squares: float = 0.0

    @classmethod
    def of(cls, weights: np.ndarray) -> Weighed:
        """float64 (rows,)."""
        return cls(float(weights.sum()), float((weights**2).sum()))

    def __add__(self, other: Weighed) -> Weighed:
        return Weighed(self.total + other.total, self.squares + other.squares)

    @property
    def worth(self) -> float:
        """How many rows of one weight tell as much, whatever is asked; 0 without a row that weighs anything."""
        return self.total**2 / self.squares if self.squares else 0.0


def worth(positive: Weighed, all: Weighed) -> float:
    """How many rows of one weight tell as much of the share of positive ones among all."""
    if not all.squares:
        return 0.0
    share = min(1.0, positive.total / all.total)
    other = max(0.0, all.squares - positive.squares)
    variance = ((1 - share) ** 2 * positive.squares + share**2 * other) / all.total**2
    return min(all.worth, share * (1 - share) / variance) if 0 < share < 1 else all.worth


def weights(column: Mapping[str, pa.Array]) -> np.ndarray:
    """Of one batch of evidence, float64 (rows,): what each row counts; 0 for those that were not read."""
    found: np.ndarray = column["weight"].fill_null(0.0).to_numpy(zero_copy_only=False)
    return found
