"""Checks the predicted error rates on the dataset itself. Pure.

Images that are declared synthetic (positive controls) show the detector's true-positive rate on this dataset;
known-real images (negative controls) show its false-positive rate. If the predicted rates make a control's count
improbable, that is a *calibration shift*, and the rates are widened to cover what the control shows. Controls are not
representative of the other images (an image with camera data is no random image), so they never narrow the rates.
"""

from __future__ import annotations

import numpy as np

from auditor.estimate.distributions import binomial_above, binomial_at_most
from auditor.estimate.score_distributions import BinShares
from auditor.results import Control

_SHIFT_LEVEL = 0.01  # two-sided
MIN_CONTROLS = 20  # images; fewer are not tested for a shift


def check(name: str, flagged: int, n: int, rates: np.ndarray) -> Control:
    """Compares the flag count of a control with the predicted rates, float64 (draws,): a two-sided p-value, averaged
    over the draws."""
    median, low, high = (float(value) for value in np.quantile(rates, (0.5, 0.025, 0.975)))
    if n == 0:
        return Control(name, 0, 0, (median, low, high), 1.0, is_shift=False)
    lower_tail = float(np.mean(binomial_at_most(flagged, n, rates)))
    upper_tail = float(np.mean(binomial_above(flagged - 1, n, rates)))
    p_value = min(1.0, 2 * min(lower_tail, upper_tail))
    is_shift = n >= MIN_CONTROLS and p_value < _SHIFT_LEVEL
    return Control(name, flagged, n, (median, low, high), p_value, is_shift=is_shift)


def inflate_for_shift(
    shares: BinShares, negative: Control, positive: Control, *, seed: int
) -> tuple[BinShares, BinShares]:
    """Score distributions for the lower and for the upper end of the estimate, widened to cover controls with a shift.

    A higher false-positive or true-positive rate lowers the estimate. So the lower end gets the larger of the predicted
    rate and the control's rate, and the upper end gets the smaller.
    """
    rng = np.random.default_rng(seed)
    lower, upper = [shares.fpr, shares.tpr], [shares.fpr, shares.tpr]
    for index, control in enumerate((negative, positive)):
        if control.is_shift:
            observed = rng.beta(control.flagged + 0.5, control.n - control.flagged + 0.5, len(shares.fpr))
            lower[index] = np.maximum(lower[index], observed)
            upper[index] = np.minimum(upper[index], observed)
    return shares.with_rates(*lower), shares.with_rates(*upper)
