"""The synthetic fraction of scored images, from the number that is likely synthetic. Pure.

With flag rate q, false-positive rate f and true-positive rate s the fraction is (q-f)/(s-f), clipped to [0, 1] (Rogan &
Gladen, American Journal of Epidemiology 107, 1978). Confidence distributions of q are melded with the predicted rates
of new sources (Bayer, Fay & Graubard, arXiv 2205.13494, 2023).
"""

from __future__ import annotations

import numpy as np

from auditor.estimate.score_distributions import BinShares

_MIN_GAP = 1e-6  # a draw with a smaller gap between the rates is uninformative


def melded_fractions(flagged: float, n_eff: float, shares: BinShares) -> tuple[np.ndarray, np.ndarray]:
    """Draws of the fraction for the lower and for the upper end, float64 (draws,) each.

    flagged: the share of the scored images that is likely synthetic; n_eff: their effective number. q is drawn from the
    lower and from the upper confidence distribution of Clopper and Pearson.
    """
    rng, draws = np.random.default_rng(0), len(shares.real)
    count = flagged * n_eff
    low = rng.beta(count, n_eff - count + 1, draws) if count > 0 else np.zeros(draws)
    high = rng.beta(count + 1, n_eff - count, draws) if count < n_eff else np.ones(draws)
    fpr, gap = shares.fpr, shares.tpr - shares.fpr
    # Without any flag, the upper end depends only on the images that could have been missed, not on the FPR.
    upper_fpr, upper_gap = (fpr, gap) if count > 0 else (np.zeros(draws), shares.tpr)
    is_informative = gap > _MIN_GAP
    lower = np.where(is_informative, np.clip((low - fpr) / np.maximum(gap, _MIN_GAP), 0, 1), 0.0)
    upper = np.where(is_informative, np.clip((high - upper_fpr) / np.maximum(upper_gap, _MIN_GAP), 0, 1), 1.0)
    return lower, upper
