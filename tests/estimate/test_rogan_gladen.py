"""The estimate at many prevalences: its interval covers the truth and is never narrower than it can be."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special
from scipy.stats import binom

from auditor.estimate import controls
from auditor.estimate.error_rates import predictive_rates
from auditor.estimate.intervals import clopper_pearson
from auditor.estimate.rogan_gladen import FlagCounts, Rates, correct_flag_rate, melded_interval, predicted_rates

FALSE = [(3, 100)] * 8
TRUE = [(85, 100)] * 8


def known(false: float, true: float, draws: int = 4000) -> Rates:
    return Rates(np.full(draws, false), np.full(draws, true))


# ---- error rates of new sources


def test_sources_that_agree_predict_their_common_rate():
    rates = predictive_rates([(50, 1000)] * 12, sources=(3,), draws=20_000, rng=np.random.default_rng(0))
    assert np.median(rates) == pytest.approx(0.05, abs=0.01)
    assert np.quantile(rates, 0.975) < 0.12


def test_sources_that_differ_predict_a_wide_range():
    alike = predictive_rates([(50, 500)] * 8, sources=(1,), draws=20_000, rng=np.random.default_rng(0))
    apart = predictive_rates([(5, 500), (200, 500)] * 4, sources=(1,), draws=20_000, rng=np.random.default_rng(0))
    assert np.ptp(np.quantile(apart, (0.025, 0.975))) > 3 * np.ptp(np.quantile(alike, (0.025, 0.975)))


def test_a_mix_of_many_sources_varies_less_than_one():
    counts = [(5, 500), (50, 500), (20, 500), (80, 500)]
    one, many = (predictive_rates(counts, sources=(k,), draws=20_000, rng=np.random.default_rng(0)) for k in (1, 10))
    assert many.std() < 0.6 * one.std()


def test_where_the_number_of_sources_is_not_known_the_rates_are_those_of_each_in_equal_parts():
    counts, rng = [(5, 100), (30, 100)] * 4, np.random.default_rng(0)
    one, four, any_of_both = (
        predictive_rates(counts, sources=sources, draws=40_000, rng=rng) for sources in ((1,), (4,), (1, 4))
    )
    halves = np.quantile(np.concatenate([one, four]), (0.025, 0.5, 0.975))
    assert np.quantile(any_of_both, (0.025, 0.5, 0.975)) == pytest.approx(halves, rel=0.1)


def test_counts_of_zero_are_no_certainty():
    rates = predictive_rates([(0, 100)] * 5, sources=(1,), draws=20_000, rng=np.random.default_rng(0))
    assert 0 < np.quantile(rates, 0.975) < 0.1


@pytest.mark.parametrize(
    ("n", "exact"),
    [(60, (0.0081, 0.1991)), (300, (0.0044, 0.3122)), (5_000, (0.0037, 0.3518)), (500_000, (0.0037, 0.3564))],
)
def test_many_images_of_few_sources_tell_little_of_a_new_one(n, exact):
    """Compared with integration on a grid of 4,401 logits, 361 means and 61 spreads."""
    counts = [(round(rate * n), n) for rate in (0.01, 0.02, 0.03, 0.05, 0.08)]
    rates = predictive_rates(counts, sources=(1,), draws=100_000, rng=np.random.default_rng(0))
    assert np.quantile(rates, (0.025, 0.975)) == pytest.approx(exact, rel=0.25)


def test_something_flagged_never_bounds_tighter_than_nothing():
    rates = predicted_rates([(1, 100)] * 8, TRUE, sources=((1,), (2,)), seed=0)
    highs = [melded_interval(FlagCounts.of_rows(flagged, 1000), rates).high for flagged in range(8)]
    assert highs == sorted(highs)


@pytest.mark.parametrize("counts", [[], [(1, 0)], [(5, 4)], [(-1, 4)]])
def test_counts_that_cannot_be_are_refused(counts):
    with pytest.raises(ValueError, match="must be one or more"):
        predictive_rates(counts, sources=(1,), draws=1, rng=np.random.default_rng(0))


# ---- the melded interval


@pytest.mark.parametrize("share", [0.0, 0.01, 0.05, 0.3, 0.9, 1.0])
def test_with_known_rates_the_point_is_rogan_and_gladens(share):
    flagged = 1_000_000 * (share * 0.85 + (1 - share) * 0.03)
    found = melded_interval(FlagCounts.of_rows(round(flagged), 1_000_000), known(0.03, 0.85))
    assert found.point == pytest.approx(share, abs=1e-3)
    assert found.high - found.low < 3e-3


def test_with_a_perfect_detector_it_is_clopper_and_pearsons():
    found = melded_interval(FlagCounts.of_rows(7, 200), known(0.0, 1.0, 200_000))
    assert (found.low, found.high) == pytest.approx(clopper_pearson(7, 200), abs=1e-3)


def test_clustered_rows_widen_it():
    plain, clustered = (melded_interval(FlagCounts(50, 1000, n_eff), known(0.0, 1.0, 50_000)) for n_eff in (1000, 200))
    assert clustered.high - clustered.low > 1.8 * (plain.high - plain.low)


def test_nothing_flagged_is_no_proof_of_nothing_there():
    found = melded_interval(FlagCounts.of_rows(0, 500), predicted_rates(FALSE, TRUE, sources=((1,), (1,)), seed=0))
    assert found.low == 0
    assert clopper_pearson(0, 500)[1] < found.high < 0.1


def test_a_detector_that_tells_nothing_apart_gives_everything():
    rates = predicted_rates([(50, 100)] * 5, [(50, 100)] * 5, sources=((1,), (1,)), seed=0)
    found = melded_interval(FlagCounts.of_rows(500, 1000), rates)
    assert (found.low, found.high) == (0.0, 1.0)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
@settings(max_examples=60, deadline=None)
def test_an_interval_is_one(pair):
    flagged, n = pair
    found = melded_interval(
        FlagCounts.of_rows(flagged, n), predicted_rates(FALSE, TRUE, sources=((2,), (2,)), seed=1, draws=2000)
    )
    assert 0 <= found.low <= found.point <= found.high <= 1


@pytest.mark.parametrize("flags", [FlagCounts.of_rows(5, 4), FlagCounts.of_rows(0, 0), FlagCounts.of_rows(-1, 5)])
def test_what_is_no_sample_is_refused(flags):
    with pytest.raises(ValueError, match="must be between 0 and n"):
        melded_interval(flags, known(0.03, 0.85))


@pytest.mark.slow
@pytest.mark.parametrize("prevalence", [0.0, 0.05, 0.3])
def test_it_covers_the_truth_where_sources_differ(prevalence, runs):
    """Every source, the target's too, has new random rates; benchmarks/coverage.py has more runs and spreads."""
    rng = np.random.default_rng(7)

    def rates(mean: float, count: int) -> np.ndarray:
        return special.expit(special.logit(mean) + 0.7 * rng.standard_normal(count))

    hits, count = 0, runs(60, 25)
    for run in range(count):
        false = [(rng.binomial(100, rate), 100) for rate in rates(0.03, 10)]
        true = [(rng.binomial(125, rate), 125) for rate in rates(0.85, 8)]
        chance = prevalence * rates(0.85, 1).item() + (1 - prevalence) * rates(0.03, 1).item()
        sample = FlagCounts.of_rows(rng.binomial(10_000, chance), 10_000)
        found = melded_interval(
            sample, predicted_rates(false, true, sources=((1,), (1,)), seed=run, draws=4000), seed=run
        )
        hits += found.low <= prevalence <= found.high
    assert hits >= binom.ppf(0.005, count, 0.95)  # 52 of 60; 57 expected


# ---- the whole dataset


# ---- controls


def test_controls_that_fit_change_nothing():
    rates = predicted_rates(FALSE, TRUE, sources=((3,), (3,)), seed=0)
    fits = controls.check("real", 3, 100, rates.fpr), controls.check("synthetic", 85, 100, rates.tpr)
    assert not any(control.is_shift for control in fits)
    for side in controls.inflate_for_shift(rates, *fits, seed=0):
        assert (side.fpr == rates.fpr).all()
        assert (side.tpr == rates.tpr).all()


def test_a_false_positive_rate_that_is_higher_here_lowers_the_lower_end():
    rates = predicted_rates(FALSE, TRUE, sources=((3,), (3,)), seed=0)
    shifted, fits = controls.check("real", 40, 100, rates.fpr), controls.check("synthetic", 85, 100, rates.tpr)
    assert shifted.is_shift
    sample = FlagCounts.of_rows(400, 1000)
    low, high = (melded_interval(sample, side) for side in controls.inflate_for_shift(rates, shifted, fits, seed=0))
    assert low.low < melded_interval(sample, rates).low - 0.1
    assert high.high == pytest.approx(melded_interval(sample, rates).high, abs=1e-9)


def test_a_true_positive_rate_that_is_lower_here_raises_the_upper_end():
    rates = predicted_rates(FALSE, TRUE, sources=((3,), (3,)), seed=0)
    fits, shifted = controls.check("real", 3, 100, rates.fpr), controls.check("synthetic", 20, 100, rates.tpr)
    assert shifted.is_shift
    sample = FlagCounts.of_rows(100, 1000)
    low, high = (melded_interval(sample, side) for side in controls.inflate_for_shift(rates, fits, shifted, seed=0))
    assert high.high > melded_interval(sample, rates).high + 0.1
    assert low.low == pytest.approx(melded_interval(sample, rates).low, abs=1e-9)


def test_few_controls_are_no_shift_however_odd():
    rates = predicted_rates(FALSE, TRUE, sources=((3,), (3,)), seed=0)
    assert not controls.check("real", 10, 10, rates.fpr).is_shift
    assert controls.check("none", 0, 0, rates.fpr).p_value == 1.0


def test_rogan_and_gladens_formula():
    assert correct_flag_rate(np.array([0.2]), known(0.1, 0.6, 1))[0] == pytest.approx(0.2)
