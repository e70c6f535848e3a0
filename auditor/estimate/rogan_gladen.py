"""The synthetic fraction with an interval that is corrected for the detector's errors. Pure; seeds are arguments.

Without labels from the target: Rogan-Gladen with melded confidence distributions (Bayer, Fay & Graubard 2023,
arXiv 2205.13494), in which the error rates are not the calibration's own but those predicted for a new mix of sources
(rates.py). With flag rate q, false-positive rate f and true-positive rate s the fraction is g = (q-f)/(s-f), clipped to
[0, 1]; the lower end is the α/2 quantile of g(q_L, f, s), the upper end the 1-α/2 quantile of g(q_U, f, s), q_L and q_U
drawn from the lower and upper Clopper-Pearson confidence distributions.

Images decided by declared or matched evidence are not estimated: the detector's fraction is that of the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from auditor.estimate.design import Validity
from auditor.estimate.error_rates import Counts, predictive
from auditor.estimate.intervals import Interval, confidence_sequence

if TYPE_CHECKING:
    import numpy as np

CONFIDENCE = 0.95
DRAWS = 20_000
_LEAST_GAP = 1e-6  # of s over f; a draw with less tells nothing, and stands for the whole range


@dataclass(frozen=True, slots=True)
class FlagCounts:
    """What was flagged: `flagged` of the `n` rows that were looked at, by weight, all of the dataset's or a sample.

    n_eff: the effective sample size, less than the rows where their weights differ or whole shards were drawn. There is
    no finite-population correction: how many real images a detector flags is chance even where it looks at every row.
    """

    flagged: float
    n: float
    n_eff: float

    @classmethod
    def of_rows(cls, flagged: int, n: int) -> FlagCounts:
        """Of rows of weight 1, looked at one by one."""
        return cls(flagged, n, n)


@dataclass(frozen=True, slots=True)
class ConfirmedCounts:
    """Of n sampled rows, how many declared or matched evidence decides to be synthetic: the detector is asked about
    the others alone. n_eff: as in FlagCounts."""

    synthetic: float
    n: float
    n_eff: float


@dataclass(frozen=True, slots=True)
class Rates:
    """Draws of the false- and true-positive rate that the target may have, float64 (draws,) each."""

    fpr: np.ndarray
    tpr: np.ndarray


def predicted_rates(
    false: Counts, true: Counts, *, sources: tuple[Sequence[int], Sequence[int]], seed: int, draws: int = DRAWS
) -> Rates:
    """Rates of a target that mixes new sources of real and of synthetic images, from (positives, n) of each
    calibration source. sources: how many real and how many synthetic ones there may be, all numbers as probable."""
    import numpy as np

    rng = np.random.default_rng(seed)
    return Rates(
        predictive(false, sources=sources[0], draws=draws, rng=rng),
        predictive(true, sources=sources[1], draws=draws, rng=rng),
    )


def melded(
    flags: FlagCounts,
    rates: Rates,
    *,
    decided: ConfirmedCounts | None = None,
    validity: Validity = Validity.FIXED_N,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> Interval:
    """Melded Rogan-Gladen: the share of those looked at, or, with `decided`, of all rows that the sample stands for.

    Where it has to be valid at any time, the error is split in halves: between the counts' confidence sequences and the
    rates.
    Raises ValueError where more is flagged than was looked at, or nothing was.
    """
    import numpy as np

    alpha = (1 - confidence) / (2 if validity is Validity.ANYTIME_VALID else 1)
    ends_of = partial(_ends, validity, alpha / (2 if decided else 1), len(rates.fpr), np.random.default_rng(seed))
    low, high = ends_of(flags.flagged, flags.n, flags.n_eff)
    tells = rates.tpr - rates.fpr > _LEAST_GAP
    lower = np.where(tells, corrected(low, rates), 0.0)
    # Nothing flagged bounds the fraction by what could have been missed, whatever the false-positive rate.
    subtracted = rates if flags.flagged else Rates(np.zeros_like(rates.fpr), rates.tpr)
    upper = np.where(tells, corrected(high, subtracted), 1.0)
    # Flags are as many as the mean rates say; medians of rates so skew would put the point too high.
    mean = Rates(np.mean(rates.fpr, keepdims=True), np.mean(rates.tpr, keepdims=True))
    point = float(corrected(np.array([flags.flagged / flags.n]), mean)[0])
    if decided:
        least, most = ends_of(decided.synthetic, decided.n, decided.n_eff)
        looked = flags.n / max(decided.n - decided.synthetic, 1)
        lower, upper = (known + (1 - known) * looked * rest for known, rest in ((least, lower), (most, upper)))
        point = decided.synthetic / decided.n + (1 - decided.synthetic / decided.n) * looked * point
    ends = float(np.quantile(lower, alpha / 2)), float(np.quantile(upper, 1 - alpha / 2))
    if flags.flagged:  # something flagged never bounds it tighter than nothing would
        none = replace(flags, flagged=0)
        nothing = melded(none, rates, decided=decided, validity=validity, confidence=confidence, seed=seed)
        ends = ends[0], max(ends[1], nothing.high)
    return Interval(min(max(point, ends[0]), ends[1]), *ends)


def corrected(flag_rate: np.ndarray, rates: Rates) -> np.ndarray:
    """Rogan and Gladen's (q-f)/(s-f), clipped to [0, 1], draw by draw."""
    import numpy as np

    gap = np.maximum(rates.tpr - rates.fpr, _LEAST_GAP)
    share: np.ndarray = np.clip((flag_rate - rates.fpr) / gap, 0.0, 1.0)
    return share


def _ends(
    validity: Validity, alpha: float, draws: int, rng: np.random.Generator, count: float, n: float, n_eff: float
) -> tuple[np.ndarray, np.ndarray]:
    """Draws from the lower and upper confidence distributions of a rate: Clopper and Pearson's, or a single value where
    it has to be valid at any time, or n is endless."""
    import numpy as np

    if not 0 <= count <= n or n <= 0:
        raise ValueError(f"{count} of {n} is no sample")
    if validity is Validity.ASYMPTOTIC:
        return np.full(draws, count / n), np.full(draws, count / n)
    if validity is Validity.ANYTIME_VALID:
        low, high = confidence_sequence(int(count), int(n), alpha)
        return np.full(draws, low), np.full(draws, high)
    count = count / n * n_eff
    lower = rng.beta(count, n_eff - count + 1, draws) if count > 0 else np.zeros(draws)
    upper = rng.beta(count + 1, n_eff - count, draws) if count < n_eff else np.ones(draws)
    return lower, upper
