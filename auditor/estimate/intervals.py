"""Exact confidence intervals for shares. Pure.

An interval that holds at every moment at once, so that one may look after each row and stop when one likes. Pure.

The beta-binomial confidence sequence (Robbins, Annals of Mathematical Statistics 41, 1970; Howard, Ramdas, McAuliffe &
Sekhon, Annals of Statistics 49, 2021): after x of n, the shares q with
ln B(a+x, b+n-x) - ln B(a, b) - x ln q - (n-x) ln(1-q) < ln(1/α) stay in it, and with probability 1-α the truth never
leaves.
"""

from __future__ import annotations

import math
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


_A = _B = 0.5
_EDGE = 1e-15  # of q, where the logarithms end


def confidence_sequence(positives: int, n: int, alpha: float = 0.05) -> tuple[float, float]:
    """The share's interval after n draws, valid at all n at once. Raises ValueError for impossible counts."""
    from scipy.optimize import brentq
    from scipy.special import betaln

    if not 0 <= positives <= n:
        raise ValueError(f"{positives} of {n} is no share")
    if n == 0:
        return 0.0, 1.0
    level = float(betaln(_A + positives, _B + n - positives) - betaln(_A, _B)) - math.log(1 / alpha)

    def excess(q: float) -> float:
        seen = (positives * math.log(q) if positives else 0.0) + (
            (n - positives) * math.log1p(-q) if positives < n else 0.0
        )
        return level - seen

    share = min(max(positives / n, _EDGE), 1 - _EDGE)
    low = brentq(excess, _EDGE, share, xtol=_EDGE) if positives and excess(_EDGE) > 0 else 0.0
    high = brentq(excess, share, 1 - _EDGE, xtol=_EDGE) if positives < n and excess(1 - _EDGE) > 0 else 1.0
    return float(low), float(high)
