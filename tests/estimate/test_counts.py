"""Evidence counts: exact for a full scan, with an interval for a sample."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.estimate.counts import EvidenceCounts
from auditor.estimate.design import ClusterSample, FullScan, RowSample, row_design
from auditor.estimate.intervals import Interval, clopper_pearson, confidence_sequence

COUNTS = st.integers(0, 1000)


def full(confirmed: int, edited: int, rest: int) -> EvidenceCounts:
    return EvidenceCounts.of_rows(
        readable=confirmed + edited + rest, confirmed=confirmed, edited=edited, undetermined=rest, sampled=rest
    )


@given(confirmed=COUNTS, edited=COUNTS, rest=COUNTS)
def test_a_full_scan_leaves_nothing_to_chance(confirmed, edited, rest):
    evidence = full(confirmed, edited, rest)
    if n := evidence.readable.rows:
        share = confirmed / n
        assert evidence.share == Interval(share, share, share)
        assert evidence.source_interval == clopper_pearson(confirmed, n)


@given(confirmed=COUNTS, edited=COUNTS, rest=COUNTS, share=st.floats(0, 1))
def test_what_is_estimated_is_added_to_what_is_confirmed(confirmed, edited, rest, share):
    evidence = full(confirmed, edited, rest)
    if n := evidence.readable.rows:
        whole = evidence.whole(Interval(share, share, share))
        assert confirmed / n - 1e-9 <= whole.low <= whole.high <= (confirmed + rest) / n + 1e-9


@given(
    by_census=COUNTS, found=st.integers(0, 50), sampled=st.integers(50, 500), unsampled=st.integers(1, 5000),
    anytime_valid=st.booleans(),
)  # fmt: skip
def test_what_a_sample_showed_stands_for_the_unsampled_rows(by_census, found, sampled, unsampled, anytime_valid):
    rest = sampled + unsampled
    evidence = EvidenceCounts.of_rows(
        readable=by_census + rest, confirmed=by_census + found, confirmed_in_sample=found, undetermined=rest,
        sampled=sampled, design=RowSample(unsampled, anytime_valid),
    )  # fmt: skip
    n = by_census + rest
    low, high = (confidence_sequence if anytime_valid else clopper_pearson)(found, sampled)
    assert evidence.share.point == pytest.approx((by_census + rest * found / sampled) / n)
    assert evidence.share.low == pytest.approx((by_census + rest * low) / n)
    assert evidence.share.high == pytest.approx((by_census + rest * high) / n)
    assert evidence.source_interval == (evidence.share.low, evidence.share.high)


def test_without_a_sampled_row_the_rest_may_be_anything():
    evidence = EvidenceCounts.of_rows(readable=10, confirmed=4, undetermined=6, design=RowSample(6))
    assert evidence.share == Interval(0.4, 0.4, 1.0)


def test_without_a_readable_row_there_is_no_share():
    assert EvidenceCounts().share is None
    assert EvidenceCounts().source_interval is None
    with pytest.raises(ValueError, match="at least one readable row"):
        EvidenceCounts().whole(Interval(0, 0, 0))


def test_a_sample_of_every_row_is_a_full_scan_whose_flags_have_to_hold_at_every_size_still():
    assert row_design(0) == FullScan()
    assert row_design(3, anytime_valid=True) == RowSample(3, anytime_valid=True)
    grown = row_design(0, anytime_valid=True)
    assert (grown.is_partial, grown.anytime_valid) == (False, True)
    assert grown.interval_n_eff(0.1, 1000) < 1000 == ClusterSample(3, 9).interval_n_eff(0.1, 1000)


@pytest.mark.parametrize("design", [FullScan(), RowSample(25), ClusterSample(3, 4)])
def test_a_part_of_the_population_is_that_of_rows_drawn_one_by_one(design):
    assert design.row_sampling_fraction(75) == (0.75 if isinstance(design, RowSample) else 1.0)
