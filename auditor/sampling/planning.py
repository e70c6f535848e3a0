"""Plans an audit before it runs: the sample size for a margin, and the expected interval of a sample. Pure."""

from __future__ import annotations

import math

from auditor.estimate import prevalence
from auditor.estimate.calibration import Calibration, mean_rate
from auditor.estimate.counts import EvidenceCounts, Flags
from auditor.estimate.design import row_design
from auditor.estimate.intervals import Interval
from auditor.images.conditions import NAMES

_Z = 1.959964  # 97.5 % quantile of the normal distribution
_MANY_ROWS = 1_000_000  # stands for an infinite sample
TYPICAL = 0.15  # the synthetic fraction at which a margin is computed; it is close to the default MAD limit


def mean_rates(calibration: Calibration) -> tuple[float, float]:
    """The mean false- and true-positive rate over the calibration's sources, at the audit's threshold."""
    names = _conditions(calibration)
    real, synthetic = calibration.counts(prevalence.threshold(calibration), {name: 1 / len(names) for name in names})
    return mean_rate(real), mean_rate(synthetic)


def required_sample_size(margin: float, calibration: Calibration | None = None, *, share: float = TYPICAL) -> int:
    """The number of rows for which sampling moves the estimate of a fraction `share` by at most `margin` in 95 of 100
    samples. The uncertainty of the classifier's error rates comes on top, and more rows do not reduce it.

    Without a calibration: the size if evidence or labels decide every row. Raises ValueError unless margin is above 0
    and the true-positive rate is above the false-positive rate.
    """
    fpr, tpr = mean_rates(calibration) if calibration else (0.0, 1.0)
    if margin <= 0:
        raise ValueError(f"margin must be above 0, got {margin}")
    if tpr <= fpr:
        raise ValueError(f"the true-positive rate must be above the false-positive rate, got {tpr} and {fpr}")
    flagged = share * tpr + (1 - share) * fpr
    return math.ceil(flagged * (1 - flagged) * (_Z / (margin * (tpr - fpr))) ** 2)


def expected_interval(calibration: Calibration, rows: int, population_size: int, share: float) -> Interval:
    """The interval of the estimate if a share of the dataset is synthetic, `rows` of its `population_size` rows are
    examined, no row is decided by evidence, and the error rates are the calibration's mean rates."""
    fpr, tpr = mean_rates(calibration)
    conditions = _conditions(calibration)
    quotient, remainder = divmod(rows, len(conditions))
    by_condition = {name: quotient + (index < remainder) for index, name in enumerate(conditions)}
    flags = Flags.of_rows(by_condition, round(rows * (share * tpr + (1 - share) * fpr)))
    evidence = EvidenceCounts.of_rows(
        readable=population_size,
        undetermined=population_size,
        sampled=rows,
        design=row_design(population_size - rows),
    )
    return prevalence.interval(evidence, flags, calibration, seed=0)


def expected_interval_range(calibration: Calibration, shards: int, share: float) -> tuple[Interval, Interval]:
    """The narrowest and the widest interval to expect of a sample of whole shards: at an intra-cluster correlation of 0
    (with many rows per shard) and of 1 (each shard counts as one row)."""
    population_size = 2 * max(_MANY_ROWS, shards)
    uncorrelated, identical = (
        expected_interval(calibration, rows, population_size, share) for rows in (_MANY_ROWS, shards)
    )
    return uncorrelated, identical


def _conditions(calibration: Calibration) -> list[str]:
    return [name for name in NAMES if name in calibration.conditions] or list(calibration.conditions)
