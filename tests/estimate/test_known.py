"""What declared and matched evidence decides: a fact of a full scan, an interval of a sample."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.estimate.intervals import Interval, clopper_pearson
from auditor.estimate.known import Known

COUNTS = st.integers(0, 1000)


def full(synthetic: int, edited: int, rest: int) -> Known:
    return Known(synthetic + edited + rest, synthetic, edited, rest=rest, drawn=rest)


@given(synthetic=COUNTS, edited=COUNTS, rest=COUNTS)
def test_a_full_scan_leaves_nothing_to_chance(synthetic, edited, rest):
    known = full(synthetic, edited, rest)
    if known.ok:
        share = synthetic / known.ok
        assert known.share == Interval(share, share, share)
        assert known.as_sample == clopper_pearson(synthetic, known.ok)


@given(synthetic=COUNTS, edited=COUNTS, rest=COUNTS, share=st.floats(0, 1))
def test_what_is_estimated_is_added_to_what_is_known(synthetic, edited, rest, share):
    known = full(synthetic, edited, rest)
    if known.ok:
        whole = known.whole(Interval(share, share, share))
        assert synthetic / known.ok - 1e-9 <= whole.low <= whole.high <= (synthetic + rest) / known.ok + 1e-9


@given(exact=COUNTS, found=st.integers(0, 50), drawn=st.integers(50, 500), outside=st.integers(1, 5000))
def test_what_a_sample_showed_stands_for_the_rows_beyond_it(exact, found, drawn, outside):
    rest = drawn + outside
    known = Known(ok=exact + rest, synthetic=exact + found, found=found, rest=rest, drawn=drawn, outside=outside)
    low, high = clopper_pearson(found, drawn)
    assert known.share.point == pytest.approx((exact + rest * found / drawn) / known.ok)
    assert known.share.low == pytest.approx((exact + rest * low) / known.ok)
    assert known.share.high == pytest.approx((exact + rest * high) / known.ok)
    assert known.as_sample == (known.share.low, known.share.high)


def test_without_a_drawn_row_the_rest_may_be_anything():
    assert Known(ok=10, synthetic=4, rest=6, outside=6).share == Interval(0.4, 0.4, 1.0)


def test_without_a_readable_row_there_is_no_share():
    assert Known().share is None
    assert Known().as_sample is None
    with pytest.raises(ValueError, match="no row"):
        Known().whole(Interval(0, 0, 0))
