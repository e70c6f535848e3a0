"""The distributions of scores that a calibration predicts for new sources."""

import models
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import examples

from auditor.estimate.calibration import Calibration, Condition
from auditor.estimate.score_distributions import Bins, predict

CLEAN = {"clean": 1.0}


def calibration(spread=0.0, sources=20, images=100, scale=lambda scores: scores, seed=0, conditions=("clean",)):
    """Normal scores around -1 and 1; the sources' means differ by the standard deviation `spread`."""
    rng = np.random.default_rng(seed)

    def side(mean):
        return {
            str(number): tuple(np.sort(scale(mean + spread * rng.standard_normal() + rng.standard_normal(images))))
            for number in range(sources)
        }

    made = {name: Condition(side(-1.0), side(1.0)) for name in conditions}
    return Calibration("classifier", "m", "0", "made up", 0.5, 1.0, 0.0, made)


def predicted(made, *, sources=((1,), (1,)), weights=CLEAN, seed=0):
    return predict(made, Bins.of(made), weights, seed=seed, sources=sources)


def test_shares_are_shares():
    shares = predicted(calibration(0.5))
    for side in (shares.real, shares.synthetic):
        assert side.shape == (6000, len(shares.bins))
        assert side.min() >= -1e-12
        assert side.sum(axis=1) == pytest.approx(np.ones(6000))


def test_sources_that_are_alike_predict_their_common_distribution():
    made = calibration()
    shares = predicted(made, sources=((4,), (4,)))
    counts = shares.bins.counts(
        np.concatenate([made.conditions["clean"].real[str(n)] for n in range(20)]), np.ones(2000)
    )
    assert shares.real.mean(axis=0) == pytest.approx(counts / 2000, abs=0.02)
    assert shares.real.std(axis=0).max() < 0.08


def test_sources_that_differ_predict_a_wide_range():
    alike, apart = (predicted(calibration(spread)).tpr.std() for spread in (0.1, 1.0))
    assert apart > 2 * alike


def test_the_spread_between_sources_is_not_that_of_their_few_images():
    few, many = (predicted(calibration(0.5, sources, images)).tpr.std() for sources, images in ((200, 5), (20, 500)))
    assert few == pytest.approx(many, rel=0.3)


def test_a_mix_of_many_sources_varies_less_than_one():
    one, many = (predicted(calibration(1.0), sources=((k,), (k,))).tpr.std() for k in (1, 10))
    assert many < 0.6 * one


@pytest.mark.parametrize("scale", [np.exp, lambda s: s**3, lambda s: 100 * s - 7], ids=["exp", "cube", "line"])
def test_any_increasing_scale_of_scores_gives_the_same(scale):
    plain, scaled = predicted(calibration(0.5)), predicted(calibration(0.5, scale=scale))
    # Beyond the calibration's scores, distances count.
    assert scaled.real.mean(axis=0) == pytest.approx(plain.real.mean(axis=0), abs=0.005)
    assert scaled.synthetic.mean(axis=0) == pytest.approx(plain.synthetic.mean(axis=0), abs=0.005)


def test_a_shifted_source_may_score_higher_than_every_image_of_the_calibration():
    made = calibration(0.5, sources=4, images=50)
    highest = max(scores[-1] for scores in made.conditions["clean"].real.values())
    shares = predicted(made)
    beyond = np.searchsorted(shares.bins.edges, highest) + 1
    assert beyond < len(shares.bins)
    assert np.quantile(shares.real[:, beyond:].sum(axis=1), 0.99) > 0.05


def test_few_sources_predict_a_wide_range():
    """Two sources hardly show how sources differ."""
    two, twenty = (predicted(calibration(0.3, sources)).tpr.std() for sources in (2, 20))
    assert two > 1.3 * twenty


@pytest.mark.parametrize(("sources", "images"), [(1, 1), (1, 50), (30, 1), (2, 2)])
def test_tiny_calibrations_predict_something_wide(sources, images):
    shares = predicted(calibration(0.3, sources, images))
    assert np.isfinite(shares.real).all()
    assert shares.synthetic.std() > 0.02


def test_a_mix_of_conditions_lies_between_them():
    made = calibration(conditions=("clean", "jpeg60"))
    worse = {name: tuple(np.array(scores) - 1) for name, scores in made.conditions["jpeg60"].synthetic.items()}
    made = Calibration(
        "classifier", "m", "0", "", 0.5, 1.0, 0.0,
        {"clean": made.conditions["clean"], "jpeg60": Condition(made.conditions["jpeg60"].real, worse)},
    )  # fmt: skip
    clean, mixed, low = (
        predicted(made, weights=weights).tpr.mean()
        for weights in (CLEAN, {"clean": 0.5, "jpeg60": 0.5}, {"jpeg60": 1.0})
    )
    assert low < mixed < clean


def test_bins_know_the_verdicts():
    made = calibration()
    bins = Bins.of(made)
    scores = np.array([made.likely_real - 1e-9, made.likely_real, made.likely_synthetic - 1e-9, made.likely_synthetic])
    numbers = np.searchsorted(bins.edges, scores, side="right")
    assert (numbers < bins.likely_real).tolist() == [True, False, False, False]
    assert (numbers >= bins.likely_synthetic).tolist() == [False, False, False, True]


def test_without_thresholds_no_bin_has_a_verdict():
    bins = Bins.of(calibration(), (-np.inf, np.inf))
    assert bins.likely_real == 0
    assert bins.likely_synthetic == len(bins)
    assert predict(calibration(), bins, CLEAN, seed=0).fpr.max() == 0


@given(st.floats(0.001, 0.9), st.floats(0.1, 0.999))
@examples(40)
def test_shifted_scores_have_the_wanted_rates(fpr, tpr):
    shares = SHARES.with_rates(np.full(6000, fpr), np.full(6000, tpr))
    assert shares.fpr == pytest.approx(np.full(6000, fpr), abs=1e-4)
    assert shares.tpr == pytest.approx(np.full(6000, tpr), abs=1e-4)
    assert shares.real.sum(axis=1) == pytest.approx(np.ones(6000))
    assert shares.real.min() >= -1e-9


SHARES = predicted(models.calibration())
