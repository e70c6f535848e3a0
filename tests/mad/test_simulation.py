"""Closed forms against the simulation, and the paper's findings."""

import pytest

from auditor.mad.simulation import LOOP_TYPES, diversity_lost, effective_n, simulate_runs, trajectory


@pytest.mark.parametrize("loop", LOOP_TYPES)
@pytest.mark.parametrize("lambda_", [0.5, 0.85, 1.0])
def test_closed_forms_agree_with_the_simulation(loop, lambda_):
    fractions, n, d = [0.3] * 6, 1500, 12
    closed = trajectory(loop, fractions, n=n, d=d, lambda_=lambda_)
    drawn = simulate_runs(loop, fractions, n=n, d=d, lambda_=lambda_, runs=60, seed=1)
    for one, two in zip(closed, drawn, strict=True):
        assert one.diversity_lost == pytest.approx(two.diversity_lost, abs=0.01)
        assert one.distance == pytest.approx(two.distance, rel=0.06)


def test_a_growing_fraction_agrees_with_the_simulation():
    fractions = [0.1, 0.2, 0.4, 0.6]
    closed = trajectory("fresh", fractions, n=1500, d=12, lambda_=0.7)
    drawn = simulate_runs("fresh", fractions, n=1500, d=12, lambda_=0.7, runs=40, seed=2)
    for one, two in zip(closed, drawn, strict=True):
        assert one.diversity_lost == pytest.approx(two.diversity_lost, abs=0.01)


def test_without_synthetic_data_nothing_is_lost():
    found = trajectory("fresh", [0.0] * 5, n=1000, d=50, lambda_=0.5)
    assert found[-1].diversity_lost == pytest.approx(0)
    assert found[-1].distance == pytest.approx(50 * 55 / (4 * 1000))  # of a Gaussian fitted to n real samples


def test_fresh_real_data_make_the_loop_settle_wherever_it_began():
    late = [
        trajectory("fresh", [*start, *[0.3] * 60], n=2000, d=50, lambda_=0.7)[-1]
        for start in ([], [0.9] * 5, [0.0] * 5)
    ]
    assert late[0].distance == pytest.approx(late[1].distance, rel=1e-6)
    assert late[0].distance == pytest.approx(late[2].distance, rel=1e-6)
    assert late[0].diversity_lost == pytest.approx(diversity_lost(0.3, 0.7), abs=1e-3)


def test_fixed_real_data_only_delay_the_loss():
    fresh = trajectory("fresh", [0.5] * 20, n=2000, d=50, lambda_=1.0)[-1]
    fixed = trajectory("augmentation", [0.5] * 20, n=2000, d=50, lambda_=1.0)[-1]
    assert fixed.distance > fresh.distance


def test_the_fully_synthetic_loop_loses_everything():
    found = trajectory("synthetic", [1.0] * 40, n=2000, d=50, lambda_=0.8)
    assert found[-1].diversity_lost > 0.99
    assert [g.diversity_lost for g in found] == sorted(g.diversity_lost for g in found)
    assert found[5].diversity_lost == pytest.approx(1 - 0.8**5)


def test_unbiased_synthetic_data_help_and_biased_ones_have_a_phase_transition():
    """Effective over real samples as synthetic ones are added: rising at λ = 1 (1+p), in the end below 1 at λ < 1."""
    n_real, d = 1000, 100

    def effective_share(share: float, lambda_: float) -> float:
        n = n_real / (1 - share)
        return trajectory("fresh", [share] * 200, n=n, d=d, lambda_=lambda_)[-1].effective_n / n_real

    shares = (0.05, 0.2, 0.4, 0.6)
    unbiased = [effective_share(p, 1.0) for p in shares]
    assert unbiased == sorted(unbiased)
    assert unbiased[1] == pytest.approx(1 / (1 - 0.2) * (1 - 0.2**2), rel=0.02)
    biased = [effective_share(p, 0.7) for p in shares]
    assert biased[-1] < 1 < biased[0]
    assert biased[1:] == sorted(biased[1:], reverse=True)


def test_effective_samples_turn_a_distance_round():
    assert effective_n(10 * 15 / (4 * 777), 10) == pytest.approx(777)


@pytest.mark.parametrize(
    ("loop", "fractions"), [("nope", [0.1]), ("fresh", [1.2]), ("augmentation", [1.0]), ("fresh", [-0.1])]
)
def test_impossible_loops_are_refused(loop, fractions):
    with pytest.raises(ValueError, match="loop"):
        trajectory(loop, fractions, n=100, d=5, lambda_=0.7)
    with pytest.raises(ValueError, match="loop"):
        simulate_runs(loop, fractions, n=100, d=5, lambda_=0.7, runs=1, seed=0)


def test_a_loop_that_loses_everything_has_a_distance():
    for found in (
        trajectory("fresh", [1.0] * 3, n=100, d=5, lambda_=0.0),
        trajectory("synthetic", [1.0] * 300, n=100, d=5, lambda_=0.1),
    ):
        assert found[-1].diversity_lost == pytest.approx(1)
        assert found[-1].distance == pytest.approx(5, rel=0.3)


def test_one_dimension_can_be_simulated():
    assert simulate_runs("fresh", [0.5], n=100, d=1, lambda_=0.7, runs=3, seed=0)[-1].distance > 0


def test_too_few_samples_are_refused():
    with pytest.raises(ValueError, match="fewer than two samples"):
        simulate_runs("augmentation", [0.9], n=10, d=2, lambda_=0.7, runs=1, seed=0)
