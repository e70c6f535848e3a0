"""Leaving a group out in closed form is leaving it out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training import head


def rows(seed: int, count: int = 60, numbers: int = 12) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Standardised rows, labels that depend on the first number, weights."""
    rng = np.random.default_rng(seed)
    x = head.scale_of(rng.normal(3, 2, (500, numbers)))(rng.normal(3, 2, (count, numbers)))
    return x, x[:, 0] + rng.normal(0, 0.5, count) > 0, rng.uniform(0.1, 3, count)


@given(st.integers(0, 1000), st.floats(0.1, 1000))
def test_a_group_left_out_in_closed_form_is_as_if_it_had_never_been_there(seed: int, penalty: float) -> None:
    x, y, w = rows(seed)
    group = np.random.default_rng(seed + 1).random(len(x)) < 0.2
    without = head.fit(x, y, w, penalty=penalty).without(group)
    anew = head.fit(x[~group], y[~group], w[~group], penalty=penalty).weights
    assert np.allclose(without, anew, atol=1e-8)


def test_no_group_is_the_fit_itself() -> None:
    x, y, w = rows(0)
    fit = head.fit(x, y, w, penalty=1.0)
    assert (fit.without(np.zeros(len(x), bool)) == fit.weights).all()


def test_a_weight_is_worth_as_many_rows() -> None:
    x, y, _ = rows(1)
    twice = head.fit(np.concatenate([x, x[:5]]), np.concatenate([y, y[:5]]), np.ones(len(x) + 5), penalty=1.0)
    weighed = head.fit(x, y, np.where(np.arange(len(x)) < 5, 2.0, 1.0), penalty=1.0)
    assert np.allclose(twice.weights, weighed.weights)


def test_features_are_standardised_and_the_intercept_is_hardly_shrunk() -> None:
    rng = np.random.default_rng(2)
    values = rng.normal([5, -3], [2, 0.1], (1000, 2))
    scaled = head.scale_of(values)(values)
    assert np.allclose(scaled[:, :2].mean(axis=0), 0, atol=1e-9)
    assert np.allclose(scaled[:, :2].std(axis=0), 1, atol=1e-3)
    always = head.fit(scaled, np.ones(1000, bool), np.ones(1000), penalty=10.0)
    assert scaled @ always.weights == pytest.approx(np.ones(1000), abs=0.01)
