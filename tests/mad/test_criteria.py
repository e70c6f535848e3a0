import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.estimate.intervals import Interval
from auditor.mad import criteria, simulation
from auditor.mad.criteria import STABILITY_CAP, Assumptions, diversity_limit, effective_limit

A = Assumptions()


@pytest.mark.parametrize(
    ("lambda_", "delta", "limit"),
    [(0.5, 0.01, 0.020), (0.5, 0.05, 0.095), (0.7, 0.05, 0.149), (0.7, 0.10, 0.270), (0.85, 0.05, 0.260)],
)
def test_the_diversity_limit_agrees_with_its_table(lambda_, delta, limit):
    assert diversity_limit(lambda_, delta) == pytest.approx(limit, abs=5e-4)


def test_the_diversity_limit_is_where_the_limiting_loss_reaches_the_budget():
    for lambda_ in (0.0, 0.3, 0.7):
        assert simulation.diversity_lost(diversity_limit(lambda_, 0.05), lambda_) == pytest.approx(0.05)


def test_the_diversity_limit_is_capped_where_stability_ends():
    assert diversity_limit(0.9, 0.2) == STABILITY_CAP


@pytest.mark.parametrize(("lambda_", "delta"), [(1.5, 0.05), (-0.1, 0.05), (0.7, 0), (0.7, 1)])
def test_impossible_assumptions_are_refused(lambda_, delta):
    with pytest.raises(ValueError, match="must be"):
        diversity_limit(lambda_, delta)


def test_no_constant_ratio_is_admissible_at_web_scale():
    limit = effective_limit(1.0, 5.85e9, Assumptions(lambda_=0.85))
    assert limit == pytest.approx(8e-7, rel=0.1)


def test_unbiased_synthetic_data_are_admissible_at_any_fraction():
    assert effective_limit(1.0, 1e6, Assumptions(lambda_=1.0, lambda_high=1.0)) == 1.0


def test_the_admissible_limit_on_synthetic_samples_settles_as_real_ones_grow():
    """n_s* = [(d+1)(1/2+3λ/2-λ²)+4(2-λ)]/(1-λ)², independent of n_r: the paper's phase transition."""
    d = 100
    for lambda_, expected in ((0.5, 428), (0.7, 1247), (0.85, 4929)):
        formula = ((d + 1) * (0.5 + 1.5 * lambda_ - lambda_**2) + 4 * (2 - lambda_)) / (1 - lambda_) ** 2
        assert formula == pytest.approx(expected, abs=1)
        n = 1e9
        assert n * effective_limit(1.0, n, Assumptions(lambda_=lambda_)) == pytest.approx(formula, rel=0.02)


CASES = [
    (None, 0.02, "inconclusive"),
    (None, 0.30, "over"),
    (Interval(0.25, 0.20, 0.30), 0.0, "over"),
    (Interval(0.10, 0.08, 0.12), 0.30, "over"),
    (Interval(0.14, 0.10, 0.20), 0.0, "inconclusive"),
    (Interval(0.10, 0.08, 0.12), 0.0, "near"),
    (Interval(0.02, 0.01, 0.03), 0.0, "safe"),
    (Interval(0.0, 0.0, 0.0), 0.0, "safe"),
]


@pytest.mark.parametrize(("fraction", "confirmed", "status"), CASES)
def test_the_status_follows_from_the_interval_the_floor_and_the_limits(fraction, confirmed, status):
    found = criteria.status(fraction, confirmed, 10_000, A)
    assert found.status == status
    assert found.limit == pytest.approx(0.1493, abs=1e-4)
    assert found.reason


def test_over_says_how_soon_and_what_to_do():
    advice = criteria.status(Interval(0.25, 0.20, 0.30), 0.0, 10_000, A).advice
    assert "in 1 generation if the fraction stays the same" in advice
    assert "remove about 1,185 synthetic images or add about 6,751 real images" in advice
    assert criteria.status(Interval(0.1, 0.08, 0.12), 0.0, 10_000, A).advice == ""


def test_the_actions_bring_the_fraction_down_to_the_limit():
    n, p, limit = 10_000, 0.25, 0.149
    remove, add = criteria.actions(p, n, limit)
    assert (p * n - remove) / (n - remove) <= limit < (p * n - remove + 2) / (n - remove + 2)
    assert p * n / (n + add) <= limit < p * n / (n + add - 2)
    assert criteria.actions(0.1, n, limit) == (0, 0)


def test_the_loss_takes_longer_the_closer_the_fraction_is_to_the_limit():
    times = [criteria.generations_until(p, A) for p in (0.5, 0.16, 0.1495)]
    assert times[0] == 1
    assert times[0] <= times[1] <= times[2]
    assert criteria.generations_until(0.149, A) is None


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_more_synthetic_is_never_safer(a, b, c):
    low, point, high = sorted((a, b, c))
    order = ["safe", "near", "inconclusive", "over"]
    here = order.index(criteria.status(Interval(point, low, high), 0.0, 1000, A).status)
    worse = order.index(criteria.status(Interval(high, high, high), 0.0, 1000, A).status)
    assert here <= worse or low < criteria.diversity_limit(A.lambda_, A.delta) < high


def test_where_the_cap_decides_it_says_so_and_promises_no_loss():
    found = criteria.status(Interval(0.4, 0.4, 0.4), 0.0, 10_000, Assumptions(lambda_=0.95, lambda_high=0.95))
    assert found.criterion == "stability"
    assert found.reason == "40.0 % synthetic; the MAD limit is 33.3 %"
    assert "loss" not in found.advice
    assert "remove" in found.advice


def test_it_says_what_being_over_rests_on():
    estimated = criteria.status(Interval(0.6, 0.4, 1.0), 0.05, 1000, A).reason
    declared = criteria.status(Interval(0.3, 0.2, 1.0), 0.2, 1000, A).reason
    assert "alone" not in estimated
    assert "synthetic by confirmed images alone" in declared
    assert "synthetic by confirmed images alone" in criteria.status(None, 0.2, 1000, A).reason
