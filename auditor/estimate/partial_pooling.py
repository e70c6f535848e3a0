"""The synthetic fraction of each group of a dataset (source, shard, year …), partially pooled over the groups. Pure.

The score distributions of a single group are less certain than those of a whole dataset, because a group mixes fewer
sources: a source of real images that the classifier takes for synthetic looks like a synthetic one. So each group has
its own draw of score distributions (score_distributions.py, with GROUP_SOURCES), which give the likelihood of its
fraction, coarsened as in score_mixture.py.

Fractions of groups follow a Beta(μκ, (1-μ)κ) distribution (a hierarchical model: Gelman et al., Bayesian Data Analysis,
3rd ed., chapter 5). μ is the estimate of the whole dataset (empirical Bayes), and κ says how alike groups are; it is
integrated over a grid of powers of 2. The fractions must also add up to the estimate of the whole, which is corrected
for errors that all groups share. Conditioning independent variables on their sum tilts the distribution of each
exponentially, by its part of the sum (saddlepoint approximation: Daniels, Annals of Mathematical Statistics 25, 1954).
So large uncertain groups take most of a difference, and small ones little.

A group is listed as mostly synthetic if more than half of it is, with a Bayesian false discovery rate of at most
FALSE_DISCOVERY_RATE over all groups of a kind (Newton et al., Biostatistics 5, 2004).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from auditor.estimate.counts import EvidenceCounts
from auditor.estimate.intervals import CONFIDENCE, Interval
from auditor.estimate.roots import root
from auditor.estimate.score_distributions import BinShares
from auditor.estimate.score_mixture import likelihood

# Possible numbers of real and of synthetic sources of a group. With them, and with this misfit, intervals of groups
# cover and false discoveries are rare in mixtures of held-out sources (docs/benchmarks/groups.md).
GROUP_SOURCES = ((1, 2, 3, 4), (1, 2))
GROUP_DRAWS = 500
_MISFIT = 0.3  # relative standard deviation of a bin's count, like score_mixture.MISFIT but smaller
FALSE_DISCOVERY_RATE = 0.05
MAJORITY = 0.5
_CONCENTRATIONS = 2.0 ** np.arange(-2, 7)  # of κ, each equally probable
_EDGES = np.sin(np.linspace(0, np.pi / 2, 34)) ** 2  # of the cells of the grid of fractions, narrow near 0 and 1
_GRID = (_EDGES[1:] + _EDGES[:-1]) / 2
_MAX_TILT = 1e4  # bound of the search for the tilt
_MEAN = (1e-4, 1 - 1e-4)  # bounds of μ
_SMALLEST = 1e-300


@dataclass(frozen=True, slots=True)
class Group:
    """evidence: of its rows. bins: (effective) number of its scored undecided images in each bin. scored, unseen: the
    weight of its undecided images with and without a score."""

    evidence: EvidenceCounts
    bins: tuple[float, ...]
    scored: float
    unseen: float

    def fractions(self, of_scored: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The synthetic fraction of its readable images at the lower end, the point and the upper end of the confirmed
        share, if these fractions of its scored images are synthetic, float64 (n,) each."""
        evidence, sampled = self.evidence, self.evidence.sampled.total
        if not sampled:  # nothing was examined in full: its undetermined rows are like the scored ones of other groups
            whole = self._whole(of_scored)
            return whole, whole, whole
        undecided = max(sampled - evidence.confirmed_in_sample.total, self.scored)
        scored_share = self.scored / undecided if undecided else 0.0
        confirmed = evidence.of_undetermined
        low, point, high = (
            share + (1 - share) * scored_share * of_scored for share in (confirmed.low, confirmed.point, confirmed.high)
        )
        return self._whole(low), self._whole(point), self._whole(np.minimum(1.0, high + self.unseen / sampled))

    def _whole(self, of_undetermined: np.ndarray) -> np.ndarray:
        """From the fraction of its undetermined images to that of its readable ones, float64 (n,)."""
        evidence = self.evidence
        total = evidence.readable.total
        return (evidence.confirmed_by_full_coverage + evidence.undetermined.total * of_undetermined) / total


@dataclass(frozen=True, slots=True)
class GroupFraction:
    """The synthetic fraction of a group's readable images. fraction_without: of the dataset without the group; None if
    there is no other group. is_mostly_synthetic: more than half of it, at the false discovery rate."""

    fraction: Interval
    fraction_without: float | None
    is_mostly_synthetic: bool


def group_fractions(groups: Sequence[Group], shares: BinShares, whole: Interval) -> list[GroupFraction]:
    """The fractions of groups that divide a dataset, each with at least one readable image.

    shares: predicted score distributions of one group. whole: the estimate of the dataset.
    """
    if len(groups) == 1:
        return [GroupFraction(whole, None, whole.low > MAJORITY)]
    model = _Model(groups, shares)
    at_point = model.posterior(whole.point)
    # The level that all groups share is uncertain too: half of the way to either end is about a standard deviation.
    levels = at_point, *(model.posterior((end + whole.point) / 2) for end in (whole.low, whole.high))
    mixed = np.mean(levels, axis=0)
    tail = (1 - CONFIDENCE) / 2
    ends = _EDGES[_cell(mixed, tail)], at_point @ _GRID, _EDGES[_cell(mixed, 1 - tail) + 1]
    fractions = [_interval(group, *each) for group, *each in zip(groups, *ends, strict=True)]
    minority = np.array(
        [row[group.fractions(_GRID)[1] <= MAJORITY].sum() for group, row in zip(groups, at_point, strict=True)]
    )
    weights = np.array([group.evidence.readable.total for group in groups])
    synthetic = weights * [fraction.point for fraction in fractions]
    without = (synthetic.sum() - synthetic) / (weights.sum() - weights)
    return [
        GroupFraction(fraction, min(1.0, max(0.0, float(rest))), bool(is_found))
        for fraction, rest, is_found in zip(fractions, without, _discoveries(minority), strict=True)
    ]


def _interval(group: Group, low: float, mean: float, high: float) -> Interval:
    """A group's fraction, from that of its scored images."""
    at_low, at_mean, at_high = group.fractions(np.array([low, mean, high]))
    return Interval(float(at_mean[1]), float(min(at_low[0], at_mean[1])), float(max(at_high[2], at_mean[1])))


class _Model:
    """The likelihood of each group's fraction, and the posterior for a fraction of the whole."""

    def __init__(self, groups: Sequence[Group], shares: BinShares) -> None:
        self._likelihood = np.array(
            [likelihood(np.array(group.bins), shares, _GRID, _MISFIT).mean(axis=0) for group in groups]
        )
        weights = np.array([group.evidence.readable.total for group in groups])
        self._parts = (weights / weights.sum())[:, None] * [group.fractions(_GRID)[1] for group in groups]

    def posterior(self, whole: float) -> np.ndarray:
        """The probability of each fraction of the grid for each group's scored images, if the groups together have the
        fraction `whole` (as far as the confirmed images permit), float64 (groups, grid)."""
        given, scaled = self._given(whole), self._parts / self._parts.max()

        def tilted(tilt: float) -> np.ndarray:
            exponent = tilt * scaled
            weight = given * np.exp(exponent - exponent.max(axis=1, keepdims=True))
            found: np.ndarray = weight / np.maximum(weight.sum(axis=1, keepdims=True), _SMALLEST)
            return found

        def excess(tilt: float) -> float:
            return float((tilted(tilt) * self._parts).sum()) - whole

        if excess(-_MAX_TILT) >= 0:
            return tilted(-_MAX_TILT)
        if excess(_MAX_TILT) <= 0:
            return tilted(_MAX_TILT)
        return tilted(root(excess, -_MAX_TILT, _MAX_TILT))

    def _given(self, mean: float) -> np.ndarray:
        """The posterior for μ = mean, averaged over κ, float64 (groups, grid)."""
        from scipy.special import betainc

        mean = float(np.clip(mean, *_MEAN))
        alpha, beta = mean * _CONCENTRATIONS[:, None], (1 - mean) * _CONCENTRATIONS[:, None]
        prior = np.diff(betainc(alpha, beta, _EDGES), axis=1)
        marginal = np.maximum(prior @ self._likelihood.T, _SMALLEST)  # (concentrations, groups)
        evidence = np.log(marginal).sum(axis=1)
        weight = np.exp(evidence - evidence.max())
        per_group = (weight / weight.sum())[:, None] / marginal
        given: np.ndarray = (per_group.T @ prior) * self._likelihood
        given /= np.maximum(given.sum(axis=1, keepdims=True), _SMALLEST)
        return given


def _cell(probability: np.ndarray, level: float) -> np.ndarray:
    """The cell of the grid with a quantile of each group's fraction, int64 (groups,)."""
    cell: np.ndarray = np.minimum((probability.cumsum(axis=1) < level).sum(axis=1), len(_GRID) - 1)
    return cell


def _discoveries(null: np.ndarray) -> np.ndarray:
    """The largest set of groups whose mean probability of the null is at most the false discovery rate, bool
    (groups,)."""
    order = np.argsort(null, kind="stable")
    rate = np.cumsum(null[order]) / np.arange(1, len(null) + 1)
    found = np.zeros(len(null), bool)
    found[order[: int((rate <= FALSE_DISCOVERY_RATE).sum())]] = True
    return found
