"""Planning: the sample size for a margin, and the expected interval."""

import models
import numpy as np
import pytest

from auditor import registry
from auditor.config import USUAL_SAMPLE
from auditor.sampling.planning import _means, _predicted, expected_interval, required_sample_size

CALIBRATION = models.calibration()


def test_without_a_detector_it_is_the_sample_of_a_poll():
    assert required_sample_size(0.01, share=0.5) == 9604


def test_a_detector_that_errs_needs_more_rows():
    assert required_sample_size(0.01, CALIBRATION) > required_sample_size(0.01)


def test_so_many_rows_keep_chance_within_the_margin():
    """The estimate of maximum likelihood if the distributions are the mean ones, by Newton's method."""
    real, synthetic = _means(_predicted(CALIBRATION))
    n, share = required_sample_size(0.02, CALIBRATION, share=0.15), 0.15
    counts = np.random.default_rng(0).multinomial(n, (1 - share) * real + share * synthetic, 5000)
    estimates, some = np.full(5000, share), real + synthetic > 0
    for _ in range(20):
        slope = (synthetic - real)[some] / (real + estimates[:, None] * (synthetic - real))[:, some]
        estimates += (counts[:, some] * slope).sum(axis=1) / (counts[:, some] * slope**2).sum(axis=1)
    assert (abs(estimates - share) <= 0.02).mean() == pytest.approx(0.95, abs=0.01)


@pytest.mark.parametrize("margin", [0.0, -0.1])
def test_no_margin_is_refused(margin):
    with pytest.raises(ValueError, match="margin"):
        required_sample_size(margin)


@pytest.mark.parametrize("share", [0.0, 0.15, 0.6])
def test_more_rows_tell_more_and_never_more_than_the_calibration(share):
    few, many, all_ = (expected_interval(CALIBRATION, rows, 10**6, share) for rows in (100, 10_000, 10**6))
    assert few.high - few.low > many.high - many.low >= all_.high - all_.low - 0.02
    assert all_.high > all_.low
    assert many.low <= share <= many.high


@pytest.mark.parametrize("share", [0.0, 0.05, 0.15, 0.3, 0.6])
def test_more_rows_than_the_usual_sample_narrow_the_interval_by_half_a_point_at_most(share):
    shipped = registry.load("detectors", "classifier")().calibration()
    usual, many = (expected_interval(shipped, rows, 10**7, share) for rows in (USUAL_SAMPLE, 10**6))
    assert (usual.high - usual.low) - (many.high - many.low) <= 0.005
