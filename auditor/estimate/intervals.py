"""Confidence intervals for shares: exact ones for a fixed sample size, and confidence sequences. Pure.

A confidence sequence is valid at all sample sizes at once, so it may be computed after each row, and sampling may stop
at any time. This is the beta-binomial one (Robbins, Annals of Mathematical Statistics 41, 1970; Howard, Ramdas,
McAuliffe & Sekhon, Annals of Statistics 49, 2021): after x positives of n, it contains the shares q with ln B(a+x,
b+n-x) - ln B(a, b) - x ln q - (n-x) ln(1-q) < ln(1/α). With probability 1-α it contains the true share at every n.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from auditor.estimate.distributions import beta_quantile
from auditor.estimate.roots import root

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """A share with its confidence interval, as fractions of 1."""

    point: float
    low: float
    high: float


def clopper_pearson(count: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """The exact binomial interval (Clopper & Pearson, Biometrika 26, 1934) for `count` of `n`, as fractions of 1.

    Both may be effective counts (rows over a design effect). Raises ValueError unless 0 <= count <= n and n > 0.
    """
    if not 0 <= count <= n or n == 0:
        raise ValueError(f"count must be between 0 and n, and n above 0, got {count} of {n}")
    alpha = 1 - confidence
    low = beta_quantile(alpha / 2, count, n - count + 1) if count else 0.0
    high = beta_quantile(1 - alpha / 2, count + 1, n - count) if count < n else 1.0
    return low, high


def effective_interval(share: float, n_eff: float, fpc: float = 1.0) -> tuple[float, float]:
    """A share's 95 % interval from an effective sample size: the Clopper-Pearson interval of fractional counts (Korn &
    Graubard, Survey Methodology 24, 1998). fpc: the finite-population correction √(1 - sampling fraction), by which the
    distance of both ends from the share is multiplied."""
    low, high = (share + fpc * (end - share) for end in clopper_pearson(share * n_eff, n_eff))
    return low, high


_A = _B = 0.5  # parameters of the beta mixture
_EDGE = 1e-15  # smallest distance of q from 0 and 1, where the logarithms stay finite


def confidence_sequence(positives: int, n: int, alpha: float = 0.05) -> tuple[float, float]:
    """The share's interval after n draws, valid at all n at once. Raises ValueError unless 0 <= positives <= n."""
    from scipy.special import betaln

    if not 0 <= positives <= n:
        raise ValueError(f"positives must be between 0 and n, got {positives} of {n}")
    if n == 0:
        return 0.0, 1.0
    level = float(betaln(_A + positives, _B + n - positives) - betaln(_A, _B)) - math.log(1 / alpha)

    def excess(q: float) -> float:
        log_likelihood = (positives * math.log(q) if positives else 0.0) + (
            (n - positives) * math.log1p(-q) if positives < n else 0.0
        )
        return level - log_likelihood

    share = min(max(positives / n, _EDGE), 1 - _EDGE)
    low = root(excess, _EDGE, share) if positives and excess(_EDGE) > 0 else 0.0
    high = root(excess, share, 1 - _EDGE) if positives < n and excess(1 - _EDGE) > 0 else 1.0
    return low, high


def anytime_n_eff(share: float, n_eff: float) -> float:
    """The effective sample size whose Clopper-Pearson interval is as wide as the confidence sequence of a share.

    It is at most n_eff. Intervals that are computed from it cover at all sample sizes at once.
    """
    n = max(1, math.floor(n_eff))
    low, high = confidence_sequence(round(share * n), n)

    def excess(log_n: float) -> float:
        size = math.exp(log_n)
        fixed_low, fixed_high = clopper_pearson(min(size, share * size), size)
        return (fixed_high - fixed_low) - (high - low)

    ends = math.log(1e-6), math.log(n_eff)
    return n_eff if excess(ends[1]) >= 0 else math.exp(root(excess, *ends))
