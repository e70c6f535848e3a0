"""Each row's chance of being synthetic in this very dataset, so that their mean is the estimate. Pure.

The chance in evidence is at even odds; a dataset of which little is synthetic has other odds. Moving all of them by the
same log-odds is Bayes' rule for another prior (Saerens, Latinne & Decaestecker, Neural Computation 14, 2002); here the
prior is not fitted to the scores but solved for the estimate, which is corrected for the detector's errors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.estimate.counts import EvidenceCounts, EvidenceMasks

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

    def __call__(self, chance: np.ndarray, masks: EvidenceMasks) -> np.ndarray:
        """float64 (rows,): each row's chance; NaN for rows that were not read and stand for nothing.

        chance: at even odds, float64 (rows,), NaN for none. Rows that evidence decides are 0 or 1.
        """
        import numpy as np

        p = np.where(masks.readable, masks.confirmed.astype(float), np.nan)
        undecided = masks.undecided
        p[undecided] = np.nan_to_num(moved(chance[undecided], self.offset), nan=self.unscored)
        p[masks.undetermined & ~masks.sampled] = self.of_rest
        p[masks.unsampled & ~masks.readable] = self.of_rest
        return p


def adjustment(scores: np.ndarray, weights: np.ndarray, evidence: EvidenceCounts, share: float) -> Adjustment:
    """What makes the chances of all readable rows `share` on average, as far as what is known allows.

    scores: chances at even odds of the undecided rows, float64 (n,), NaN for none; weights: what those rows count,
    float64 (n,). Raises ValueError unless 0 <= share <= 1.
    """
    undecided, rest = float(weights.sum()), evidence.undetermined.total
    of_rest = _clipped((share * evidence.readable.total - evidence.confirmed_by_census) / rest) if rest else 0.0
    undecided_positive = of_rest * evidence.sampled.total - evidence.confirmed_in_sample.total
    mean = _clipped(undecided_positive / undecided) if undecided else 0.0
    return Adjustment(offset(scores, weights, mean), mean, of_rest)


def offset(chance: np.ndarray, weights: np.ndarray, share: float) -> float:
    """The log-odds that bring the weighted mean of chances to `share`; chance, weights: float64 (n,), NaN counts for
    nothing. Raises ValueError unless 0 <= share <= 1."""
    import numpy as np
    from scipy.optimize import brentq

    if not 0 <= share <= 1:
        raise ValueError(f"{share} is no share")
    counts = ~np.isnan(chance) & (weights > 0)
    scored, weights = chance[counts], weights[counts]
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
