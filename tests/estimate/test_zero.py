"""What the zero of one more model may be, from the zeros of a few."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.estimate.zero import Zero


def seen(rng, spread, folds, sources=15, within=2.0):
    """What folds show whose zeros differ by `spread`."""
    means = rng.normal(0, spread, folds) + rng.normal(0, within / np.sqrt(sources), folds)
    return Zero(tuple(means), (sources,) * folds, within)


def reach(zero):
    """Beyond which one model in twenty is."""
    return float(np.quantile(np.abs(zero.drawn(20_000, np.random.default_rng(0))), 0.95))


@pytest.mark.parametrize("spread", [0.3, 0.8, 2.0])
def test_of_many_models_it_is_what_an_analysis_of_variance_says(spread):
    zero = seen(np.random.default_rng(1), spread, folds=1000)
    by_variance = np.sqrt(np.var(zero.means, ddof=1) - zero.within**2 / 15)  # balanced: Searle et al., 3.6
    spreads, chance = zero.spread()
    assert spreads[chance.argmax()] == pytest.approx(by_variance, abs=0.01)
    assert (spreads * chance).sum() == pytest.approx(spread, abs=0.08)  # three standard errors of the estimate at 0.3


def test_few_models_that_agree_may_agree_by_luck():
    few, many = (Zero((0.1, -0.1) * half, (15,) * 2 * half, 1.0) for half in (2, 50))
    assert reach(many) < 0.4 < reach(few)


@pytest.mark.parametrize("folds", [4, 5, 10])
def test_as_many_new_models_are_within_reach_as_are_said_to_be(folds):
    rng = np.random.default_rng(folds)
    spreads = np.abs(rng.standard_cauchy(1500))
    held = [abs(rng.normal(0, spread)) <= reach(seen(rng, spread, folds)) for spread in spreads[spreads < 5][:600]]
    assert np.mean(held) == pytest.approx(0.95, abs=0.027)  # three standard errors of 600


@given(
    means=st.lists(st.floats(-5, 5), min_size=2, max_size=8),
    sources=st.integers(1, 50),
    within=st.floats(0.01, 5),
    factor=st.floats(1.5, 4),
)
@settings(deadline=None, max_examples=40)
def test_models_further_apart_never_leave_it_more_certain(means, sources, within, factor):
    near, far = (
        Zero(tuple(scale * mean for mean in means), (sources,) * len(means), within) for scale in (1.0, factor)
    )
    below = [np.cumsum(zero.spread()[1]) for zero in (near, far)]
    assert (below[0] >= below[1] - 1e-9).all()


@pytest.mark.parametrize(
    ("means", "sources", "within", "why"),
    [
        ((0.3,), (4,), 1.0, "two folds or more"),
        ((0.3, 0.1), (4,), 1.0, "two folds or more"),
        ((0.3, 0.1), (4, 0), 1.0, "each fold has sources"),
        ((0.3, 0.1), (4, 4), 0.0, "within is above 0"),
        ((0.3, 0.1), (4, 4), float("nan"), "within is above 0"),
        ((0.3, 1e308), (4, 4), 1.0, "100 logits off"),
        ((0.3, float("nan")), (4, 4), 1.0, "100 logits off"),
    ],
)
def test_what_shows_nothing_is_refused(means, sources, within, why):
    with pytest.raises(ValueError, match=why):
        Zero(means, sources, within)
