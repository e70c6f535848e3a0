"""Unequal row weights: their effective sample size; equal weights change nothing."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from evidence import measured, part, row
from hypothesis import given
from hypothesis import strategies as st
from models import calibration
from properties import examples

from auditor.aggregate.scores import ScoreBins
from auditor.aggregate.summary import summarise
from auditor.annotation import tally
from auditor.annotation.file import Annotation, HumanLabel
from auditor.annotation.tally import LabelJoin
from auditor.estimate import prevalence
from auditor.estimate.intervals import clopper_pearson
from auditor.estimate.prevalence import Scored
from auditor.estimate.score_distributions import Bins
from auditor.estimate.weights import NO_ROWS, WeightSums, n_eff_of_share
from auditor.sampling.order import sampling_rank
from auditor.types import Status, VerdictKind

WEIGHTS = st.lists(st.tuples(st.floats(1e-3, 1e3), st.booleans()), min_size=1, max_size=60)


def sums(rows):
    weights, positive = (np.array(column) for column in zip(*rows, strict=True))
    return WeightSums.of(weights[positive]), WeightSums.of(weights)


@given(st.integers(1, 500), st.floats(0, 1), st.floats(1e-6, 1e6))
def test_of_equal_rows_n_eff_is_their_number(n, share, weight):
    found = n_eff_of_share(*sums([(weight, number < share * n) for number in range(n)]))
    assert found == pytest.approx(n)


@given(st.integers(1, 10**9), st.floats(0, 1))
def test_of_rows_of_weight_1_it_is_exactly_their_number(n, share):
    assert n_eff_of_share(WeightSums.of_rows(int(share * n)), WeightSums.of_rows(n)) == n


@given(WEIGHTS, st.floats(1e-6, 1e6))
def test_n_eff_is_no_more_than_kish_says_and_the_unit_does_not_matter(rows, unit):
    positive, every = sums(rows)
    assert 0 < n_eff_of_share(positive, every) <= every.n_eff <= len(rows) * (1 + 1e-9)
    scaled = sums([(weight * unit, is_positive) for weight, is_positive in rows])
    assert n_eff_of_share(*scaled) == pytest.approx(n_eff_of_share(positive, every))


@given(WEIGHTS)
def test_it_is_the_binomial_variance_over_that_of_the_ratio(rows):
    positive, every = sums(rows)
    share = positive.total / every.total
    if 0.001 < share < 0.999:
        variance = sum((w * (is_positive - share)) ** 2 for w, is_positive in rows) / every.total**2
        expected = min(every.n_eff, share * (1 - share) / variance)
        assert n_eff_of_share(positive, every) == pytest.approx(expected, rel=1e-6)


def test_positives_in_the_heavy_rows_make_n_eff_less():
    weights = np.where(np.arange(1000) < 50, 20.0, 1.0)
    heavy, light = np.arange(1000) < 20, np.arange(1000) > 700
    of_heavy, of_light = (
        n_eff_of_share(WeightSums.of(weights[which]), WeightSums.of(weights)) for which in (heavy, light)
    )
    assert of_heavy < 2 / 3 * of_light


def test_what_weighs_nothing_tells_nothing():
    assert n_eff_of_share(NO_ROWS, NO_ROWS) == WeightSums.of(np.zeros(3)).n_eff == 0


# ---- sums over evidence


CALIBRATION = calibration()
BINS = Bins.of(CALIBRATION)
STORED = ScoreBins(
    "classifier",
    replace(BINS, edges=tuple(map(CALIBRATION.probability, BINS.edges))),
    CALIBRATION.probability(CALIBRATION.likely_synthetic),
)


def rows(weights, n=400):
    """Evidence with these weights; None for no weight column."""
    rng = np.random.default_rng(0)
    scores = np.where(rng.random(n) < 0.2, 0.95, 0.1).tolist()
    made = [
        row(k, score=score, source="ab"[k % 2], weight=w)
        for k, (score, w) in enumerate(zip(scores, weights, strict=False))
    ]
    made[:20] = [
        row(k, VerdictKind.SYNTHETIC, 0.9, source="ab"[k % 2], declared=True, decided_by="tags", weight=weights[k])
        for k in range(20)
    ]
    return [*made, row(n, source="b", status=Status.UNREADABLE)]


def summed(path, weights, **more):
    return summarise([part(path, rows(weights))], score_bins=STORED, **more)


def estimated(found):
    return prevalence.estimate_prevalence(found.evidence, Scored(found.scores, CALIBRATION, BINS, 0))


def numbers(found):
    estimate = estimated(found)
    return estimate.point, estimate.low, estimate.high


def of_weight(folder, weight):
    """The sums of rows that all have this weight, with 150 labels, and the estimates from scores and from labels."""
    order = sorted(range(20, 400), key=lambda k: sampling_rank(f"k{k}", 5))[:150]
    answers = [
        Annotation(f"k{k}", "unknown", HumanLabel.SYNTHETIC if k % 9 == 0 else HumanLabel.REAL) for k in order if k % 31
    ]
    found = summed(folder / "part.parquet", [weight] * 400, labels=LabelJoin.of(answers, 5))
    labelled = found.labels.labelled(answers)
    return found, estimated(found), tally.estimate_from_labels(found.evidence, labelled)


@pytest.fixture(scope="module")
def unweighted(tmp_path_factory):
    return of_weight(tmp_path_factory.mktemp("unweighted"), None)


@given(st.just(1.0) | st.floats(1e-12, 1e12))
@examples(6)
def test_equal_weights_give_the_numbers_of_none(tmp_path_factory, unweighted, weight):
    plain, *expected = unweighted
    found, *estimates = of_weight(tmp_path_factory.mktemp("weighted"), weight)
    near = partial(pytest.approx, rel=1e-9, abs=1e-12) if weight != 1.0 else lambda number: number
    assert (found.confirmed.count, found.confirmed.n) == (plain.confirmed.count, plain.confirmed.n) == (20, 400)
    assert found.confirmed.share == near(plain.confirmed.share)
    assert found.confirmed.source_interval == near(plain.confirmed.source_interval)
    assert found.evidence.readable.n_eff == near(400)
    # Draws of a posterior may differ where its weights differ by rounding.
    drawn = partial(pytest.approx, abs=5e-3) if weight != 1.0 else lambda number: number
    for one, other in zip(estimates, expected, strict=True):
        assert (one.point, one.low, one.high) == drawn((other.point, other.low, other.high))
        assert [(s.low, s.high) for s in one.fpr_scenarios] == [drawn((s.low, s.high)) for s in other.fpr_scenarios]
        assert (one.n, one.flagged, one.conditions, one.labels) == (
            other.n,
            other.flagged,
            other.conditions,
            other.labels,
        )
    for one, other in zip(measured(found.subgroups), measured(plain.subgroups), strict=True):
        assert (one.value, one.rows, one.ok, one.synthetic) == (other.value, other.rows, other.ok, other.synthetic)
        assert (one.share, one.low, one.high) == near((other.share, other.low, other.high))


def test_shares_are_of_the_weight_and_counts_of_rows(tmp_path):
    weights = [5.0] * 20 + [1.0] * 380
    found = summed(tmp_path / "part.parquet", weights)
    assert (found.confirmed.count, found.confirmed.n) == (20, 400)
    assert found.confirmed.share == found.confirmed.low == found.confirmed.high == pytest.approx(100 / 480)
    assert found.confirmed.source_interval[0] < 100 / 480 < found.confirmed.source_interval[1]
    narrow = clopper_pearson(100 / 480 * 400, 400)
    assert found.confirmed.source_interval[1] - found.confirmed.source_interval[0] > narrow[1] - narrow[0]
    half = next(stratum for stratum in measured(found.subgroups) if stratum.value == "a")
    assert (half.rows, half.ok, half.synthetic) == (200, 200, 10)
    assert half.share == pytest.approx(50 / 240)


def test_flagged_rows_count_as_often_as_their_weight(tmp_path):
    plain = summed(tmp_path / "plain.parquet", [1.0] * 400)
    scores = [r.verdict.p_synthetic for r in rows([1.0] * 400)[:400]]
    heavy = summed(tmp_path / "heavy.parquet", [3.0 if s > 0.9 else 1.0 for s in scores])
    assert estimated(heavy).point > estimated(plain).point
    assert (estimated(heavy).n, estimated(heavy).flagged) == (estimated(plain).n, estimated(plain).flagged)
    assert estimated(heavy).conditions == estimated(plain).conditions


def test_unequal_weights_widen_the_estimate(tmp_path):
    rng = np.random.default_rng(1)
    equal = estimated(summed(tmp_path / "equal.parquet", [1.0] * 400))
    unequal = estimated(summed(tmp_path / "unequal.parquet", rng.lognormal(0, 1.5, 400).tolist()))
    assert unequal.high - unequal.low > equal.high - equal.low


def test_rows_that_weigh_nothing_are_counted_and_move_no_share(tmp_path):
    found = summed(tmp_path / "part.parquet", [0.0] * 20 + [1.0] * 380)
    assert (found.confirmed.count, found.confirmed.share) == (20, 0.0)
    assert found.evidence.readable.n_eff == pytest.approx(380)
