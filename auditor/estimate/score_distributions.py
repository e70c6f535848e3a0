"""Predicts how a classifier's scores are distributed on new sources, from the calibration's labelled scores. Pure.

Score distributions differ between sources by more than sampling error, so the pooled distribution of the calibration
does not describe a new source. For each class, a score is mapped to its normal score z = Φ⁻¹(F(score)), where F is
the class's mean distribution over sources. Normal scores follow a one-way random-effects model: z = m + u + e, with
u ~ Normal(0, τ²) per source and e ~ Normal(0, σ²) per image. m and τ are integrated over (τ has a half-Cauchy prior of
scale σ: Gelman, Bayesian Analysis 1, 2006). The standard deviation of e varies between sources by a lognormal factor.
Normal scores make the model independent of the scale of the scores; any increasing transformation gives the same
predictions within the calibration's range.

The scores are binned. A prediction is a draw of the share of each bin for a *new* mix of sources.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from auditor.estimate.calibration import Calibration, Scores

# Leave-fold-out mixtures (benchmarks/mixtures.py): numbers of sources that a dataset is assumed to mix, in random
# proportions. Each number is equally probable.
REAL_SOURCES = (1, 2, 3, 4, 5, 6, 7, 8)
SYNTHETIC_SOURCES = (1, 2, 3, 4)
MANY_SYNTHETIC_SOURCES = tuple(range(4, 17))  # if a user states that there are many generators
DRAWS = 6000
ANCHOR_MISFIT = 0.3  # relative standard deviation of a bin's count of anchors
# Bins of equal shares if half of the images are synthetic. A bin that no image of a class has reached by chance would
# exclude that class, so a small calibration has fewer of them (benchmarks/coverage.py).
_MOST_BINS, _LEAST_BINS, _IMAGES_PER_BIN = 12, 4, 30
# Share of images that score like any image of the calibration, whatever they are (Huber's contamination model): a bin
# that no image of a class has reached in the calibration is improbable for that class, and not impossible.
_STRANGE = 0.005
_SIGMA_SPREAD = 0.3  # standard deviation of the logarithm of a source's σ
_SPREADS = (0.02, *np.linspace(0.05, 3.0, 120))  # grid of τ / σ
_TENTH, _Z_OF_TENTH = 0.1, 1.2816  # a share, and the distance of its normal quantile from the median
_EDGE = 1e-6  # cumulative shares are clipped to this distance from 0 and 1


@dataclass(frozen=True, slots=True)
class Bins:
    """Bins of the score: bin i has the scores from edges[i-1] to below edges[i].

    likely_real, likely_synthetic: the number of edges below or at the classifier's two thresholds, so that bins before
    `likely_real` are likely real, and those from `likely_synthetic` on are likely synthetic. No bin is, without a
    threshold.
    """

    edges: tuple[float, ...]
    likely_real: int
    likely_synthetic: int

    @classmethod
    def of(cls, calibration: Calibration, thresholds: tuple[float, float] | None = None) -> Bins:
        """Bins for scores of the calibration's classifier. thresholds: likely real (below it) and likely synthetic
        (from it on); None for those of the calibration."""
        low, high = thresholds or (calibration.likely_real, calibration.likely_synthetic)
        scores, below = _pooled(calibration)
        number = min(_MOST_BINS, max(_LEAST_BINS, _smallest_class(calibration) // _IMAGES_PER_BIN))
        shares = np.arange(1, number) / number
        for threshold in (low, high):
            # A threshold takes the place of the quantile next to it, so that no bin is too narrow to know its share.
            if np.isfinite(threshold):
                share = below[np.searchsorted(scores, threshold)]
                shares = np.delete(shares, np.abs(shares - share).argmin())
        quantiles = scores[np.minimum(np.searchsorted(below[1:], shares), len(scores) - 1)]
        edges = tuple(np.unique([*quantiles, *(value for value in (low, high) if np.isfinite(value))]).tolist())
        return cls(
            edges,
            edges.index(low) + 1 if low in edges else 0,
            edges.index(high) + 1 if high in edges else len(edges) + 1,
        )

    def __len__(self) -> int:
        return len(self.edges) + 1

    def of_scores(self, scores: np.ndarray) -> np.ndarray:
        """The bin of each score, int64 (n,). scores: float64 (n,)."""
        return np.searchsorted(self.edges, scores, side="right")

    def counts(self, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """The total weight of the scores of each bin, float64 (bins,). scores, weights: float64 (n,)."""
        return np.bincount(self.of_scores(scores), weights, len(self))


@dataclass(frozen=True, slots=True)
class BinShares:
    """Draws of the share of each bin among the real and among the synthetic images of a dataset, float64 (draws, bins)
    each; rows sum to 1."""

    bins: Bins
    real: np.ndarray
    synthetic: np.ndarray

    @property
    def fpr(self) -> np.ndarray:
        """The share of real images that is likely synthetic, float64 (draws,)."""
        return _share_from(self.real, self.bins.likely_synthetic)

    @property
    def tpr(self) -> np.ndarray:
        """The share of synthetic images that is likely synthetic, float64 (draws,)."""
        return _share_from(self.synthetic, self.bins.likely_synthetic)

    def given(self, real: np.ndarray, synthetic: np.ndarray, seed: int) -> BinShares:
        """Draws that agree with images of known origin. real, synthetic: their number in each bin, float64 (bins,).

        Draws of each class are resampled in proportion to the likelihood of these numbers (sampling importance
        resampling), which is coarsened (score_mixture.py) by ANCHOR_MISFIT.
        """
        rng = np.random.default_rng(seed)
        sides = (_resampled(*side, rng) for side in ((self.real, real), (self.synthetic, synthetic)))
        return BinShares(self.bins, *sides)

    def with_rates(self, fpr: np.ndarray, tpr: np.ndarray) -> BinShares:
        """The same draws, with every score shifted (on the scale of normal scores) so that they have these rates."""
        cut = self.bins.likely_synthetic
        return BinShares(self.bins, _with_share_from(self.real, cut, fpr), _with_share_from(self.synthetic, cut, tpr))


def predict(
    calibration: Calibration,
    bins: Bins,
    weights: Mapping[str, float],
    *,
    seed: int,
    sources: tuple[Sequence[int], Sequence[int]] = (REAL_SOURCES, SYNTHETIC_SOURCES),
    draws: int = DRAWS,
) -> BinShares:
    """Predictions for a dataset with this mix of conditions (weights sum to 1). sources: the possible numbers of its
    real and of its synthetic sources."""
    rng = np.random.default_rng(seed)
    parts = [(calibration.conditions[name], weight) for name, weight in weights.items() if weight]
    real = _Side([(condition.real, weight) for condition, weight in parts]).draw(bins, sources[0], draws, rng)
    synthetic = _Side([(condition.synthetic, weight) for condition, weight in parts]).draw(bins, sources[1], draws, rng)
    any_image = (real.mean(axis=0) + synthetic.mean(axis=0)) / 2
    return BinShares(bins, *((1 - _STRANGE) * side + _STRANGE * any_image for side in (real, synthetic)))


class _Side:
    """The random-effects model of one class."""

    def __init__(self, parts: Sequence[tuple[Scores, float]]) -> None:
        names = list(parts[0][0])
        n = np.array([min(len(scores[name]) for scores, _ in parts) for name in names], float)
        values, weights, source = [], [], []
        for scores, share in parts:
            for index, name in enumerate(names):
                values.append(np.array(scores[name]))
                weights.append(np.full(len(values[-1]), share / len(values[-1]) / len(names)))
                source.append(np.full(len(values[-1]), index))
        score, weight, number = map(np.concatenate, (values, weights, source))
        order = np.argsort(score, kind="stable")
        self._scores = score[order]
        self._cumulative = np.concatenate([[0.0], np.cumsum(weight[order])])
        self._margin = 0.5 / (n.sum() + 1)
        z = self._normal_scores((self._share_below(score, "left") + self._share_below(score, "right")) / 2)
        mean = np.bincount(number, weight * z, len(names)) * len(names)
        within = np.bincount(number, weight * (z - mean[number]) ** 2, len(names)) * len(names)
        self._fit(mean, within, n)

    def _fit(self, mean: np.ndarray, within: np.ndarray, n: np.ndarray) -> None:
        """The posterior of τ on the grid, and of m given τ. mean, within, n: each source's mean and (biased) variance
        of normal scores, and its number of images, (sources,)."""
        freedom = (n - 1).sum()
        # If every source has one image, σ and τ cannot be told apart: σ gets the whole variance of normal scores, 1.
        variance = (n * within).sum() / freedom if freedom else 1.0
        self._sigma = float(np.sqrt(max(variance, _EDGE)))
        self._spreads = self._sigma * np.array(_SPREADS)
        precision = 1 / (self._spreads[:, None] ** 2 + self._sigma**2 / n)
        self._variance_of_mean = 1 / precision.sum(axis=1)
        self._mean = (precision * mean).sum(axis=1) * self._variance_of_mean
        log_weight = 0.5 * (np.log(self._variance_of_mean) + np.log(precision).sum(axis=1))
        log_weight -= 0.5 * (precision * (mean - self._mean[:, None]) ** 2).sum(axis=1)
        log_weight -= np.log1p(np.array(_SPREADS) ** 2)
        weight = np.exp(log_weight - log_weight.max()) * np.gradient(self._spreads)
        self._weight = weight / weight.sum()

    def draw(self, bins: Bins, sources: Sequence[int], draws: int, rng: np.random.Generator) -> np.ndarray:
        """Bin shares of new mixes of sources, (draws, bins)."""
        from scipy.special import ndtr

        most = max(sources)
        which = rng.choice(len(self._weight), draws, p=self._weight)
        mean = self._mean[which] + np.sqrt(self._variance_of_mean[which]) * rng.standard_normal(draws)
        effect = mean[:, None] + self._spreads[which][:, None] * rng.standard_normal((draws, most))
        # The factor has mean square 1, so that σ² stays the mean variance.
        sigma = self._sigma * np.exp(_SIGMA_SPREAD * rng.standard_normal((draws, most)) - _SIGMA_SPREAD**2)
        is_mixed_in = np.arange(most) < rng.choice(sources, draws)[:, None]
        proportion = rng.standard_exponential((draws, most)) * is_mixed_in
        proportion /= proportion.sum(axis=1, keepdims=True)
        edges = self._edges(np.array(bins.edges))
        below = np.empty((draws, len(edges)))
        for index, edge in enumerate(edges):
            below[:, index] = (proportion * ndtr((edge - effect) / sigma)).sum(axis=1)
        return _differences(below)

    def _edges(self, edges: np.ndarray) -> np.ndarray:
        """The normal scores of edges. Beyond the calibration's scores they go on as those of a normal distribution with
        the spread of that half of the scores, so that a shifted source may reach every bin."""
        z = self._normal_scores(self._share_below(edges, "left"))
        low, median, high = np.interp([_TENTH, 0.5, 1 - _TENTH], self._cumulative[1:], self._scores)
        for is_beyond, end, spread in (
            (edges > self._scores[-1], self._scores[-1], high - median),
            (edges < self._scores[0], self._scores[0], median - low),
        ):
            if spread > 0:
                z[is_beyond] += _Z_OF_TENTH * (edges[is_beyond] - end) / spread
        return z

    def _share_below(self, scores: np.ndarray, side: str) -> np.ndarray:
        shares: np.ndarray = self._cumulative[np.searchsorted(self._scores, scores, side)]  # type: ignore[call-overload]
        return shares

    def _normal_scores(self, shares: np.ndarray) -> np.ndarray:
        from scipy.special import ndtri

        scores: np.ndarray = ndtri(np.clip(shares, self._margin, 1 - self._margin))
        return scores


def _smallest_class(calibration: Calibration) -> int:
    """The number of images of the class with fewer images, in the condition with the fewest."""
    sides = (side for condition in calibration.conditions.values() for side in (condition.real, condition.synthetic))
    return min(sum(len(values) for values in side.values()) for side in sides)


@lru_cache(maxsize=16)
def _pooled(calibration: Calibration) -> tuple[np.ndarray, np.ndarray]:
    """The sorted scores of all conditions, float64 (n,), and the share of images below each, and of all, (n + 1,), if
    half of the images are synthetic."""
    scores, weights = [], []
    for condition in calibration.conditions.values():
        for side in (condition.real, condition.synthetic):
            for values in side.values():
                scores.append(np.array(values))
                weights.append(np.full(len(values), 1 / len(side) / len(values)))
    pooled, weight = np.concatenate(scores), np.concatenate(weights)
    order = np.argsort(pooled, kind="stable")
    return pooled[order], np.concatenate([[0.0], np.cumsum(weight[order]) / weight.sum()])


def _resampled(draws: np.ndarray, counts: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """As many draws, resampled by the negative binomial likelihood of the counts, float64 (draws, bins)."""
    if not counts.any():
        return draws
    size = 1 / ANCHOR_MISFIT**2
    mean = counts.sum() * draws
    likelihood = (counts * np.log(mean) - (counts + size) * np.log(mean + size)).sum(axis=1)
    weight = np.exp(likelihood - likelihood.max())
    chosen: np.ndarray = draws[rng.choice(len(draws), len(draws), p=weight / weight.sum())]
    return chosen


def _share_from(shares: np.ndarray, cut: int) -> np.ndarray:
    total: np.ndarray = shares[:, cut:].sum(axis=1)
    return total


def _with_share_from(shares: np.ndarray, cut: int, wanted: np.ndarray) -> np.ndarray:
    """The shares of shifted scores; those of the bins from `cut` on sum to `wanted`, float64 (draws,)."""
    from scipy.special import ndtr, ndtri

    if cut >= shares.shape[1]:
        return shares  # no bin is likely synthetic
    below = np.clip(np.cumsum(shares, axis=1)[:, :-1], _EDGE, 1 - _EDGE)
    shift = ndtri(np.clip(1 - wanted, _EDGE, 1 - _EDGE)) - ndtri(below[:, cut - 1])
    return _differences(ndtr(ndtri(below) + shift[:, None]))


def _differences(below: np.ndarray) -> np.ndarray:
    """The share of each bin, from the share below each edge, (draws, edges)."""
    draws = len(below)
    differences: np.ndarray = np.diff(np.concatenate([np.zeros((draws, 1)), below, np.ones((draws, 1))], axis=1))
    return differences
