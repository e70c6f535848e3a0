import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.intervals import clopper_pearson
from auditor.mad import STABILITY_CAP, diversity_limit


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
    with pytest.raises(ValueError, match="no share"):
        clopper_pearson(count, n)


@pytest.mark.parametrize(
    ("lambda_", "delta", "limit"),
    [(0.5, 0.01, 0.020), (0.5, 0.05, 0.095), (0.7, 0.05, 0.149), (0.7, 0.10, 0.270), (0.85, 0.05, 0.260)],
)
def test_the_diversity_limit_agrees_with_its_table(lambda_, delta, limit):
    assert diversity_limit(lambda_, delta) == pytest.approx(limit, abs=5e-4)


def test_the_diversity_limit_is_where_the_limiting_loss_reaches_the_budget():
    for lambda_ in (0.0, 0.3, 0.7):
        p = diversity_limit(lambda_, 0.05)
        variance = 1.0
        for _ in range(500):  # the recursion itself: σ² <- 1 - p + pλσ²
            variance = 1 - p + p * lambda_ * variance
        assert 1 - variance == pytest.approx(0.05, abs=1e-9)


def test_the_diversity_limit_is_capped_where_stability_ends():
    assert diversity_limit(0.9, 0.2) == STABILITY_CAP


@pytest.mark.parametrize(("lambda_", "delta"), [(1.5, 0.05), (-0.1, 0.05), (0.7, 0), (0.7, 1)])
def test_impossible_assumptions_are_refused(lambda_, delta):
    with pytest.raises(ValueError, match="out of range"):
        diversity_limit(lambda_, delta)
