"""Sentences about shares and limits: the bound that decides is first, and no rounding hides the difference."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.sentences import at_least, at_most, percent

SHARES = st.floats(0, 1).map(lambda share: round(share, 5))


@pytest.mark.parametrize(
    ("low", "high", "sentence"),
    [
        (0.31, 0.6, "at least 31.0 % synthetic; the policy allows 14.9 %"),
        (0.01, 0.09, "at most 9.0 % synthetic; the policy allows 14.9 %"),
        (0.01, 0.6, "1.0 to 60.0 % synthetic; the policy allows 14.9 %"),
        (0.31, 0.31, "31.0 % synthetic; the policy allows 14.9 %"),
        (0.1492, 0.3, "at least 14.92 % synthetic; the policy allows 14.90 %"),
        (0.149, 0.149, "14.9 % synthetic; the policy allows 14.9 %"),
    ],
)
def test_the_bound_that_decides_is_first(low, high, sentence):
    assert at_most(low, high, 0.149, "synthetic") == sentence


@given(SHARES, SHARES, SHARES)
def test_what_is_above_the_limit_looks_so(one, other, limit):
    low, high = sorted((one, other))
    shown = [float(number) for number in re.findall(r"[\d.]+", at_most(low, high, limit, "synthetic"))]
    if low > limit:
        assert shown[0] > shown[-1] or low - limit < 1e-6
    elif high <= limit:
        assert shown[0] <= shown[-1]


@given(SHARES, SHARES)
def test_what_is_below_a_requirement_looks_so(share, limit):
    shown = [float(number) for number in re.findall(r"[\d.]+", at_least(share, limit, "of the rows decoded"))]
    assert (shown[0] < shown[-1]) == (share < limit)


def test_nothing_is_less_than_nothing():
    assert percent(-1e-9) == "0.0 %"


def test_an_unknown_share_is_called_unknown():
    assert percent(None) == "unknown"
