"""Each row's posterior probability of being synthetic in this dataset; their mean is the estimate. Pure.

Probabilities in evidence assume a prior of 0.5, but the dataset has another synthetic fraction. Adding the same
log-odds to all of them is Bayes' rule for another prior (Saerens, Latinne & Decaestecker, Neural Computation 14, 2002).
Here the prior is not fitted to the scores: the offset is solved so that the mean equals the estimate, which is
corrected for the classifier's errors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from auditor.estimate.counts import EvidenceCounts, EvidenceMasks

_MAX_LOG_ODDS = 60.0  # bound of the search; beyond it every probability is 0 or 1
_MIN_PROBABILITY = 1e-9  # probabilities are clipped to this distance from 0 and 1


@dataclass(frozen=True, slots=True)
class PriorShift:
    """log_odds: what is added to the log-odds of each probability. unscored: the probability of an undecided row
    without a score. unsampled: the probability of a row that was not examined."""

    log_odds: float
    unscored: float
    unsampled: float

    def __call__(self, probability: np.ndarray, masks: EvidenceMasks) -> np.ndarray:
        """Each row's posterior probability, float64 (rows,); NaN for examined rows that could not be read.

        probability: at a prior of 0.5, float64 (rows,), NaN without a score. Rows that evidence decides are 0 or 1.
        """
        p = np.where(masks.readable, masks.confirmed.astype(float), np.nan)
        undecided = masks.undecided
        p[undecided] = np.nan_to_num(shift_log_odds(probability[undecided], self.log_odds), nan=self.unscored)
        p[masks.undetermined & ~masks.sampled] = self.unsampled
        p[masks.unsampled & ~masks.readable] = self.unsampled
        return p


def solve_prior_shift(scores: np.ndarray, weights: np.ndarray, evidence: EvidenceCounts, share: float) -> PriorShift:
    """The prior shift with which the probabilities of all readable rows have the mean `share`, as far as the evidence
    permits.

    scores: probabilities of the undecided rows at a prior of 0.5, float64 (n,), NaN without a score. weights: the
    weights of those rows, float64 (n,). Raises ValueError unless 0 <= share <= 1.
    """
    undecided, undetermined = float(weights.sum()), evidence.undetermined.total
    positive = share * evidence.readable.total - evidence.confirmed_by_full_coverage
    unsampled = _clip(positive / undetermined) if undetermined else 0.0
    undecided_positive = unsampled * evidence.sampled.total - evidence.confirmed_in_sample.total
    mean = _clip(undecided_positive / undecided) if undecided else 0.0
    return PriorShift(log_odds_offset(scores, weights, mean), mean, unsampled)


def log_odds_offset(probability: np.ndarray, weights: np.ndarray, share: float) -> float:
    """The log-odds that bring the weighted mean of the probabilities to `share`.

    probability, weights: float64 (n,); NaN is ignored. Raises ValueError unless 0 <= share <= 1.
    """
    from scipy.optimize import brentq

    if not 0 <= share <= 1:
        raise ValueError(f"share must be between 0 and 1, got {share}")
    counts = ~np.isnan(probability) & (weights > 0)
    scored, weights = probability[counts], weights[counts]
    if not _MIN_PROBABILITY < share < 1 - _MIN_PROBABILITY or not len(scored):
        return 0.0 if not len(scored) else -np.inf if share < 0.5 else np.inf

    def excess(log_odds: float) -> float:
        return float(np.average(shift_log_odds(scored, log_odds), weights=weights)) - share

    return float(brentq(excess, -_MAX_LOG_ODDS, _MAX_LOG_ODDS, xtol=1e-12))


def shift_log_odds(probability: np.ndarray, log_odds: float) -> np.ndarray:
    """Probabilities, float64 (n,), with `log_odds` added to their log-odds; NaN stays NaN."""
    from scipy.special import expit, logit

    shifted: np.ndarray = expit(logit(np.clip(probability, _MIN_PROBABILITY, 1 - _MIN_PROBABILITY)) + log_odds)
    return shifted


def _clip(share: float) -> float:
    return min(1.0, max(0.0, share))
