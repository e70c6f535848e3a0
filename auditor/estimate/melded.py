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
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING

from auditor.estimate.intervals import Interval
from auditor.estimate.rates import Counts, predictive
from auditor.estimate.sequential import confidence_sequence

if TYPE_CHECKING:
    import numpy as np

CONFIDENCE = 0.95
DRAWS = 20_000
_LEAST_GAP = 1e-6  # of s over f; a draw with less tells nothing, and stands for the whole range


@dataclass(frozen=True, slots=True)
class Sample:
    """What was flagged: `flagged` of the `n` rows that were looked at, all of the dataset's or a uniform sample.

    There is no finite-population correction: how many real images a detector flags is chance even where it looks at
    every row. effective: rows that n is worth, where rows were weighted or drawn in clusters (n divided by the design
    effect).
    """

    flagged: float
    n: float
    effective: float | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    """Of n sampled rows, how many declared or matched evidence decides to be synthetic: the detector is asked about
    the others alone. effective: as in Sample."""

    synthetic: float
    n: float
    effective: float | None = None


@dataclass(frozen=True, slots=True)
class Rates:
    """Draws of the false- and true-positive rate that the target may have."""

    false: np.ndarray
    true: np.ndarray


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


class Looking(Enum):
    """When a sample is looked at, which decides what its counts are worth."""

    ONCE = "once, at a number of rows fixed beforehand"
    ALWAYS = "after any row, stopping when one likes"
    ENDLESSLY = "at endlessly many rows: what the error rates alone leave open"


def melded(
    sample: Sample,
    rates: Rates,
    *,
    decided: Decided | None = None,
    looking: Looking = Looking.ONCE,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> Interval:
    """Melded Rogan-Gladen: the share of those looked at, or, with `decided`, of all rows that the sample stands for.

    Where one looks always, the error is split in halves: between the counts' confidence sequences and the rates.
    Raises ValueError where more is flagged than was looked at, or nothing was.
    """
    import numpy as np

    alpha = (1 - confidence) / (2 if looking is Looking.ALWAYS else 1)
    ends_of = partial(_ends, looking, alpha / (2 if decided else 1), len(rates.false), np.random.default_rng(seed))
    low, high = ends_of(sample.flagged, sample.n, sample.effective or sample.n)
    tells = rates.true - rates.false > _LEAST_GAP
    lower = np.where(tells, corrected(low, rates), 0.0)
    # Nothing flagged bounds the fraction by what could have been missed, whatever the false-positive rate.
    subtracted = rates if sample.flagged else Rates(np.zeros_like(rates.false), rates.true)
    upper = np.where(tells, corrected(high, subtracted), 1.0)
    # Flags are as many as the mean rates say; medians of rates so skew would put the point too high.
    mean = Rates(np.mean(rates.false, keepdims=True), np.mean(rates.true, keepdims=True))
    point = float(corrected(np.array([sample.flagged / sample.n]), mean)[0])
    if decided:
        least, most = ends_of(decided.synthetic, decided.n, decided.effective or decided.n)
        looked = sample.n / max(decided.n - decided.synthetic, 1)
        lower, upper = (known + (1 - known) * looked * rest for known, rest in ((least, lower), (most, upper)))
        point = decided.synthetic / decided.n + (1 - decided.synthetic / decided.n) * looked * point
    ends = float(np.quantile(lower, alpha / 2)), float(np.quantile(upper, 1 - alpha / 2))
    if sample.flagged:  # something flagged never bounds it tighter than nothing would
        none = replace(sample, flagged=0)
        nothing = melded(none, rates, decided=decided, looking=looking, confidence=confidence, seed=seed)
        ends = ends[0], max(ends[1], nothing.high)
    return Interval(min(max(point, ends[0]), ends[1]), *ends)


def corrected(flag_rate: np.ndarray, rates: Rates) -> np.ndarray:
    """Rogan and Gladen's (q-f)/(s-f), clipped to [0, 1], draw by draw."""
    import numpy as np

    gap = np.maximum(rates.true - rates.false, _LEAST_GAP)
    share: np.ndarray = np.clip((flag_rate - rates.false) / gap, 0.0, 1.0)
    return share


def _ends(
    looking: Looking, alpha: float, draws: int, rng: np.random.Generator, count: float, n: float, effective: float
) -> tuple[np.ndarray, np.ndarray]:
    """Draws from the lower and upper confidence distributions of a rate: Clopper and Pearson's, or where one looks
    always or endlessly, a single value."""
    import numpy as np

    if not 0 <= count <= n or n <= 0:
        raise ValueError(f"{count} of {n} is no sample")
    if looking is Looking.ENDLESSLY:
        return np.full(draws, count / n), np.full(draws, count / n)
    if looking is Looking.ALWAYS:
        low, high = confidence_sequence(int(count), int(n), alpha)
        return np.full(draws, low), np.full(draws, high)
    count = count / n * effective
    lower = rng.beta(count, effective - count + 1, draws) if count > 0 else np.zeros(draws)
    upper = rng.beta(count + 1, effective - count, draws) if count < effective else np.ones(draws)
    return lower, upper
