"""Bisection: the root lies where the sign changes, from either side."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq

from auditor.estimate.roots import root


@given(st.floats(-50, 50), st.sampled_from([1, -1]))
def test_it_is_where_the_sign_changes(at, direction):
    found = root(lambda x: direction * math.tanh(x - at), -100.0, 100.0)
    assert found == pytest.approx(at, abs=1e-9)
    assert root(lambda x: direction * math.tanh(x - at), 100.0, -100.0) == pytest.approx(at, abs=1e-9)


def test_a_root_at_an_end_is_found_there():
    for slope in (1, -1):
        assert root(lambda x, slope=slope: slope * x, 0.0, 1.0) == 0.0
        assert root(lambda x, slope=slope: slope * (x - 1), 0.0, 1.0) == 1.0


def test_it_agrees_with_brents_method():
    def function(x):
        return math.exp(x) - 3

    assert root(function, 0.0, 2.0) == pytest.approx(brentq(function, 0, 2, xtol=1e-15), abs=1e-12)
