"""An interval that holds at every moment at once, so that one may look after each row and stop when one likes. Pure.

The beta-binomial confidence sequence (Robbins, Annals of Mathematical Statistics 41, 1970; Howard, Ramdas, McAuliffe &
Sekhon, Annals of Statistics 49, 2021): after x of n, the shares q with
ln B(a+x, b+n-x) - ln B(a, b) - x ln q - (n-x) ln(1-q) < ln(1/α) stay in it, and with probability 1-α the truth never
leaves.
"""

from __future__ import annotations

import math

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
