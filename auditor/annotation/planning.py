"""How many labels will probably decide a limit, before anyone labels. Pure."""

from __future__ import annotations

import numpy as np

NUMBERS = (20, 30, 40, 60, 80, 100, 150, 200, 300)  # of labels, the smallest first
SECONDS_PER_LABEL = 6.0  # an assumption for people's planning; the label page shows the annotator's own pace
_PROBABILITY = 0.8  # of deciding, from which a number of labels is said to be enough
_TAIL = 0.025  # of the labels' 95 % interval
_POINTS = 41


def labels_to_decide(low: float, high: float, limit: float) -> int | None:
    """The smallest of NUMBERS of labels that will decide with a probability of 80 % or more whether the synthetic
    fraction is above the limit; None if not even the largest will.

    low, high: what is known of the fraction, which may be anything between them with equal probability. The labels are
    taken for a simple random sample without errors, and decide if their exact 95 % interval (Clopper and Pearson, 1934)
    does not contain the limit. Labels that are drawn by the classifier's verdicts decide sooner, and people's errors
    later, so that this is a guide.
    """
    from scipy.special import betaincinv, gammaln, xlog1py, xlogy

    fractions = np.linspace(low, high, _POINTS)[:, None]
    for n in NUMBERS:
        k = np.arange(n + 1)
        lower = np.where(k == 0, 0.0, betaincinv(np.maximum(k, 1), n - k + 1, _TAIL))
        upper = np.where(k == n, 1.0, betaincinv(k + 1, np.maximum(n - k, 1), 1 - _TAIL))
        is_decided = (lower > limit) | (upper <= limit)
        ways = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
        probability = np.exp(ways + xlogy(k, fractions) + xlog1py(n - k, -fractions))
        if float((probability @ is_decided).mean()) >= _PROBABILITY:
            return n
    return None
