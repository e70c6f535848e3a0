"""The synthetic fraction of the undecided images, corrected for the classifier's errors. Pure; seeds are arguments.

The method needs no labels of the target: Rogan-Gladen with melded confidence distributions (Bayer, Fay & Graubard 2023,
arXiv 2205.13494). The error rates are not those of the calibration but those predicted for a new mix of sources
(error_rates.py). With flag rate q, false-positive rate f and true-positive rate s the fraction is g = (q-f)/(s-f),
clipped to [0, 1]. The lower end is the α/2 quantile of g(q_L, f, s) and the upper end the 1-α/2 quantile of
g(q_U, f, s), where q_L and q_U are drawn from the lower and upper Clopper-Pearson confidence distributions.

Images that declared or matched evidence decides are not estimated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from auditor.estimate.design import Validity
from auditor.estimate.error_rates import Counts, predictive_rates
from auditor.estimate.intervals import Interval, confidence_sequence

CONFIDENCE = 0.95
DRAWS = 20_000
_MIN_TPR_FPR_GAP = 1e-6  # a draw with a smaller gap is uninformative: its range is [0, 1]


@dataclass(frozen=True, slots=True)
class FlagCounts:
    """`flagged` of `n` scored rows, by weight; the rows are all of the dataset or a sample.

    n_eff: the effective sample size, smaller than n if weights differ or whole shards were drawn. There is no
    finite-population correction, because classifier errors are random even in a full scan.
    """

    flagged: float
    n: float
    n_eff: float

    @classmethod
    def of_rows(cls, flagged: int, n: int) -> FlagCounts:
        """From numbers of rows of weight 1 in a simple random sample."""
        return cls(flagged, n, n)


@dataclass(frozen=True, slots=True)
class ConfirmedCounts:
    """How many of n sampled rows declared or matched evidence shows to be synthetic; only the other rows are estimated
    from flags. n_eff: as in FlagCounts."""

    synthetic: float
    n: float
    n_eff: float


@dataclass(frozen=True, slots=True)
class Rates:
    """Draws of the false- and of the true-positive rate on the target, float64 (draws,) each."""

    fpr: np.ndarray
    tpr: np.ndarray


def predicted_rates(
    false: Counts, true: Counts, *, sources: tuple[Sequence[int], Sequence[int]], seed: int, draws: int = DRAWS
) -> Rates:
    """Rates of a target that mixes new sources of real and of synthetic images.

    false, true: (positives, n) of each calibration source of real and of synthetic images. sources: the possible
    numbers of the target's real and synthetic sources, all equally probable.
    """
    rng = np.random.default_rng(seed)
    return Rates(
        predictive_rates(false, sources=sources[0], draws=draws, rng=rng),
        predictive_rates(true, sources=sources[1], draws=draws, rng=rng),
    )


def melded_interval(
    flags: FlagCounts,
    rates: Rates,
    *,
    decided: ConfirmedCounts | None = None,
    validity: Validity = Validity.FIXED_N,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> Interval:
    """The melded Rogan-Gladen interval for the scored rows or, with `decided`, for all rows that the sample stands for.

    An anytime-valid interval splits the error in half, between the confidence sequences of the counts and the rates.
    Raises ValueError unless 0 <= flagged <= n and n > 0.
    """
    alpha = (1 - confidence) / (2 if validity is Validity.ANYTIME_VALID else 1)
    ends_of = partial(_ends, validity, alpha / (2 if decided else 1), len(rates.fpr), np.random.default_rng(seed))
    low, high = ends_of(flags.flagged, flags.n, flags.n_eff)
    is_informative = rates.tpr - rates.fpr > _MIN_TPR_FPR_GAP
    lower = np.where(is_informative, correct_flag_rate(low, rates), 0.0)
    # Without any flag, the upper end depends only on the images that could have been missed, not on the FPR.
    upper_rates = rates if flags.flagged else Rates(np.zeros_like(rates.fpr), rates.tpr)
    upper = np.where(is_informative, correct_flag_rate(high, upper_rates), 1.0)
    # The expected flag rate depends on the mean rates; medians of these skewed distributions would bias the point up.
    mean = Rates(np.mean(rates.fpr, keepdims=True), np.mean(rates.tpr, keepdims=True))
    point = float(correct_flag_rate(np.array([flags.flagged / flags.n]), mean)[0])
    if decided:
        confirmed_low, confirmed_high = ends_of(decided.synthetic, decided.n, decided.n_eff)
        scored = flags.n / max(decided.n - decided.synthetic, 1)
        lower = confirmed_low + (1 - confirmed_low) * scored * lower
        upper = confirmed_high + (1 - confirmed_high) * scored * upper
        point = decided.synthetic / decided.n + (1 - decided.synthetic / decided.n) * scored * point
    ends = float(np.quantile(lower, alpha / 2)), float(np.quantile(upper, 1 - alpha / 2))
    if flags.flagged:  # the upper end must not be lower than without any flag
        none = replace(flags, flagged=0)
        unflagged = melded_interval(none, rates, decided=decided, validity=validity, confidence=confidence, seed=seed)
        ends = ends[0], max(ends[1], unflagged.high)
    return Interval(min(max(point, ends[0]), ends[1]), *ends)


def correct_flag_rate(flag_rate: np.ndarray, rates: Rates) -> np.ndarray:
    """The Rogan-Gladen estimator (q-f)/(s-f), clipped to [0, 1], of each draw (American Journal of Epidemiology 107,
    1978)."""
    gap = np.maximum(rates.tpr - rates.fpr, _MIN_TPR_FPR_GAP)
    share: np.ndarray = np.clip((flag_rate - rates.fpr) / gap, 0.0, 1.0)
    return share


def _ends(
    validity: Validity, alpha: float, draws: int, rng: np.random.Generator, count: float, n: float, n_eff: float
) -> tuple[np.ndarray, np.ndarray]:
    """Draws from the lower and the upper confidence distribution of a rate: Clopper and Pearson's, or constants if the
    interval is anytime-valid or asymptotic."""
    if not 0 <= count <= n or n <= 0:
        raise ValueError(f"count must be between 0 and n, and n above 0, got {count} of {n}")
    if validity is Validity.ASYMPTOTIC:
        return np.full(draws, count / n), np.full(draws, count / n)
    if validity is Validity.ANYTIME_VALID:
        low, high = confidence_sequence(int(count), int(n), alpha)
        return np.full(draws, low), np.full(draws, high)
    count = count / n * n_eff
    lower = rng.beta(count, n_eff - count + 1, draws) if count > 0 else np.zeros(draws)
    upper = rng.beta(count + 1, n_eff - count, draws) if count < n_eff else np.ones(draws)
    return lower, upper
