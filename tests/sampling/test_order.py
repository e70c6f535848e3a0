"""Sampling ranks: they never change, whatever the keys are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.sampling.order import sampling_rank, sampling_ranks

PINNED = [
    ("", 0, 9502881449170513252),
    ("images/0001.jpg", 0, 5740810654102302781),
    ("images/0001.jpg", 1, 12547016067386890270),
    ("images/0001.jpg", -7, 15449922898873141557),
    ("写真\udc80", 12345678901234567890, 3206652430902189557),
]


@pytest.mark.parametrize(("key", "seed", "expected"), PINNED)
def test_a_place_never_changes(key, seed, expected):
    assert sampling_rank(key, seed) == expected


@given(st.lists(st.text(st.characters(exclude_categories=[]))), st.integers())
def test_many_places_are_the_places_of_each(keys, seed):
    found = sampling_ranks(keys, seed)
    assert found.dtype == np.uint64
    assert found.tolist() == [sampling_rank(key, seed) for key in keys]


def test_places_are_spread_evenly_and_differ_with_the_seed():
    first, second = (sampling_ranks((f"images/{n:06}.jpg" for n in range(20_000)), seed) for seed in (0, 1))
    counts = np.bincount((first >> np.uint64(60)).astype(int), minlength=16)
    assert abs(counts - 1250).max() < 5 * np.sqrt(1250)  # five standard deviations
    assert abs(np.corrcoef(first.astype(float), second.astype(float))[0, 1]) < 0.035
