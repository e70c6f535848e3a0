"""The fraction that explains a distribution of scores."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import examples
from scipy.stats import norm

from auditor.estimate.score_distributions import Bins, BinShares
from auditor.estimate.score_mixture import posterior

BINS = Bins(tuple(np.linspace(-2, 2, 9)), 2, 8)


def shares(distance=3.0, spread=0.0, draws=2000, seed=0):
    """Normal scores; the means of real and of synthetic images are `distance` apart and known up to `spread`."""
    rng = np.random.default_rng(seed)
    means = (np.array([-distance / 2, distance / 2])[:, None] + spread * rng.standard_normal((2, draws)))[..., None]
    return BinShares(BINS, *np.diff(norm.cdf([-np.inf, *BINS.edges, np.inf], means), axis=2))


KNOWN, VAGUE = shares(), shares(spread=0.5)


def mixed(fraction, n=1000, of=KNOWN):
    return n * ((1 - fraction) * of.real[0] + fraction * of.synthetic[0])


@pytest.mark.parametrize("fraction", [0.0, 0.05, 0.3, 0.8, 1.0])
def test_the_interval_holds_the_fraction(fraction):
    low, high = posterior(mixed(fraction), KNOWN).interval()
    assert low <= fraction <= high
    assert 0 <= low <= high <= 1
    assert high - low < 0.5


def test_nothing_but_real_scores_may_be_nothing():
    assert posterior(mixed(0.0), VAGUE).interval()[0] == 0


def test_the_less_is_known_the_wider():
    widths = [np.ptp(posterior(mixed(0.2), of).interval()) for of in (KNOWN, VAGUE, shares(0.5, 0.5))]
    assert widths == sorted(widths)


def test_more_images_tell_more_but_never_everything():
    few, many, endless = (np.ptp(posterior(mixed(0.2, n), VAGUE).interval()) for n in (20, 1000, 1e9))
    assert few > many >= endless - 0.02
    assert endless > 0.02


def test_scores_that_tell_nothing_apart_leave_everything_open():
    same = shares(0.0)
    low, high = posterior(mixed(0.5, of=same), same).interval()
    assert low == 0
    assert high > 0.9


@given(st.lists(st.integers(0, 100_000), min_size=10, max_size=10).filter(any))
@examples(50)
def test_any_counts_have_an_interval(counts):
    low, high = posterior(np.array(counts, float), VAGUE).interval()
    assert 0 <= low <= high <= 1


def test_joint_draws_are_of_the_posterior_without_zero():
    found = posterior(mixed(0.3), VAGUE)
    fraction, real, synthetic = found.synthetic_draws(4000, np.random.default_rng(0))
    assert fraction.min() > 0
    assert fraction.mean() == pytest.approx(found.fractions.mean(), abs=0.02)
    assert real.shape == synthetic.shape == (4000, len(BINS))


def test_data_that_exclude_everything_but_zero_still_give_draws():
    found = posterior(np.array([1e6, *[0.0] * 9]), KNOWN)
    fraction, _, _ = found.synthetic_draws(100, np.random.default_rng(0))
    assert np.isfinite(fraction).all()
