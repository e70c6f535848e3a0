"""Chooses the threshold from which an image is flagged, from the calibration alone, before flags are seen. Pure.

Only three thresholds are tried: those that flag 0.1, 1 and 10 % of real images, as a mean over sources. The one with
the narrowest expected interval is taken. Optimising over hundreds of thresholds overfits the calibration set, and the
intervals under-cover (by four points in benchmarks/mixtures.py).
"""

from __future__ import annotations

from collections.abc import Mapping

from auditor.estimate.calibration import Calibration, mean_rate
from auditor.estimate.rogan_gladen import DRAWS, FlagCounts, Rates, melded_interval, predicted_rates

# Leave-fold-out tests (benchmarks/mixtures.py) show that a dataset's mean false-positive rate varies as much as that of
# one new source, and its true-positive rate as much as that of one to four new generators.
SOURCES = ((1,), (1, 2, 3, 4))
LEVELS = (0.001, 0.01, 0.1)  # false-positive rates, means over sources
_FRACTIONS = (0.0, 0.02, 0.05, 0.1, 0.3)  # synthetic fractions over which the width is averaged
_IMAGES = 1000
_WIDTH_DRAWS = 4000


def best_threshold(calibration: Calibration, weights: Mapping[str, float]) -> float:
    """The threshold with the narrowest expected interval in a mix of conditions (weights sum to 1)."""
    thresholds = [calibration.threshold(level, weights) for level in LEVELS]
    return min(dict.fromkeys(thresholds), key=lambda threshold: _mean_width(calibration, threshold, weights))


def rates_at(
    calibration: Calibration, threshold: float, weights: Mapping[str, float], *, seed: int, draws: int = DRAWS
) -> Rates:
    """Draws of the error rates at a threshold, of a dataset in this mix of conditions."""
    return predicted_rates(*calibration.counts(threshold, weights), sources=SOURCES, seed=seed, draws=draws)


def _mean_width(calibration: Calibration, threshold: float, weights: Mapping[str, float]) -> float:
    """The mean width of the interval over _FRACTIONS, if the target has the calibration's mean rates."""
    rates = rates_at(calibration, threshold, weights, seed=0, draws=_WIDTH_DRAWS)
    fpr, tpr = map(mean_rate, calibration.counts(threshold, weights))
    flagged = [round(_IMAGES * ((1 - share) * fpr + share * tpr)) for share in _FRACTIONS]
    intervals = [melded_interval(FlagCounts.of_rows(count, _IMAGES), rates) for count in flagged]
    return sum(interval.high - interval.low for interval in intervals) / len(intervals)
