"""Distribution functions from scipy.special. Pure.

scipy.stats has them too, with the same values, but importing it takes half a second, in each worker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


def beta_quantile(q: float, a: float, b: float) -> float:
    """The quantile of the beta distribution; a, b > 0."""
    from scipy.special import betaincinv

    return float(betaincinv(a, b, q))


def t_above(t: float, df: float) -> float:
    """The probability that Student's t with df degrees of freedom is above t."""
    from scipy.special import stdtr

    return float(stdtr(df, -t))


def t_quantile_above(q: float, df: float) -> float:
    """The t that Student's t with df degrees of freedom is above with probability q."""
    from scipy.special import stdtrit

    return -float(stdtrit(df, q))


def t_quantile(q: float, df: float) -> float:
    """The quantile of Student's t with df degrees of freedom."""
    from scipy.special import stdtrit

    return float(stdtrit(df, q))


def binomial_at_most(count: int, n: int, p: Any) -> np.ndarray:
    """The probability of at most `count` successes in n trials; p: success rates, float64 (…)."""
    import numpy as np
    from scipy.special import betainc

    p = np.asarray(p, float)
    if not 0 <= count < n:
        return np.full(p.shape, float(count >= n))
    return np.asarray(betainc(n - count, count + 1, 1 - p))


def binomial_above(count: int, n: int, p: Any) -> np.ndarray:
    """The probability of more than `count` successes in n trials; p: success rates, float64 (…)."""
    import numpy as np
    from scipy.special import betainc

    p = np.asarray(p, float)
    if not 0 <= count < n:
        return np.full(p.shape, float(count < 0))
    return np.asarray(betainc(count + 1, n - count, p))
