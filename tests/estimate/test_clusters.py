"""Effective sample sizes of whole shards: between the number of shards and of rows, with valid intervals."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.estimate import clusters
from auditor.estimate.counts import EvidenceCounts, ScoreCounts
from auditor.estimate.design import ClusterSample
from auditor.estimate.intervals import clopper_pearson, effective_interval
from auditor.estimate.prevalence import Scored, estimate_prevalence
from auditor.estimate.score_distributions import Bins, predict

SHARDS = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), min_size=2, max_size=30)


def worth(pairs):
    rows = np.array([max(pair) for pair in pairs])
    return clusters.effective_sample_size(np.array([min(pair) for pair in pairs]), rows), rows


@given(SHARDS)
def test_rows_are_worth_no_more_than_themselves_and_no_less_than_their_shards(pairs):
    found, rows = worth(pairs)
    assert found.n == rows.sum()
    if found.n:
        least = rows.sum() ** 2 / (rows**2).sum()
        assert least * (1 - 1e-12) <= found.n_eff <= found.n * (1 + 1e-12)
        assert found.design_effect == pytest.approx(found.n / found.n_eff)


@given(st.integers(2, 40), st.integers(1, 1000))
def test_without_a_positive_the_bound_rests_on_the_shards_alone(count, rows):
    found = clusters.effective_sample_size(np.zeros(count), np.full(count, rows))
    assert found.n_eff == pytest.approx(count)
    assert effective_interval(0.0, found.n_eff)[1] == pytest.approx(clopper_pearson(0, count)[1])


@given(st.integers(2, 30), st.integers(1, 30), st.integers(2, 500))
def test_shards_that_are_each_all_of_a_kind_are_worth_one_row_each(kind, other, rows):
    positives = np.array([rows] * kind + [0] * other)
    assert clusters.effective_sample_size(positives, np.full(kind + other, rows)).n_eff <= kind + other + 1e-9


def test_shards_that_are_alike_are_worth_nearly_all_their_rows():
    positives = np.random.default_rng(0).binomial(1000, 0.1, 100)
    assert clusters.effective_sample_size(positives, np.full(100, 1000)).design_effect < 1.5


def test_the_variance_is_that_of_a_ratio_between_shards():
    """By hand: 2 shards of 100 rows with 10 and 30; the linearised standard error is 10 %."""
    moves = np.array([10 - 0.2 * 100, 30 - 0.2 * 100]) / 200
    from scipy.stats import t

    lone = 0.2 * 0.8 / 0.1**2
    assert clusters.effective_rows(0.2, moves, 200) == pytest.approx(lone * (t.ppf(0.975, 199) / t.ppf(0.975, 1)) ** 2)


@pytest.mark.parametrize(("positives", "rows"), [([1], [2]), ([3, 0], [2, 2]), ([-1, 0], [2, 2])])
def test_what_no_shards_can_be_is_refused(positives, rows):
    with pytest.raises(ValueError, match="must be"):
        clusters.effective_sample_size(np.array(positives), np.array(rows))


def test_shards_without_a_row_tell_nothing():
    assert clusters.effective_sample_size(np.zeros(3), np.zeros(3)).n_eff == 0


@given(st.integers(0, 1000), st.floats(1, 1e5), st.floats(0, 1))
def test_what_was_read_is_known(thousandths, n_eff, fpc):
    share = thousandths / 1000
    low, high = effective_interval(share, n_eff, fpc)
    least, most = effective_interval(share, n_eff)
    assert 0 <= least <= low <= share <= high <= most <= 1
    assert effective_interval(share, n_eff, 0.0) == pytest.approx((share, share))
    assert ClusterSample(3, 12).fpc == pytest.approx(0.75**0.5)


# ---- in the numbers of an audit


def test_what_is_decided_is_no_fact_where_shards_were_left_out():
    counts = {"readable": 1000, "confirmed": 100, "confirmed_in_sample": 100, "undetermined": 1000, "sampled": 1000}
    full = EvidenceCounts.of_rows(**counts)
    some = EvidenceCounts.of_rows(**counts, design=ClusterSample(10, 100, design_effect=20.0))
    assert full.share.low == full.share.high
    assert some.share.low < 0.1 < some.share.high
    assert some.source_interval == pytest.approx(clopper_pearson(5, 50))
    assert some.source_interval[0] < some.share.low
    assert (some.design.is_partial, full.design.is_partial) == (True, False)


def test_an_estimate_is_wider_by_what_the_shards_are_worth():
    import models

    calibration = models.calibration()
    bins = Bins.of(calibration)
    shares = predict(calibration, bins, {"clean": 1.0}, seed=0)
    binned = 2500 * (shares.real.mean(axis=0) + shares.synthetic.mean(axis=0))
    counts = {"readable": 5000, "undetermined": 5000, "sampled": 5000}
    full = EvidenceCounts.of_rows(**counts)
    some = EvidenceCounts.of_rows(**counts, design=ClusterSample(1, 100, design_effect=200.0))
    widths = []
    for evidence, n_eff in ((full, 5000.0), (some, 5000.0), (some, 100.0), (some, 25.0)):
        scores = replace(ScoreCounts.of_rows({"clean": 5000}, binned.tolist(), flagged=2300), n_eff=n_eff)
        found = estimate_prevalence(evidence, Scored(scores, calibration, bins, 0))
        widths.append(found.high - found.low)
        assert (found.asymptotic is None) == (evidence is full)
    assert all(after >= before - 0.01 for before, after in pairwise(widths))
    assert widths[-1] > widths[0] + 0.1
