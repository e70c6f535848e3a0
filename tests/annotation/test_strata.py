"""Strata by verdict and weight: their rows, and what their labels contribute."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from auditor.annotation.file import HumanLabel
from auditor.annotation.strata import LabelledStratum, Stratum, StratumCounts, by_name, collapse_strata, strata
from auditor.annotation.two_phase import two_phase
from auditor.annotation.votes import EXACT
from auditor.types import VerdictKind

UNKNOWN = VerdictKind.UNKNOWN.value


@given(st.floats(1e-12, 1e12))
def test_of_equal_weights_the_strata_are_the_verdicts(weight):
    verdict = np.array([UNKNOWN, "", VerdictKind.LIKELY_REAL.value, UNKNOWN, VerdictKind.SYNTHETIC.value], dtype=object)
    found = strata(verdict, np.full(5, weight))
    assert [(stratum.label, rows.tolist()) for stratum, rows in found] == [
        (VerdictKind.UNKNOWN, [0, 3]),
        (VerdictKind.LIKELY_REAL, [2]),
    ]
    counts = by_name({stratum: StratumCounts(rows=len(rows)) for stratum, rows in found})
    assert {name: one.rows for name, one in counts.items()} == {"likely-synthetic": 0, "unknown": 2, "likely-real": 1}


@given(st.lists(st.floats(1e-12, 1e12) | st.just(0.0), min_size=1, max_size=50))
def test_rows_of_a_stratum_differ_by_less_than_twice_in_weight_and_none_is_lost(weights):
    verdict = np.array([UNKNOWN] * len(weights), dtype=object)
    found = strata(verdict, np.array(weights))
    assert sorted(row for _, rows in found for row in rows) == [k for k, w in enumerate(weights) if w > 0]
    for stratum, rows in found:
        mine = [weights[row] for row in rows]
        assert 2.0**stratum.weight_class <= min(mine) <= max(mine) < 2.0 ** (stratum.weight_class + 1)
    assert [stratum for stratum, _ in found] == sorted({stratum for stratum, _ in found})


def test_a_stratum_of_weights_says_which():
    assert Stratum(1, 3).name == "unknown, weight 8 to under 16"
    assert Stratum(0, -2).name == "likely-synthetic, weight 0.25 to under 0.5"
    assert list(by_name({Stratum(1, 3): StratumCounts(), Stratum(0, -2): StratumCounts()})) == [
        "likely-synthetic, weight 0.25 to under 0.5",
        "unknown, weight 8 to under 16",
    ]


SYNTHETIC, REAL, UNSURE = (EXACT[label] for label in (HumanLabel.SYNTHETIC, HumanLabel.REAL, HumanLabel.UNSURE))


def by_label(stratum):
    return tuple(stratum.votes.get(votes, 0) for votes in (SYNTHETIC, REAL, UNSURE))


def n_eff(stratum):
    return stratum.labelled / stratum.design_effect


def counted(weights, labels, truths, skipped=0):
    """A stratum with these weights; the first `labels` rows are labelled by their truth."""
    found = StratumCounts(skipped=skipped)
    found.add_rows(np.array(weights, float))
    for weight, truth in list(zip(weights, truths, strict=True))[:labels]:
        found.add_votes(EXACT[HumanLabel.SYNTHETIC if truth else HumanLabel.REAL], weight)
    return found


@given(st.integers(1, 40), st.integers(0, 40), st.integers(0, 40), st.floats(0.01, 100))
def test_of_equal_weights_labels_count_as_they_are(labels, synthetic, others, weight):
    synthetic = min(synthetic, labels)
    rows = labels + others
    found = list(collapse_strata(1, [counted([weight] * rows, labels, [k < synthetic for k in range(rows)])]))
    assert len(found) == 1
    plain = (rows, synthetic, labels - synthetic, 0, 1.0)
    one = found[0]
    assert (one.size, *by_label(one), one.design_effect) == pytest.approx(plain)
    assert one.total_weight == pytest.approx(rows * weight)


def test_heavy_rows_that_are_labelled_whole_are_known_and_the_others_one_stratum():
    heavy = counted([100, 120], 2, [True, False])
    light = counted([1.0] * 50, 10, [True] * 2 + [False] * 48)
    lighter = counted([0.6] * 50, 10, [False] * 50)
    whole, other = collapse_strata(1, [lighter, light, heavy])
    assert (whole.size, whole.labelled, whole.total_weight) == (2, pytest.approx(2), 220)
    assert whole.positives(False) / whole.labelled == pytest.approx(100 / 220)
    assert (other.labelled, other.total_weight) == (pytest.approx(20), pytest.approx(80))
    assert other.positives(False) / other.labelled == pytest.approx(0.2 * 50 / 80)


def test_a_stratum_without_a_label_stays_one_of_its_own():
    silent, other = collapse_strata(1, [counted([8.0], 0, [True]), counted([1.0] * 20, 5, [False] * 20)])
    assert (silent.labelled, silent.total_weight) == (0, 8)
    assert (other.labelled, other.total_weight) == (5, 20)


def test_rows_that_were_skipped_are_unsure():
    (found,) = collapse_strata(1, [counted([1.0] * 20, 8, [True] * 20, skipped=2)])
    assert by_label(found) == pytest.approx((8, 0, 2))


CLASSES = st.lists(
    st.tuples(st.integers(-3, 3), st.integers(1, 30), st.integers(1, 30), st.integers(0, 2**32 - 1)),
    min_size=1, max_size=4, unique_by=lambda one: one[0],
)  # fmt: skip


@given(CLASSES)
def test_n_eff_of_labels_is_no_more_than_their_variance_says(classes):
    """Whatever is synthetic: p(1-p)/n_eff is no smaller than the variance of the stratified share of the weight, of
    labels that were drawn with replacement (linearised)."""
    strata, masses, shares, variances = [], [], [], []
    for exponent, labels, others, seed in classes:
        rng = np.random.default_rng(seed)
        weights = 2.0**exponent * rng.uniform(1, 2, labels + others)
        truth = rng.random(len(weights)) < rng.random()
        share = weights @ truth / weights.sum()
        one = StratumCounts()
        one.add_rows(weights)
        for _ in range(labels):
            one.add_votes(REAL, weights.mean())
        strata.append(one)
        masses.append(weights.sum())
        shares.append(share)
        variances.append((weights**2 * (truth - share) ** 2).mean() / weights.mean() ** 2 / labels)
    part = np.array(masses) / sum(masses)
    p = part @ shares
    (found,) = collapse_strata(1, strata)
    assert part**2 @ variances <= p * (1 - p) / n_eff(found) * (1 + 1e-9) + 1e-12


def test_n_eff_is_by_the_heaviest_row():
    labels = counted([1.0, 1.0, 1.5, 1.5, *[1.2] * 16], 4, [True, False] * 10)
    (found,) = collapse_strata(1, [labels])
    assert n_eff(found) == pytest.approx(4 / (1.5 * 4 / 5.0))


@given(
    st.lists(
        st.tuples(st.sampled_from([1e-12, 1.0, 1e12]), st.integers(1, 40), st.integers(0, 40), st.integers(0, 40), st.floats(1, 2)),
        min_size=1, max_size=5,
    )
)  # fmt: skip
@example([(1e12, 7, 4, 0, 1.0), (1e-12, 20, 5, 100, 1.0)])
def test_whatever_the_strata_weigh_the_ends_enclose_the_point(strata):
    each = [
        LabelledStratum(
            labels + others,
            {SYNTHETIC: min(synthetic, labels), REAL: labels - min(synthetic, labels)},
            mean_weight=mass / (labels + others),
            design_effect=effect,
        )
        for mass, labels, synthetic, others, effect in strata
    ]
    found = two_phase(each)
    assert 0 <= found.low <= found.point <= found.high <= 1


def test_where_all_drawn_rows_were_skipped_they_may_be_anything():
    (found,) = collapse_strata(1, [counted([2.0] * 20, 0, [True] * 20, skipped=1)])
    assert (*by_label(found), found.design_effect) == (0, 0, 1, 1)


@given(st.lists(st.floats(1e-3, 1e3), min_size=2, max_size=40), st.integers(0, 2**32 - 1))
def test_strata_that_are_labelled_whole_are_facts_whatever_rows_weigh(weights, seed):
    truth = np.random.default_rng(seed).random(len(weights)) < 0.5
    found = two_phase(list(collapse_strata(1, [counted(weights, len(weights), truth)])))
    share = float(np.array(weights) @ truth / sum(weights))
    assert (found.low, found.point, found.high) == pytest.approx((share, share, share))
