"""Plans an audit before it runs: the sample size for a margin, and the expected interval of a sample. Pure."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from auditor.estimate import prevalence, score_distributions
from auditor.estimate.calibration import Calibration
from auditor.estimate.counts import EvidenceCounts, ScoreCounts
from auditor.estimate.design import row_design
from auditor.estimate.intervals import Interval
from auditor.estimate.prevalence import Scored
from auditor.estimate.score_distributions import Bins, BinShares
from auditor.images.conditions import NAMES

_Z = 1.959964  # 97.5 % quantile of the normal distribution
_MANY_ROWS = 1_000_000  # stands for an infinite sample
TYPICAL = 0.15  # the synthetic fraction at which a margin is computed; it is close to the default MAD limit


def required_sample_size(margin: float, calibration: Calibration | None = None, *, share: float = TYPICAL) -> int:
    """The number of rows for which sampling moves the estimate of a fraction `share` by at most `margin` in 95 of 100
    samples. The uncertainty of the score distributions comes on top, and more rows do not reduce it.

    It follows from the Fisher information of the fraction in one binned score, if the distributions are the mean ones.
    Without a calibration: the size if evidence or labels decide every row. Raises ValueError unless margin is above 0.
    """
    if margin <= 0:
        raise ValueError(f"margin must be above 0, got {margin}")
    real, synthetic = _means(_predicted(calibration)) if calibration else (np.array([1.0, 0.0]), np.array([0.0, 1.0]))
    mixed = (1 - share) * real + share * synthetic
    information = float(((synthetic - real)[mixed > 0] ** 2 / mixed[mixed > 0]).sum())
    return math.ceil((_Z / margin) ** 2 / information)


def expected_interval(calibration: Calibration, rows: int, population_size: int, share: float) -> Interval:
    """The interval of the estimate if a share of the dataset is synthetic, `rows` of its `population_size` rows are
    examined, no row is decided by evidence, and the score distributions are the mean ones."""
    shares = _predicted(calibration)
    real, synthetic = _means(shares)
    counts, bins = rows * ((1 - share) * real + share * synthetic), shares.bins
    flagged = round(float(counts[bins.likely_synthetic :].sum()))
    conditions = _conditions(calibration)
    quotient, remainder = divmod(rows, len(conditions))
    by_condition = {name: quotient + (index < remainder) for index, name in enumerate(conditions)}
    scores = ScoreCounts.of_rows(by_condition, counts.tolist(), flagged=flagged)
    evidence = EvidenceCounts.of_rows(
        readable=population_size,
        undetermined=population_size,
        sampled=rows,
        design=row_design(population_size - rows),
    )
    return prevalence.interval(evidence, Scored(scores, calibration, bins, seed=0), shares)


def expected_interval_range(
    calibration: Calibration, shards: int, share: float, rows: int | None = None
) -> tuple[Interval, Interval]:
    """The narrowest and the widest interval to expect of a sample of shards: at an intra-cluster correlation of 0 and
    of 1 (each shard counts as one row). rows: the number that is drawn from the shards; None for all of them, which are
    many."""
    rows = rows or _MANY_ROWS
    population_size = 2 * max(_MANY_ROWS, shards, rows)
    uncorrelated, identical = (
        expected_interval(calibration, n, population_size, share) for n in (rows, min(shards, rows))
    )
    return uncorrelated, identical


@lru_cache(maxsize=4)
def _predicted(calibration: Calibration) -> BinShares:
    """The score distributions of new sources, in equal parts of all conditions."""
    names = _conditions(calibration)
    weights = {name: 1 / len(names) for name in names}
    return score_distributions.predict(calibration, Bins.of(calibration), weights, seed=0)


def _means(shares: BinShares) -> tuple[np.ndarray, np.ndarray]:
    """The mean share of each bin among real and among synthetic images, float64 (bins,) each."""
    return shares.real.mean(axis=0), shares.synthetic.mean(axis=0)


def _conditions(calibration: Calibration) -> list[str]:
    return [name for name in NAMES if name in calibration.conditions] or list(calibration.conditions)
