"""The estimate compared with other software."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from quapy import functional
from scipy.stats import norm
from statsmodels.stats.proportion import proportion_confint

from auditor.estimate.intervals import clopper_pearson
from auditor.estimate.score_distributions import Bins, BinShares
from auditor.estimate.score_mixture import posterior

BINS = Bins(tuple(np.linspace(-2, 2, 9)), 2, 8)


@given(count=st.integers(0, 500), more=st.integers(0, 500))
def test_exact_intervals_are_statsmodels(count, more):
    if count + more:
        n = count + more
        assert clopper_pearson(count, n) == pytest.approx(proportion_confint(count, n, method="beta"), abs=1e-9)


@pytest.mark.parametrize("share", [0.02, 0.1, 0.3, 0.7])
def test_quapys_adjusted_count_lies_in_the_interval(share):
    """Forman's adjusted count (2005) uses one threshold, and the mixture the whole distribution."""
    real, synthetic = (np.diff(norm.cdf([-np.inf, *BINS.edges, np.inf], mean)) for mean in (-1.5, 1.5))
    shares = BinShares(BINS, np.tile(real, (500, 1)), np.tile(synthetic, (500, 1)))
    counts = np.random.default_rng(0).multinomial(2000, (1 - share) * real + share * synthetic)
    low, high = posterior(counts.astype(float), shares).interval()
    fpr, tpr = (side[BINS.likely_synthetic - 3 :].sum() for side in (real, synthetic))
    flagged = counts[BINS.likely_synthetic - 3 :].sum() / counts.sum()
    theirs = functional.solve_adjustment_binary(np.array([1 - flagged, flagged]), tpr=tpr, fpr=fpr)
    assert low - 0.02 <= float(np.ravel(theirs)[-1]) <= high + 0.02
