"""The error rates of a calibration by condition, and how wide an audit's interval will be with it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from auditor.config import USUAL_SAMPLE
from auditor.estimate.calibration import Calibration
from auditor.estimate.intervals import Interval
from auditor.sampling import planning

EXAMPLE_SHARE = 0.1  # synthetic fraction of the dataset that `expected` is of
EXAMPLE_ROWS = USUAL_SAMPLE  # rows of it that are examined
_POPULATION = 100 * EXAMPLE_ROWS


@dataclass(frozen=True, slots=True)
class ErrorRates:
    """In one condition, as means over sources with equal weights: the share of real images and of synthetic images that
    are flagged, at the calibration's threshold for "likely synthetic"; and the AUROC."""

    condition: str
    false_positive: float
    true_positive: float
    auroc: float


def error_rates(calibration: Calibration) -> list[ErrorRates]:
    """The error rates in each condition."""
    threshold = calibration.likely_synthetic
    return [
        ErrorRates(
            condition=name,
            false_positive=_flagged(condition.real.values(), threshold),
            true_positive=_flagged(condition.synthetic.values(), threshold),
            auroc=calibration.auroc({name: 1.0}),
        )
        for name, condition in calibration.conditions.items()
    ]


def expected(calibration: Calibration) -> Interval:
    """The interval to expect of EXAMPLE_ROWS random rows of a large dataset, of which EXAMPLE_SHARE is synthetic and
    nothing is known from metadata or labels."""
    return planning.expected_interval(calibration, EXAMPLE_ROWS, _POPULATION, EXAMPLE_SHARE)


def _flagged(sources: Iterable[tuple[float, ...]], threshold: float) -> float:
    """The mean over sources of the share of their scores that reach the threshold."""
    return float(np.mean([np.mean(np.array(scores) >= threshold) for scores in sources]))
