"""Exact confidence intervals for shares. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Interval:
    """A share with its confidence interval, as fractions of 1."""

    point: float
    low: float
    high: float


def clopper_pearson(count: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """The exact binomial interval (Clopper & Pearson, Biometrika 26, 1934) for `count` of `n`, as fractions of 1.

    Both may be effective counts: rows divided by a design effect. Raises ValueError unless 0 <= count <= n and n > 0.
    """
    from scipy.stats import beta

    if not 0 <= count <= n or n == 0:
        raise ValueError(f"{count} of {n} is no share")
    alpha = 1 - confidence
    low = float(beta.ppf(alpha / 2, count, n - count + 1)) if count else 0.0
    high = float(beta.ppf(1 - alpha / 2, count + 1, n - count)) if count < n else 1.0
    return low, high


def effective_interval(share: float, n_eff: float, fpc: float = 1.0) -> tuple[float, float]:
    """A share's 95 % interval from an effective sample size: Clopper and Pearson's of fractional counts (Korn &
    Graubard, Survey Methodology 24, 1998). fpc: the finite-population correction √(1 - sampling fraction), by which
    both ends come closer to the share, as what was sampled is known."""
    low, high = (share + fpc * (end - share) for end in clopper_pearson(share * n_eff, n_eff))
    return low, high
