"""Rows that do not count the same: what they are worth, and that equal weights change nothing."""

import numpy as np
import pytest
from evidence import part, row
from hypothesis import given
from hypothesis import strategies as st
from models import calibration

from auditor.estimate import fraction
from auditor.estimate.intervals import clopper_pearson
from auditor.estimate.weighing import Weighed, worth
from auditor.tallies.summary import summarise
from auditor.types import Status, VerdictKind

WEIGHTS = st.lists(st.tuples(st.floats(1e-3, 1e3), st.booleans()), min_size=1, max_size=60)


def weighed(rows):
    weights, positive = (np.array(column) for column in zip(*rows, strict=True))
    return Weighed.of(weights[positive]), Weighed.of(weights)


@given(st.integers(1, 500), st.floats(0, 1), st.floats(1e-6, 1e6))
def test_equal_rows_are_worth_their_number(n, share, weight):
    found = worth(*weighed([(weight, number < share * n) for number in range(n)]))
    assert found == pytest.approx(n)


@given(WEIGHTS, st.floats(1e-6, 1e6))
def test_no_rows_are_worth_more_than_kish_says_and_the_unit_does_not_matter(rows, unit):
    positive, all_ = weighed(rows)
    assert 0 < worth(positive, all_) <= all_.worth <= len(rows) * (1 + 1e-9)
    assert worth(*weighed([(weight * unit, is_positive) for weight, is_positive in rows])) == pytest.approx(
        worth(positive, all_)
    )


def test_positives_in_the_heavy_rows_make_all_of_them_worth_less():
    weights = np.where(np.arange(1000) < 50, 20.0, 1.0)
    heavy, light = np.arange(1000) < 20, np.arange(1000) > 700
    of_all = Weighed.of(weights)
    assert worth(Weighed.of(weights[heavy]), of_all) < 2 / 3 * worth(Weighed.of(weights[light]), of_all)


def test_what_weighs_nothing_is_worth_nothing():
    assert worth(Weighed(), Weighed()) == Weighed.of(np.zeros(3)).worth == 0


# ---- sums over evidence


def rows(weights, n=400):
    rng = np.random.default_rng(0)
    scores = np.where(rng.random(n) < 0.2, 0.95, 0.1).tolist()
    made = [
        row(k, score=score, source="ab"[k % 2], weight=float(w))
        for k, (score, w) in enumerate(zip(scores, weights, strict=False))
    ]
    made[:20] = [
        row(k, VerdictKind.SYNTHETIC, 0.9, source="ab"[k % 2], declared=True, decided_by="tags", weight=weights[k])
        for k in range(20)
    ]
    return [*made, row(n, source="b", status=Status.UNREADABLE)]


def summed(path, weights, **more):
    return summarise([part(path, rows(weights))], cutoff=("classifier", 0.9), **more)


def estimated(found):
    return fraction.estimated(found.known, found.flags, calibration(), seed=0)


def numbers(found):
    estimate = estimated(found)
    return estimate.point, estimate.low, estimate.high


@pytest.mark.parametrize("weight", [1.0, 0.001, 250.0])
def test_equal_weights_give_the_numbers_of_none(tmp_path, weight):
    plain = summed(tmp_path / "plain.parquet", [weight] * 400)
    found = summed(tmp_path / "weighted.parquet", [weight] * 400, is_weighted=True)
    assert (found.floor.count, found.floor.n) == (plain.floor.count, plain.floor.n) == (20, 400)
    assert found.floor.share == pytest.approx(plain.floor.share)
    assert found.floor.as_sample == pytest.approx(plain.floor.as_sample)
    assert numbers(found) == pytest.approx(numbers(plain))
    assert found.worth == pytest.approx(400)
    for one, other in zip(found.strata, plain.strata, strict=True):
        assert (one.value, one.rows, one.ok, one.synthetic) == (other.value, other.rows, other.ok, other.synthetic)
        assert (one.share, one.low, one.high) == pytest.approx((other.share, other.low, other.high))


def test_shares_are_of_the_weight_and_counts_of_rows(tmp_path):
    weights = [5.0] * 20 + [1.0] * 380
    found = summed(tmp_path / "part.parquet", weights, is_weighted=True)
    assert (found.floor.count, found.floor.n) == (20, 400)
    assert found.floor.share == found.floor.low == found.floor.high == pytest.approx(100 / 480)
    assert found.floor.as_sample[0] < 100 / 480 < found.floor.as_sample[1]
    narrow = clopper_pearson(100 / 480 * 400, 400)
    assert found.floor.as_sample[1] - found.floor.as_sample[0] > narrow[1] - narrow[0]
    half = next(stratum for stratum in found.strata if stratum.value == "a")
    assert (half.rows, half.ok, half.synthetic) == (200, 200, 10)
    assert half.share == pytest.approx(50 / 240)


def test_flagged_rows_count_as_often_as_their_weight(tmp_path):
    plain = summed(tmp_path / "plain.parquet", [1.0] * 400)
    scores = [r.verdict.p_synthetic for r in rows([1.0] * 400)[:400]]
    heavy = summed(tmp_path / "heavy.parquet", [3.0 if s > 0.9 else 1.0 for s in scores], is_weighted=True)
    assert estimated(heavy).point > estimated(plain).point
    assert (estimated(heavy).n, estimated(heavy).flagged) == (estimated(plain).n, estimated(plain).flagged)
    assert estimated(heavy).conditions == estimated(plain).conditions


def test_unequal_weights_widen_the_estimate(tmp_path):
    rng = np.random.default_rng(1)
    equal = estimated(summed(tmp_path / "equal.parquet", [1.0] * 400, is_weighted=True))
    unequal = estimated(summed(tmp_path / "unequal.parquet", rng.lognormal(0, 1.5, 400).tolist(), is_weighted=True))
    assert unequal.high - unequal.low > equal.high - equal.low


def test_rows_that_weigh_nothing_are_counted_and_move_no_share(tmp_path):
    found = summed(tmp_path / "part.parquet", [0.0] * 20 + [1.0] * 380, is_weighted=True)
    assert (found.floor.count, found.floor.share) == (20, 0.0)
    assert found.worth == pytest.approx(380)
