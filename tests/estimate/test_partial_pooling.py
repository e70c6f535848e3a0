"""Fractions of groups: they add up, follow the scores, and are pooled the more the less is known of a group."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from models import calibration
from properties import examples

from auditor.estimate import score_distributions
from auditor.estimate.calibration import Calibration, Condition
from auditor.estimate.counts import EvidenceCounts
from auditor.estimate.design import RowSample
from auditor.estimate.intervals import Interval
from auditor.estimate.partial_pooling import GROUP_DRAWS, GROUP_SOURCES, Group, group_fractions
from auditor.estimate.score_distributions import Bins

CALIBRATION = calibration()
BINS = Bins.of(CALIBRATION)
SHARES = score_distributions.predict(
    CALIBRATION, BINS, {"clean": 1.0}, seed=0, sources=GROUP_SOURCES, draws=GROUP_DRAWS
)
REAL, SYNTHETIC = SHARES.real.mean(axis=0), SHARES.synthetic.mean(axis=0)
MEANS = (-1.0, 1.5)  # scores of real and of synthetic images
SPREAD = 0.5  # standard deviation of a source's mean; that of an image is 1
FRACTIONS = st.lists(st.tuples(st.integers(1, 500), st.floats(0, 1)), min_size=2, max_size=12)


def group(n, fraction, **evidence):
    """A group with the mean score distributions at this fraction."""
    bins = tuple((n * ((1 - fraction) * REAL + fraction * SYNTHETIC)).tolist())
    counts = {"readable": n, "undetermined": n, "sampled": n, **evidence}
    return Group(EvidenceCounts.of_rows(**counts), bins, n, 0.0)


def fractions(groups, point, low=None, high=None):
    whole = Interval(point, point if low is None else low, point if high is None else high)
    return group_fractions(groups, SHARES, whole)


@given(FRACTIONS, st.floats(0.02, 0.9), st.floats(0, 1), st.floats(0, 1))
@examples(40)
def test_groups_add_up_to_the_estimate_of_the_whole(sizes, point, below, above):
    groups = [group(n, fraction) for n, fraction in sizes]
    found = fractions(groups, point, point * below, point + (1 - point) * above)
    n = np.array([n for n, _ in sizes])
    points = np.array([each.fraction.point for each in found])
    assert n @ points / n.sum() == pytest.approx(point, abs=2e-3)
    for each, rest in zip(found, (n @ points - n * points) / (n.sum() - n), strict=True):
        assert 0 <= each.fraction.low <= each.fraction.point <= each.fraction.high <= 1
        assert each.fraction_without == pytest.approx(rest, abs=1e-9)


@given(FRACTIONS, st.floats(0.02, 0.9), st.randoms())
@examples(15)
def test_the_order_of_groups_does_not_matter(sizes, point, random):
    groups = [group(n, fraction) for n, fraction in sizes]
    order = list(range(len(groups)))
    random.shuffle(order)
    found, shuffled = fractions(groups, point), fractions([groups[index] for index in order], point)
    for place, index in enumerate(order):
        assert shuffled[place].fraction.point == pytest.approx(found[index].fraction.point, abs=1e-3)


def test_a_group_with_more_synthetic_looking_images_has_a_higher_fraction():
    points = [each.fraction.point for each in fractions([group(200, at) for at in (0, 0.2, 0.5, 0.8, 1)], 0.5)]
    assert points == sorted(points)
    assert points[0] < 0.1
    assert points[-1] > 0.9


def test_a_small_group_is_closer_to_the_others_than_a_large_one():
    others = [group(300, 0.1) for _ in range(8)]
    small, large = (fractions([group(n, 0.9), *others], 0.2)[0].fraction for n in (3, 300))
    assert small.point < large.point
    assert small.high - small.low > large.high - large.low


def test_an_unexamined_group_is_like_the_others_and_uncertain():
    unexamined = Group(
        EvidenceCounts.of_rows(readable=50, undetermined=50, design=RowSample(50)), (0.0,) * len(BINS), 0.0, 0.0
    )
    found = fractions([unexamined, group(200, 0.2), group(200, 0.2)], 0.2, 0.1, 0.3)[0].fraction
    assert found.low < 0.1
    assert 0.1 < found.point < 0.35
    assert found.high > 0.3


def test_confirmed_images_count_whatever_the_scores_say():
    confirmed = Group(
        EvidenceCounts.of_rows(readable=40, undetermined=40, sampled=40, confirmed=40, confirmed_in_sample=40),
        (0.0,) * len(BINS),
        0.0,
        0.0,
    )
    found = fractions([confirmed, group(200, 0.0), group(200, 0.0)], 0.1)[0]
    assert found.fraction == Interval(1.0, 1.0, 1.0)
    assert found.is_mostly_synthetic


def test_images_without_a_score_widen_the_upper_end():
    seen = group(100, 0.0)
    unseen = replace(seen, scored=80.0, unseen=20.0, bins=tuple(0.8 * count for count in seen.bins))
    plain, wide = (fractions([each, group(100, 0.0)], 0.02)[0].fraction for each in (seen, unseen))
    assert wide.high >= max(plain.high, 0.2)


def test_the_only_group_has_the_interval_of_the_whole():
    (found,) = fractions([group(100, 0.3)], 0.3, 0.1, 0.5)
    assert found.fraction == Interval(0.3, 0.1, 0.5)
    assert found.fraction_without is None


def test_no_source_is_mostly_synthetic_in_a_dataset_of_photographs():
    found = fractions([group(100, 0.0) for _ in range(20)], 0.01, 0.0, 0.05)
    assert not any(each.is_mostly_synthetic for each in found)


def test_false_discoveries_are_rare_and_synthetic_sources_found():
    rng = np.random.default_rng(0)
    sides = [
        {str(k): tuple(np.sort(rng.normal(mean + SPREAD * rng.standard_normal(), 1, 100)).tolist()) for k in range(20)}
        for mean in MEANS
    ]
    drawn = Calibration("classifier", "normal", "", "simulated", 0.5, 1.0, 0.0, {"clean": Condition(*sides)})
    bins = Bins.of(drawn)
    shares = score_distributions.predict(drawn, bins, {"clean": 1.0}, seed=0, sources=GROUP_SOURCES, draws=GROUP_DRAWS)
    false, discovered, covered, first = [], 0, [], 0
    for _ in range(40):
        truth = (np.arange(10) < 2).astype(float)
        groups = []
        for fraction in truth:
            mean = MEANS[int(fraction)] + SPREAD * rng.standard_normal()
            counts = bins.counts(rng.normal(mean, 1, 100), np.ones(100))
            evidence = EvidenceCounts.of_rows(readable=100, undetermined=100, sampled=100)
            groups.append(Group(evidence, tuple(counts.tolist()), 100, 0.0))
        found = group_fractions(groups, shares, Interval(0.2, 0.1, 0.35))
        listed = [at for each, at in zip(found, truth, strict=True) if each.is_mostly_synthetic]
        false.append(listed.count(0.0) / max(1, len(listed)))
        discovered += listed.count(1.0)
        first += truth[np.argmin([each.fraction_without for each in found])] == 1.0
        covered += [each.fraction.low <= at <= each.fraction.high for each, at in zip(found, truth, strict=True)]
    assert np.mean(false) <= 0.05
    assert discovered >= 0.5 * 80
    assert first >= 36
    assert np.mean(covered) >= 0.95
