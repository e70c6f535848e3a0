"""From which score an image is flagged, and with which error rates: from the calibration alone, before flags are seen.

Few thresholds are tried, far apart: those that flag 0.1, 1 and 10 % of real images, in the mean over sources. The one
with the narrowest interval to expect is taken. Among hundreds of thresholds the best one is best by luck: it is where
the calibration's sources happen to agree, and intervals that rest on it miss (of those of benchmarks/mixtures.py four
in a hundred more).
"""

from __future__ import annotations

from collections.abc import Mapping

from auditor.estimate.calibration import Calibration, mean_rate
from auditor.estimate.rogan_gladen import DRAWS, FlagCounts, Rates, melded, predicted_rates

# A dataset's sources resemble each other: however many there are, its mean false-positive rate varies like that of one
# new source, its true-positive rate like that of one to four generators. Found by leaving out whole folds of sources:
# benchmarks/mixtures.py.
SOURCES = ((1,), (1, 2, 3, 4))
LEVELS = (0.001, 0.01, 0.1)  # mean false-positive rates over sources
_FRACTIONS = (0.0, 0.02, 0.05, 0.1, 0.3)  # at which an interval is to be narrow
_IMAGES = 1000
_FEW_DRAWS = 4000


def operating_point(calibration: Calibration, weights: Mapping[str, float]) -> float:
    """The threshold that is best for counting in a mix of conditions (weights sum to 1)."""
    found = [calibration.threshold(level, weights) for level in LEVELS]
    return min(dict.fromkeys(found), key=lambda threshold: _width(calibration, threshold, weights))


def rates_at(
    calibration: Calibration, threshold: float, weights: Mapping[str, float], *, seed: int, draws: int = DRAWS
) -> Rates:
    """Draws of the error rates that a dataset in this mix of conditions may have at a threshold."""
    return predicted_rates(*calibration.counts(threshold, weights), sources=SOURCES, seed=seed, draws=draws)


def _width(calibration: Calibration, threshold: float, weights: Mapping[str, float]) -> float:
    """How wide the interval is in the mean over _FRACTIONS, where the sources' mean rates hold."""
    rates = rates_at(calibration, threshold, weights, seed=0, draws=_FEW_DRAWS)
    false, true = map(mean_rate, calibration.counts(threshold, weights))
    flagged = [round(_IMAGES * ((1 - share) * false + share * true)) for share in _FRACTIONS]
    found = [melded(FlagCounts.of_rows(count, _IMAGES), rates) for count in flagged]
    return sum(interval.high - interval.low for interval in found) / len(found)
