"""The choice of the threshold: few are tried, and the one with the narrowest expected interval is taken."""

import models
import pytest

from auditor.estimate.calibration import Calibration, Condition, mean_rate
from auditor.estimate.threshold import best_threshold

THRESHOLDS = (0.0, 1.0, 2.0, 3.0, 4.0)
CLEAN = {"clean": 1.0}


def calibration(real, synthetic, *, n=10_000, sources=6):
    """Identical sources of n images, with these numbers of scores at or above each threshold."""
    sides = [
        {str(number): models.scores(above, THRESHOLDS, n=n) for number in range(sources)} for above in (real, synthetic)
    ]
    return Calibration("classifier", "m", "0", "made up", 0.5, 1.0, 0.0, {"clean": Condition(*sides)})


def reached(made):
    """The mean false-positive rate at the chosen threshold."""
    return mean_rate(made.counts(best_threshold(made, CLEAN), CLEAN)[0])


@pytest.mark.parametrize(
    ("synthetic", "chosen"),
    [
        ((9900, 9800, 9700, 9600, 9500), 0.001),  # sees nearly all where it flags one real image in a thousand
        ((9900, 9000, 6000, 100, 50), 0.01),  # sees next to nothing there, and most at one in a hundred
        ((9900, 9000, 200, 0, 0), 0.1),  # needs one in ten
    ],
)
def test_of_three_levels_the_one_with_the_narrowest_interval_is_taken(synthetic, chosen):
    assert reached(calibration((5000, 1000, 100, 10, 0), synthetic)) == pytest.approx(chosen)


def test_a_threshold_at_which_sources_agree_by_luck_is_not_looked_for():
    real, synthetic = (5000, 1000, 300, 100, 0), (9900, 9000, 8900, 6000, 100)
    lucky = calibration(real, synthetic)
    assert reached(lucky) == pytest.approx(0.01)  # 0.03, between two levels, sees much more


def test_where_every_score_of_real_images_is_high_the_point_lies_above_them():
    assert best_threshold(calibration((9000, 8000, 7000, 6000, 5000), (9900,) * 5), CLEAN) > 4.5
