"""The estimate compared with other formulas, other software and published examples."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from quapy import functional
from scipy.stats import norm
from statsmodels.stats.proportion import proportion_confint

from auditor.estimate.design import Validity
from auditor.estimate.intervals import clopper_pearson
from auditor.estimate.rogan_gladen import FlagCounts, Rates, correct_flag_rate, melded_interval

DRAWS = 40_000


def known(fpr_scenarios, specificity):
    return Rates(np.full(DRAWS, 1 - specificity), np.full(DRAWS, fpr_scenarios))


def counted(true, n_true, false, n_false, seed=0):
    """Rates with the uncertainty of one binomial sample each, as other methods assume."""
    rng = np.random.default_rng(seed)
    return Rates(rng.beta(false + 0.5, n_false - false + 0.5, DRAWS), rng.beta(true + 0.5, n_true - true + 0.5, DRAWS))


def lang_reiczigel(positives, n, fpr_scenarios, n_true, specificity, n_false):
    """Equations 6, 7, 16 and 17 of Lang & Reiczigel, Preventive Veterinary Medicine 113, 2014."""
    z = norm.ppf(0.975)
    se, sp = (n_true * fpr_scenarios + 1) / (n_true + 2), (n_false * specificity + 1) / (n_false + 2)
    n_true, n_false = n_true + 2, n_false + 2
    share = (positives + z**2 / 2) / (n + z**2)
    n = n + z**2
    p = (share + sp - 1) / (se + sp - 1)
    shift = 2 * z**2 * (p * se * (1 - se) / n_true - (1 - p) * sp * (1 - sp) / n_false)
    variance = share * (1 - share) / n + p**2 * se * (1 - se) / n_true + (1 - p) ** 2 * sp * (1 - sp) / n_false
    half = z * np.sqrt(variance) / (se + sp - 1)
    return max(0.0, p + shift - half), min(1.0, p + shift + half)


@pytest.mark.parametrize(
    ("positives", "n", "fpr_scenarios", "specificity", "point", "low", "high"),
    [
        # Brucellosis in cattle (documentation of epiR's epi.prev): 5.1 per 100, 95 % CI 0 to 13.
        (23, 150, 0.96, 0.89, 0.051, 0.0, 0.13),
        # Helicobacter pylori at 1 to 4 years, Moujaber et al., Emerg. Infect. Dis. 14, 2008: 0, 95 % CI 0 to 1.3.
        (6, 151, 0.964, 0.927, 0.0, 0.0, 0.013),
    ],
)
def test_published_prevalences_with_rates_that_are_known(positives, n, fpr_scenarios, specificity, point, low, high):
    found = melded_interval(FlagCounts.of_rows(positives, n), known(fpr_scenarios, specificity))
    assert found.point == pytest.approx(point, abs=0.001)
    # "Nothing flagged" bounds our upper end: 0 of 151 leaves more open than the corrected bound.
    nothing = clopper_pearson(0, n)[1] / fpr_scenarios
    assert (found.low, found.high) == pytest.approx((low, max(high, nothing)), abs=0.006)


@pytest.mark.parametrize("positives", [40, 100, 300, 600])
@pytest.mark.parametrize(("n_true", "n_false"), [(200, 200), (1000, 1000)])
def test_it_agrees_with_lang_and_reiczigel_where_rates_are_one_binomial(positives, n_true, n_false):
    rates = counted(0.85 * n_true, n_true, 0.03 * n_false, n_false)
    found = melded_interval(FlagCounts.of_rows(positives, 1000), rates)
    low, high = lang_reiczigel(positives, 1000, 0.85, n_true, 0.97, n_false)
    assert found.low == pytest.approx(low, abs=0.015)
    assert found.high == pytest.approx(high, abs=0.015)


@given(count=st.integers(0, 500), more=st.integers(0, 500))
def test_exact_intervals_are_statsmodels(count, more):
    if count + more:
        n = count + more
        assert clopper_pearson(count, n) == pytest.approx(proportion_confint(count, n, method="beta"), abs=1e-9)


@given(share=st.floats(0.0, 1.0), true=st.floats(0.3, 1.0), false=st.floats(0.0, 0.2))
def test_the_point_is_the_adjusted_count_of_quantification(share, true, false):
    """QuaPy's ACC (Forman 2005) solves the same equation; here in closed form."""
    flag_rate = share * true + (1 - share) * false
    assert correct_flag_rate(np.array([flag_rate]), Rates(np.array([false]), np.array([true])))[0] == pytest.approx(
        share, abs=1e-9
    )


@pytest.mark.parametrize("flag_rate", [0.01, 0.05, 0.2, 0.6, 0.9])
def test_quapys_adjusted_count_gives_the_same_point(flag_rate):
    theirs = functional.solve_adjustment_binary(np.array([1 - flag_rate, flag_rate]), tpr=0.85, fpr=0.03)
    ours = correct_flag_rate(np.array([flag_rate]), Rates(np.array([0.03]), np.array([0.85])))[0]
    assert ours == pytest.approx(float(np.ravel(theirs)[-1]), abs=1e-9)


def test_endless_rows_leave_the_rates_alone():
    rates = counted(850, 1000, 30, 1000)
    found = melded_interval(FlagCounts.of_rows(100, 1000), rates, validity=Validity.ASYMPTOTIC)
    ends = np.quantile(correct_flag_rate(np.array([0.1]), rates), (0.025, 0.975))
    assert (found.low, found.high) == pytest.approx(ends, abs=1e-9)
