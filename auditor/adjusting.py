"""Each row's chance of being synthetic in this very dataset, so that their mean is the estimate. Pure.

The chance in evidence is at even odds; a dataset of which little is synthetic has other odds. Moving all of them by the
same log-odds is Bayes' rule for another prior (Saerens, Latinne & Decaestecker, Neural Computation 14, 2002); here the
prior is not fitted to the scores but solved for the estimate, which is corrected for the detector's errors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.known import NAMES, Known

if TYPE_CHECKING:
    import numpy as np

_WIDEST = 60.0  # log-odds beyond which every chance is 0 or 1
_SURE = 1e-9  # chances nearer to 0 or 1 are taken for that


@dataclass(frozen=True, slots=True)
class Chances:
    """Of the rows of an audit: p, float64 (rows,), NaN where a row was not read and stands for nothing."""

    p: np.ndarray
    known: Known


def moved(chance: np.ndarray, share: float) -> np.ndarray:
    """Chances, float64 (n,), moved alike in log-odds so that their mean is `share`; NaN stands for no score, and gets
    the share itself. Raises ValueError unless 0 <= share <= 1."""
    import numpy as np
    from scipy.optimize import brentq
    from scipy.special import expit, logit

    if not 0 <= share <= 1:
        raise ValueError(f"{share} is no share")
    found = np.full(len(chance), share)
    scored = ~np.isnan(chance)
    if not scored.any() or not _SURE < share < 1 - _SURE:
        return found
    odds = logit(np.clip(chance[scored], _SURE, 1 - _SURE))

    def excess(offset: float) -> float:
        return float(expit(odds + offset).mean()) - share

    found[scored] = expit(odds + brentq(excess, -_WIDEST, _WIDEST, xtol=1e-12))
    return found


def adjusted(chance: np.ndarray, indicators: Mapping[str, np.ndarray], share: float) -> Chances:
    """Chances whose mean over all readable rows is `share`, as far as what is known allows.

    chance: at even odds, float64 (rows,), NaN for none; indicators: by known.indicators. Rows that evidence decides are
    0 or 1; rows of the rest that were not looked at get the rest's share.
    """
    import numpy as np

    known = Known.of({name: int(indicators[name].sum()) for name in NAMES})
    p = np.where(indicators["ok"], indicators["synthetic"].astype(float), np.nan)
    of_rest = _clipped((share * known.ok - known.exact) / known.rest) if known.rest else 0.0
    undecided = indicators["drawn"] & ~indicators["synthetic"] & ~indicators["edited"]
    n = int(undecided.sum())
    if n:
        p[undecided] = moved(chance[undecided], _clipped((of_rest * known.drawn - known.found) / n))
    p[indicators["rest"] & ~indicators["drawn"]] = of_rest
    p[indicators["outside"] & ~indicators["ok"]] = of_rest
    return Chances(p, known)


def _clipped(share: float) -> float:
    return min(1.0, max(0.0, share))
