"""Which threshold flags are made at: few are tried, and the one with the narrowest interval is taken."""

import numpy as np
import pytest

from auditor.estimate.calibration import Calibration, Condition, SourceCounts
from auditor.estimate.operating import operating_point, rates_at
from auditor.estimate.zero import Zero

THRESHOLDS = (0.0, 1.0, 2.0, 3.0, 4.0)
CLEAN = {"clean": 1.0}
ZERO = Zero((-1.0, 0.0, 1.0), (10, 10, 10), 1.0)


def calibration(real, synthetic, *, n=10_000, sources=6, **more):
    """Sources of n images, all alike, of which so many score at or above each threshold."""
    sides = [{str(number): SourceCounts(n, above) for number in range(sources)} for above in (real, synthetic)]
    conditions = {"clean": Condition(*sides)}
    return Calibration("synthetic", "m", "0", "made up", 0.5, 1.0, 0.0, THRESHOLDS, conditions, **more)


@pytest.mark.parametrize(
    ("synthetic", "chosen"),
    [
        ((9900, 9800, 9700, 9600, 9500), 3.0),  # sees nearly all where it flags one real image in a thousand
        ((9900, 9000, 6000, 100, 50), 2.0),  # sees next to nothing there, and most at one in a hundred
        ((9900, 9000, 200, 0, 0), 1.0),  # needs one in ten
    ],
)
def test_of_three_levels_the_one_with_the_narrowest_interval_is_taken(synthetic, chosen):
    assert operating_point(calibration((5000, 1000, 100, 10, 0), synthetic), CLEAN) == chosen


def test_a_threshold_at_which_sources_agree_by_luck_is_not_looked_for():
    real, synthetic = (5000, 1000, 300, 100, 0), (9900, 9000, 8900, 6000, 100)
    lucky = calibration(real, synthetic)
    assert operating_point(lucky, CLEAN) == 3.0  # 2.0, between two levels, sees much more


def test_where_every_threshold_flags_too_many_real_images_the_highest_is_taken():
    assert operating_point(calibration((9000, 8000, 7000, 6000, 5000), (9900,) * 5), CLEAN) == 4.0


def test_counts_of_other_models_leave_the_rates_less_certain():
    real, synthetic = (5000, 1000, 100, 10, 0), (9900, 9000, 6000, 100, 50)
    own, others = (
        rates_at(calibration(real, synthetic, zero=zero), 2.0, CLEAN, seed=1, draws=2000) for zero in (None, ZERO)
    )
    for side in ("false", "true"):
        low, high = (np.ptp(np.quantile(getattr(rates, side), (0.05, 0.95))) for rates in (own, others))
        assert low < high
