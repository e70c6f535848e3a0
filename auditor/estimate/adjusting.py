"""Each row's chance of being synthetic in this very dataset, so that their mean is the estimate. Pure.

The chance in evidence is at even odds; a dataset of which little is synthetic has other odds. Moving all of them by the
same log-odds is Bayes' rule for another prior (Saerens, Latinne & Decaestecker, Neural Computation 14, 2002); here the
prior is not fitted to the scores but solved for the estimate, which is corrected for the detector's errors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.estimate.known import Known

if TYPE_CHECKING:
    import numpy as np

_WIDEST = 60.0  # log-odds beyond which every chance is 0 or 1
_SURE = 1e-9  # chances nearer to 0 or 1 are taken for that


@dataclass(frozen=True, slots=True)
class Adjustment:
    """offset: log-odds by which chances are moved; unscored: the chance of an undecided row without a score; of_rest:
    that of a row which was not looked at."""

    offset: float
    unscored: float
    of_rest: float

    def __call__(self, chance: np.ndarray, indicators: Mapping[str, np.ndarray]) -> np.ndarray:
        """float64 (rows,): each row's chance; NaN for rows that were not read and stand for nothing.

        chance: at even odds, float64 (rows,), NaN for none; indicators: by known.indicators. Rows that evidence decides
        are 0 or 1.
        """
        import numpy as np

        p = np.where(indicators["ok"], indicators["synthetic"].astype(float), np.nan)
        undecided = undecided_of(indicators)
        p[undecided] = np.nan_to_num(moved(chance[undecided], self.offset), nan=self.unscored)
        p[indicators["rest"] & ~indicators["drawn"]] = self.of_rest
        p[indicators["outside"] & ~indicators["ok"]] = self.of_rest
        return p


def undecided_of(indicators: Mapping[str, np.ndarray]) -> np.ndarray:
    """Rows that were looked at in full and that no declared or matched evidence decides."""
    found: np.ndarray = indicators["drawn"] & ~indicators["synthetic"] & ~indicators["edited"]
    return found


def adjustment(scores: np.ndarray, known: Known, share: float, weights: np.ndarray | None = None) -> Adjustment:
    """What makes the chances of all readable rows `share` on average, as far as what is known allows.

    scores: chances at even odds of the undecided rows, float64 (n,), NaN for none; weights: what those rows count,
    float64 (n,), as `known` does (None: all the same). Raises ValueError unless 0 <= share <= 1.
    """
    undecided = len(scores) if weights is None else float(weights.sum())
    of_rest = _clipped((share * known.ok - known.exact) / known.rest) if known.rest else 0.0
    mean = _clipped((of_rest * known.drawn - known.found) / undecided) if undecided else 0.0
    return Adjustment(offset(scores, mean, weights), mean, of_rest)


def offset(chance: np.ndarray, share: float, weights: np.ndarray | None = None) -> float:
    """The log-odds that bring the mean of chances, float64 (n,), to `share`; NaN counts for nothing. weights: of the
    mean, float64 (n,). Raises ValueError unless 0 <= share <= 1."""
    import numpy as np
    from scipy.optimize import brentq

    if not 0 <= share <= 1:
        raise ValueError(f"{share} is no share")
    counts = ~np.isnan(chance) if weights is None else ~np.isnan(chance) & (weights > 0)
    scored, weights = chance[counts], None if weights is None else weights[counts]
    if not _SURE < share < 1 - _SURE or not len(scored):
        return 0.0 if not len(scored) else -np.inf if share < 0.5 else np.inf

    def excess(log_odds: float) -> float:
        return float(np.average(moved(scored, log_odds), weights=weights)) - share

    return float(brentq(excess, -_WIDEST, _WIDEST, xtol=1e-12))


def moved(chance: np.ndarray, offset: float) -> np.ndarray:
    """Chances, float64 (n,), at other odds; NaN stays NaN."""
    import numpy as np
    from scipy.special import expit, logit

    found: np.ndarray = expit(logit(np.clip(chance, _SURE, 1 - _SURE)) + offset)
    return found


def _clipped(share: float) -> float:
    return min(1.0, max(0.0, share))
