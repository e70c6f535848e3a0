import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.estimate.intervals import clopper_pearson


@pytest.mark.parametrize(
    ("count", "n", "low", "high"),
    [(0, 10, 0.0, 0.3085), (10, 10, 0.6915, 1.0), (1, 20, 0.00127, 0.24873), (15, 339, 0.02493, 0.07197)],
)
def test_clopper_pearson_agrees_with_published_values(count, n, low, high):
    assert clopper_pearson(count, n) == pytest.approx((low, high), abs=1e-4)


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_an_interval_holds_its_share(pair):
    count, n = pair
    low, high = clopper_pearson(count, n)
    assert 0 <= low <= count / n <= high <= 1


@pytest.mark.parametrize(("count", "n"), [(1, 0), (0, 0), (5, 4), (-1, 4)])
def test_what_is_no_share_is_refused(count, n):
    with pytest.raises(ValueError, match="must be between 0 and n"):
        clopper_pearson(count, n)
