"""Distribution functions: those of scipy.stats, to the last bit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from auditor.estimate import distributions as ours

probability = st.floats(1e-12, 1 - 1e-12)
sizes = st.floats(0.01, 1e6)


@given(probability, sizes, sizes)
def test_beta(q, a, b):
    assert ours.beta_quantile(q, a, b) == stats.beta.ppf(q, a, b)


@given(st.floats(-60, 60), probability, st.integers(1, 10_000))
def test_student(t, q, df):
    assert ours.t_above(t, df) == stats.t.sf(t, df)
    assert ours.t_quantile_above(q, df) == stats.t.isf(q, df)
    assert ours.t_quantile(q, df) == stats.t.ppf(q, df)


@given(st.integers(1, 100_000), st.floats(-0.01, 1), st.lists(st.floats(0, 1), min_size=1, max_size=9))
def test_binomial(n, share, rates):
    count, rates = int(np.floor(share * n)), np.array(rates)
    # Two ways of summing: equal to rounding, and equal to the last bit where the rates are rounded alike.
    np.testing.assert_allclose(
        ours.binomial_at_most(count, n, rates), stats.binom.cdf(count, n, rates), rtol=1e-9, atol=1e-300
    )
    np.testing.assert_allclose(
        ours.binomial_above(count, n, rates), stats.binom.sf(count, n, rates), rtol=1e-9, atol=1e-300
    )


@pytest.mark.parametrize(("count", "at_most", "above"), [(-1, 0.0, 1.0), (5, 1.0, 0.0), (9, 1.0, 0.0)])
def test_counts_that_no_trial_or_every_trial_has(count, at_most, above):
    assert (ours.binomial_at_most(count, 5, 0.3), ours.binomial_above(count, 5, 0.3)) == (at_most, above)
