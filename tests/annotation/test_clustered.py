"""Labels under cluster sampling: shards widen the interval, except if every shard was read."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.annotation.strata import LabelledStratum
from auditor.annotation.two_phase import two_phase
from auditor.estimate.design import ClusterSample
from auditor.estimate.intervals import clopper_pearson


@st.composite
def shards(draw):
    strata = draw(st.integers(1, 3))
    made = []
    for _ in range(draw(st.integers(2, 8))):
        counts = [draw(st.tuples(*[st.integers(0, 20)] * 4)) for _ in range(strata)]
        made.append([LabelledStratum.of_counts(rest + s + r + u, s, r, u) for rest, s, r, u in counts])
    return made


def summed(by_shard):
    return [
        LabelledStratum(sum(part.size for part in parts), dict(sum((Counter(part.votes) for part in parts), Counter())))
        for parts in zip(*by_shard, strict=True)
    ]


SOME = ClusterSample(1, 10**12)  # next to none


@given(shards(), st.integers(0, 1000))
def test_shards_widen_and_never_narrow(by_shard, read):
    strata = summed(by_shard)
    if not all(stratum.labelled for stratum in strata):
        return
    alone, widened = two_phase(strata), two_phase(strata, design=ClusterSample(read, 1000), by_shard=by_shard)
    assert widened.point == pytest.approx(alone.point)
    assert 0 <= widened.low <= alone.low + 1e-9
    assert alone.high - 1e-9 <= widened.high <= 1
    everything = two_phase(strata, design=ClusterSample(1000, 1000), by_shard=by_shard)
    assert (everything.low, everything.high) == pytest.approx((alone.low, alone.high))


def test_where_every_row_is_labelled_only_the_shards_are_left_to_chance():
    by_shard = [[LabelledStratum.of_counts(50, 50 * (number < 3), 50 * (number >= 3))] for number in range(10)]
    found = two_phase(summed(by_shard), design=SOME, by_shard=by_shard)
    assert (found.low, found.high) == pytest.approx(clopper_pearson(3, 10))


def test_without_a_synthetic_label_the_bound_rests_on_the_shards():
    by_shard = [[LabelledStratum.of_counts(100, 0, 30)] for _ in range(12)]
    assert two_phase(summed(by_shard), design=SOME, by_shard=by_shard).high == pytest.approx(clopper_pearson(0, 12)[1])


def test_shards_without_a_label_do_not_count_for_the_bound():
    by_shard = [[LabelledStratum.of_counts(100, 0, 30 * (number < 4))] for number in range(12)]
    assert two_phase(summed(by_shard), design=SOME, by_shard=by_shard).high == pytest.approx(clopper_pearson(0, 4)[1])


def test_a_stratum_that_nobody_labelled_is_left_out_of_both():
    by_shard = [[LabelledStratum.of_counts(100, 5, 25), LabelledStratum.of_counts(2, 0, 0)] for _ in range(6)]
    found = two_phase(summed(by_shard), design=SOME, by_shard=by_shard)
    assert 0 < found.low < found.high < 1
