"""Error rates of a detector on sources it has not met, from counts on sources it has. Pure.

Error rates differ from source to source by more than chance: pooling the counts of ten sources and treating them as one
binomial gives intervals that miss. Here each source i has its own rate f_i with logit f_i ~ Normal(m, τ²), its count is
binomial, and what is predicted is the rate of a *new* mix of sources: the mean of as many fresh draws as the target may
have sources. m has the density of a uniform rate, τ a half-Cauchy(1) one; both are integrated over on a grid, so that
counts of zero, of which there are many at low false-positive rates, need no special case.

Checked by simulation in benchmarks/coverage.py: with targets whose rates are drawn anew, intervals built on these
predictions keep their level.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

_MOST = 300  # images of one source
_QUADRATURE = 61
_MEANS = (-11.0, 7.0, 181)  # logits, from, to, how many
_SPREADS = (0.1, 3.0, 24)
_LEAST_SPREAD = 0.02
_SPREAD_SCALE = 1.0

Counts = Sequence[tuple[float, int]]  # (positives, n) of each source


def predictive(counts: Counts, *, sources: Sequence[int], draws: int, rng: np.random.Generator) -> np.ndarray:
    """`draws` rates in (0, 1) of a target that mixes new sources evenly; of `sources`, each number of them is as
    probable as the others.

    Raises ValueError without any counts, or where a count is not between 0 and its n.
    """
    import numpy as np
    from scipy.special import expit

    if not counts or not all(0 <= k <= n and n > 0 for k, n in counts) or not sources or min(sources) < 1:
        raise ValueError(f"no rates can be predicted from {list(counts)} for {sources} sources")
    weights, means, spreads = _posterior(tuple(_cap_counts(k, n) for k, n in counts))
    picked = rng.choice(weights.size, draws, p=weights.ravel())
    step = means[1] - means[0]
    mean = means[picked // len(spreads)] + rng.uniform(-step / 2, step / 2, draws)
    spread = spreads[picked % len(spreads)]
    logits = mean[:, None] + spread[:, None] * rng.standard_normal((draws, max(sources)))
    mixed = np.arange(max(sources)) < rng.choice(sources, draws)[:, None]
    rates: np.ndarray = expit(logits).mean(axis=1, where=mixed)
    return rates


def _cap_counts(positives: float, n: int) -> tuple[float, float]:
    """Counts as they are integrated: beyond _MOST images a source's rate is known far better than a new one's, and
    the grid would be too coarse for more."""
    scale = min(1.0, _MOST / n)
    return positives * scale, n * scale


@lru_cache(maxsize=256)
def _posterior(counts: tuple[tuple[float, float], ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights over (mean, spread) of the logits, summing to 1, and the two axes of the grid."""
    import numpy as np
    from scipy.special import log_expit

    means = np.linspace(*_MEANS)
    spreads = np.concatenate([[_LEAST_SPREAD], np.linspace(*_SPREADS)])
    nodes, node_weights = np.polynomial.hermite_e.hermegauss(_QUADRATURE)
    logits = means[:, None, None] + spreads[None, :, None] * nodes
    success, failure = log_expit(logits), log_expit(-logits)
    log_weight = (log_expit(means) + log_expit(-means))[:, None] - np.log1p((spreads / _SPREAD_SCALE) ** 2)
    for (positives, n), alike in Counter(counts).items():
        likelihood = positives * success + (n - positives) * failure
        highest = likelihood.max(axis=2, keepdims=True)
        total = (np.exp(likelihood - highest) * node_weights).sum(axis=2)
        log_weight = log_weight + alike * (np.log(total) + highest[:, :, 0])
    weight = np.exp(log_weight - log_weight.max()) * np.gradient(spreads)
    return weight / weight.sum(), means, spreads
