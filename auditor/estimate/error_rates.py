"""Predicts a classifier's error rates on new sources from its counts on the calibration sources. Pure.

Error rates vary between sources by more than binomial noise: pooling the counts of ten sources into one binomial gives
intervals that under-cover. Here each source i has its own rate f_i with logit f_i ~ Normal(m, τ²), and its count is
binomial (random effects). The predicted rate is that of a *new* mix of sources: the mean of as many new draws of f as
the target may have sources. The prior of m is that of a uniform rate; τ has a half-Cauchy(1) prior. Both are integrated
over on a grid, so counts of zero, which are common at low false-positive rates, need no special case.

benchmarks/coverage.py checks by simulation that intervals based on these predictions have their nominal coverage.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

_MAX_IMAGES_PER_SOURCE = 300
_QUADRATURE_NODES = 61
_MEANS = (-11.0, 7.0, 181)  # grid of m, in logits: first, last, number
_SPREADS = (0.1, 3.0, 24)  # grid of τ
_MIN_SPREAD = 0.02
_SPREAD_SCALE = 1.0  # of the half-Cauchy prior

Counts = Sequence[tuple[float, int]]  # (positives, n) of each source


def predictive_rates(counts: Counts, *, sources: Sequence[int], draws: int, rng: np.random.Generator) -> np.ndarray:
    """Draws of the rate of a target that mixes new sources in equal parts, float64 (draws,) in (0, 1).

    sources: the possible numbers of the target's sources, all equally probable. Raises ValueError without counts, and
    for a count that is not between 0 and its n.
    """
    from scipy.special import expit

    if not counts or not all(0 <= k <= n and n > 0 for k, n in counts):
        raise ValueError(f"counts must be one or more (positives, n) with 0 <= positives <= n, got {list(counts)}")
    if not sources or min(sources) < 1:
        raise ValueError(f"numbers of sources must be 1 or more, got {sources}")
    weights, means, spreads = _posterior(tuple(_cap_counts(k, n) for k, n in counts))
    cells = rng.choice(weights.size, draws, p=weights.ravel())
    step = means[1] - means[0]
    mean = means[cells // len(spreads)] + rng.uniform(-step / 2, step / 2, draws)
    spread = spreads[cells % len(spreads)]
    logits = mean[:, None] + spread[:, None] * rng.standard_normal((draws, max(sources)))
    is_mixed_in = np.arange(max(sources)) < rng.choice(sources, draws)[:, None]
    rates: np.ndarray = expit(logits).mean(axis=1, where=is_mixed_in)
    return rates


def _cap_counts(positives: float, n: int) -> tuple[float, float]:
    """The counts, scaled down to at most _MAX_IMAGES_PER_SOURCE images. With more images, a source's own rate is known
    far better than a new source's rate, and the grid would be too coarse."""
    scale = min(1.0, _MAX_IMAGES_PER_SOURCE / n)
    return positives * scale, n * scale


@lru_cache(maxsize=256)
def _posterior(counts: tuple[tuple[float, float], ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The posterior over (m, τ) on the grid, summing to 1, and the two axes of the grid."""
    from scipy.special import log_expit

    means = np.linspace(*_MEANS)
    spreads = np.concatenate([[_MIN_SPREAD], np.linspace(*_SPREADS)])
    nodes, node_weights = np.polynomial.hermite_e.hermegauss(_QUADRATURE_NODES)
    logits = means[:, None, None] + spreads[None, :, None] * nodes
    success, failure = log_expit(logits), log_expit(-logits)
    log_weight = (log_expit(means) + log_expit(-means))[:, None] - np.log1p((spreads / _SPREAD_SCALE) ** 2)
    for (positives, n), multiplicity in Counter(counts).items():
        likelihood = positives * success + (n - positives) * failure
        highest = likelihood.max(axis=2, keepdims=True)
        total = (np.exp(likelihood - highest) * node_weights).sum(axis=2)
        log_weight = log_weight + multiplicity * (np.log(total) + highest[:, :, 0])
    weight = np.exp(log_weight - log_weight.max()) * np.gradient(spreads)
    return weight / weight.sum(), means, spreads
