"""What an audit of so many rows would tell, before it is made: rows for a margin, and the interval to expect. Pure."""

from __future__ import annotations

import math

from auditor.estimate import prevalence
from auditor.estimate.calibration import Calibration, mean_rate
from auditor.estimate.counts import EvidenceCounts, Flags
from auditor.estimate.design import row_design
from auditor.estimate.intervals import Interval
from auditor.images.conditions import NAMES

_Z = 1.959964  # 97.5 % of a normal distribution
_MANY = 1_000_000  # rows, for as good as endlessly many
TYPICAL = 0.15  # the fraction that a margin is promised at: the default MAD limit is near


def mean_rates(calibration: Calibration) -> tuple[float, float]:
    """The mean false- and true-positive rate over the calibration's sources, at the point that flags are made at."""
    names = _conditions(calibration)
    sides = calibration.counts(prevalence.threshold(calibration), {name: 1 / len(names) for name in names})
    false, true = map(mean_rate, sides)
    return false, true


def required_sample_size(margin: float, calibration: Calibration | None = None, *, share: float = TYPICAL) -> int:
    """Rows to draw so that chance alone moves the estimate of a fraction `share` by `margin` at most, in 95 of 100
    samples. What is not known of the detector's error rates comes on top, and no number of rows helps against it.

    Without a calibration: rows whose truth can be told, by evidence or by labels. Raises ValueError unless margin is
    above 0, or where the detector does not tell synthetic from real.
    """
    false, true = mean_rates(calibration) if calibration else (0.0, 1.0)
    if margin <= 0 or true <= false:
        raise ValueError(f"no number of rows gives a margin of {margin} with rates {false} and {true}")
    flagged = share * true + (1 - share) * false
    return math.ceil(flagged * (1 - flagged) * (_Z / (margin * (true - false))) ** 2)


def expected(calibration: Calibration, rows: int, of: int, share: float) -> Interval:
    """The estimate's interval where a share of the dataset is synthetic, `rows` of its `of` rows are looked at, nothing
    declares itself, and error rates are the calibration's mean ones."""
    false, true = mean_rates(calibration)
    conditions = _conditions(calibration)
    each, more = divmod(rows, len(conditions))
    rest = {name: each + (number < more) for number, name in enumerate(conditions)}
    flags = Flags.of_rows(rest, round(rows * (share * true + (1 - share) * false)))
    evidence = EvidenceCounts.of_rows(readable=of, undetermined=of, sampled=rows, design=row_design(of - rows))
    return prevalence.interval(evidence, flags, calibration, seed=0)


def expected_of_shards(calibration: Calibration, shards: int, share: float) -> tuple[Interval, Interval]:
    """The narrowest and the widest interval that so many whole shards may give: where they are alike and large, and
    where each is all of a kind, and worth one row."""
    alike, apart = (expected(calibration, rows, 2 * max(_MANY, shards), share) for rows in (_MANY, shards))
    return alike, apart


def _conditions(calibration: Calibration) -> list[str]:
    return [name for name in NAMES if name in calibration.conditions] or list(calibration.conditions)
