"""The synthetic fraction of scored images, from the distribution of their scores. Pure.

The scores are a mixture (1-π) f + π g, where f and g are the distributions of real and of synthetic images. Neither is
known; score_distributions.py draws pairs (f, g) for datasets of new sources. Each pair and each π on a grid is weighted
by its likelihood (Bayesian quantification: Ziegler & Czyż, arXiv 2302.09159, 2023).

No drawn pair fits a dataset exactly, so the likelihood is coarsened (Miller & Dunson, JASA 114, 2019): bin counts are
negative binomial with a relative standard deviation of MISFIT on top of the Poisson variance. However large the
dataset, the data cannot outweigh that misfit. MISFIT was chosen by coverage on mixtures of held-out sources
(docs/benchmarks/mixtures.md): smaller values give narrower intervals that cover less often.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from auditor.estimate.intervals import CONFIDENCE
from auditor.estimate.score_distributions import BinShares

MISFIT = 0.5  # relative standard deviation of a bin's count
_ZERO = 0.15  # prior probability that no image is synthetic; otherwise π ~ Beta(1/2, 1)
_GRID = np.concatenate([[0.0], np.linspace(0.02, 1.0, 48) ** 2])
_SMALLEST_MEAN = 1e-9
_SAMPLES = 20_000


@dataclass(frozen=True)
class Posterior:
    """The posterior of π (the synthetic fraction of the scored images) and of the pair (f, g).

    weight: of each pair and each π of the grid, float64 (draws, grid), summing to 1.
    """

    shares: BinShares
    weight: np.ndarray

    @cached_property
    def fractions(self) -> np.ndarray:
        """Draws of π, float64 (_SAMPLES,)."""
        rng = np.random.default_rng(0)
        return _within_cells(rng.choice(len(_GRID), _SAMPLES, p=self.weight.sum(axis=0)), rng)

    def interval(self, confidence: float = CONFIDENCE) -> tuple[float, float]:
        """The central interval of π."""
        tail = (1 - confidence) / 2
        low, high = np.quantile(self.fractions, (tail, 1 - tail))
        return float(low), float(high)

    def synthetic_draws(self, number: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Joint draws given that some image is synthetic: π, float64 (number,), and the bin shares of real and of
        synthetic images, float64 (number, bins) each."""
        weight = self.weight[:, 1:]
        total = weight.sum()
        if total <= 0:  # the data exclude every π above 0
            weight, total = np.broadcast_to(_prior()[1:], weight.shape), len(weight) * (1 - _ZERO)
        drawn = rng.choice(weight.size, number, p=(weight / total).ravel())
        pair, cell = np.unravel_index(drawn, weight.shape)
        return _within_cells(cell + 1, rng), self.shares.real[pair], self.shares.synthetic[pair]


def posterior(counts: np.ndarray, shares: BinShares) -> Posterior:
    """counts: (effective) number of scored images in each bin, float64 (bins,)."""
    weight = likelihood(counts, shares, _GRID, MISFIT) * _prior()
    return Posterior(shares, weight / weight.sum())


def likelihood(counts: np.ndarray, shares: BinShares, grid: np.ndarray, misfit: float) -> np.ndarray:
    """The coarsened likelihood of each pair and each fraction of the grid, up to a factor, float64 (draws, grid).

    counts: float64 (bins,). grid: fractions, float64 (grid,).
    """
    n, size = float(counts.sum()), 1 / misfit**2
    real, synthetic, fractions = (array.astype(np.float32) for array in (shares.real, shares.synthetic, grid))
    logarithm = np.zeros((len(real), len(fractions)), np.float32)
    for count, base, slope in zip(counts.tolist(), real.T, (synthetic - real).T, strict=True):
        mean = np.maximum(n * (base[:, None] + fractions * slope[:, None]), _SMALLEST_MEAN)
        # count log(mean) - (count + size) log(mean + size), without the difference of two large numbers.
        logarithm -= size * np.log(mean + size)
        if count:
            logarithm -= count * np.log1p(size / mean)
    found: np.ndarray = np.exp((logarithm - logarithm.max()).astype(float))
    return found


@cache
def _prior() -> np.ndarray:
    """The prior probability of each cell of the grid."""
    ends = _cells()
    probability = np.diff(np.sqrt(ends))  # the distribution function of Beta(1/2, 1) is √π
    return np.concatenate([[_ZERO], (1 - _ZERO) * probability])


@cache
def _cells() -> np.ndarray:
    """The ends of the cells of the grid above 0."""
    return np.concatenate([[0.0], (_GRID[1:-1] + _GRID[2:]) / 2, [1.0]])


def _within_cells(cell: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A uniform draw from each cell, float64 (n,); 0 for the first one and 1 for the last one. cell: index in the grid,
    (n,)."""
    ends = _cells()
    low, high = ends[np.maximum(cell, 1) - 1], ends[np.maximum(cell, 1)]
    fraction: np.ndarray = np.where(cell > 0, low + (high - low) * rng.random(len(cell)), 0.0)
    fraction[cell == len(_GRID) - 1] = 1.0
    return fraction
