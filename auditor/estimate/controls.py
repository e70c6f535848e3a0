"""Whether calibrated error rates hold on the dataset at hand. Pure.

Rows that declare themselves synthetic show the detector's true-positive rate on this very dataset, rows that are real
beyond doubt its false-positive rate. Counts that the predicted rates make improbable are a *shift*: the rates are then
widened to take in what the controls show. Controls are not the rest of the dataset (an image with camera data is not a
random one), so they never narrow anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.estimate.rogan_gladen import Rates
from auditor.results import Control

if TYPE_CHECKING:
    import numpy as np

_SHIFT_LEVEL = 0.01  # two-sided
_LEAST = 20  # controls that are worth a look


def check(name: str, flagged: int, n: int, rates: np.ndarray) -> Control:
    """A control against the predicted rates: how probable its number is under them, whatever their shape."""
    import numpy as np
    from scipy.stats import binom

    middle, low, high = (float(value) for value in np.quantile(rates, (0.5, 0.025, 0.975)))
    if n == 0:
        return Control(name, 0, 0, (middle, low, high), 1.0, is_shift=False)
    least = float(np.mean(binom.cdf(flagged, n, rates)))
    most = float(np.mean(binom.sf(flagged - 1, n, rates)))
    p_value = min(1.0, 2 * min(least, most))
    return Control(name, flagged, n, (middle, low, high), p_value, is_shift=n >= _LEAST and p_value < _SHIFT_LEVEL)


def inflate_for_shift(rates: Rates, negative: Control, positive: Control, *, seed: int) -> tuple[Rates, Rates]:
    """Rates for the lower and for the upper end of the estimate, taking in controls that shifted.

    A higher false-positive or true-positive rate lowers the estimate: the lower end gets the larger of what was
    predicted and what the control shows, the upper end the smaller.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    lower, upper = [rates.fpr, rates.tpr], [rates.fpr, rates.tpr]
    for place, control in enumerate((negative, positive)):
        if control.is_shift:
            shown = rng.beta(control.flagged + 0.5, control.n - control.flagged + 0.5, len(rates.fpr))
            lower[place] = np.maximum(lower[place], shown)
            upper[place] = np.minimum(upper[place], shown)
    return Rates(*lower), Rates(*upper)
