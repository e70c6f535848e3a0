"""What rows of whole shards are worth: never more than themselves, never less than their shards, and the truth held."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.estimate import shards
from auditor.estimate.flags import Flags
from auditor.estimate.fraction import estimated
from auditor.estimate.intervals import clopper_pearson
from auditor.estimate.known import Known

SHARDS = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), min_size=2, max_size=30)


def worth(pairs):
    rows = np.array([max(pair) for pair in pairs])
    return shards.worth(np.array([min(pair) for pair in pairs]), rows), rows


@given(SHARDS)
def test_rows_are_worth_no_more_than_themselves_and_no_less_than_their_shards(pairs):
    found, rows = worth(pairs)
    assert found.n == rows.sum()
    if found.n:
        least = rows.sum() ** 2 / (rows**2).sum()
        assert least * (1 - 1e-12) <= found.effective <= found.n * (1 + 1e-12)
        assert found.design_effect == pytest.approx(found.n / found.effective)


@given(st.integers(2, 40), st.integers(1, 1000))
def test_without_a_positive_the_bound_rests_on_the_shards_alone(count, rows):
    found = shards.worth(np.zeros(count), np.full(count, rows))
    assert found.effective == pytest.approx(count)
    assert shards.interval(0.0, found.effective)[1] == pytest.approx(clopper_pearson(0, count)[1])


@given(st.integers(2, 30), st.integers(1, 30), st.integers(2, 500))
def test_shards_that_are_each_all_of_a_kind_are_worth_one_row_each(kind, other, rows):
    positives = np.array([rows] * kind + [0] * other)
    assert shards.worth(positives, np.full(kind + other, rows)).effective <= kind + other + 1e-9


def test_shards_that_are_alike_are_worth_nearly_all_their_rows():
    positives = np.random.default_rng(0).binomial(1000, 0.1, 100)
    assert shards.worth(positives, np.full(100, 1000)).design_effect < 1.5


def test_the_variance_is_that_of_a_ratio_between_shards():
    """By hand: 2 shards of 100 rows with 10 and 30; the linearised standard error is 10 %."""
    moves = np.array([10 - 0.2 * 100, 30 - 0.2 * 100]) / 200
    from scipy.stats import t

    lone = 0.2 * 0.8 / 0.1**2
    assert shards.effective_rows(0.2, moves, 200) == pytest.approx(lone * (t.ppf(0.975, 199) / t.ppf(0.975, 1)) ** 2)


@pytest.mark.parametrize(("positives", "rows"), [([1], [2]), ([3, 0], [2, 2]), ([-1, 0], [2, 2])])
def test_what_no_shards_can_be_is_refused(positives, rows):
    with pytest.raises(ValueError, match="another shard"):
        shards.worth(np.array(positives), np.array(rows))


def test_shards_without_a_row_tell_nothing():
    assert shards.worth(np.zeros(3), np.zeros(3)).effective == 0


@given(st.integers(0, 1000), st.floats(1, 1e5), st.floats(0, 1))
def test_what_was_read_is_known(thousandths, effective, unread):
    share = thousandths / 1000
    low, high = shards.interval(share, effective, unread)
    least, most = shards.interval(share, effective)
    assert 0 <= least <= low <= share <= high <= most <= 1
    assert shards.interval(share, effective, 0.0) == pytest.approx((share, share))


# ---- in the numbers of an audit


def test_what_is_decided_is_no_fact_where_shards_were_left_out():
    full = Known(ok=1000, synthetic=100, found=100, rest=1000, drawn=1000)
    some = Known(ok=1000, synthetic=100, found=100, rest=1000, drawn=1000, effective=50.0, unread=0.9)
    assert full.share.low == full.share.high
    assert some.share.low < 0.1 < some.share.high
    assert some.as_sample == pytest.approx(clopper_pearson(5, 50))
    assert some.as_sample[0] < some.share.low
    assert (some.is_sample, full.is_sample) == (True, False)


def test_an_estimate_is_wider_by_what_the_shards_are_worth():
    import models

    calibration = models.calibration()
    known = Known(ok=5000, rest=5000, drawn=5000)
    some = Known(ok=5000, rest=5000, drawn=5000, effective=25.0, unread=0.99)
    widths = []
    for decided, effective in ((known, None), (some, 5000.0), (some, 100.0), (some, 25.0)):
        found = estimated(decided, Flags({"clean": 5000}, 2500, effective=effective), calibration, seed=0)
        widths.append(found.high - found.low)
        assert (found.at_best is None) == (decided is known)
    assert widths == sorted(widths)
    assert widths[-1] > widths[0] + 0.1
