"""The two-phase interval covers the truth at every prevalence; unusable labels are refused."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from auditor.annotation.strata import LabelledStratum
from auditor.annotation.two_phase import labeller_error, two_phase, with_labeller_error
from auditor.errors import LabelError
from auditor.estimate.design import RowSample
from auditor.estimate.intervals import Interval, clopper_pearson

STRATA = st.lists(
    st.builds(
        lambda synthetic, real, unsure, rest: LabelledStratum(synthetic + real + unsure + rest, synthetic, real, unsure),
        st.integers(0, 30), st.integers(1, 60), st.integers(0, 5), st.integers(0, 3000),
    ),
    min_size=1, max_size=4,
)  # fmt: skip


def drawn(rng, n, share, rows=10_000):
    """Labels of a random dataset with this synthetic share on average, and its actual share."""
    synthetic = rng.random(rows) < share
    stratum = np.digitize(np.where(synthetic, rng.normal(1.5, 1, rows), rng.normal(-0.5, 1, rows)), [-0.5, 1.8])
    strata = []
    for number, part in enumerate((0.2, 0.5, 0.3)):
        members = np.flatnonzero(stratum == number)
        labels = synthetic[rng.choice(members, min(len(members), round(n * part)), replace=False)]
        strata.append(LabelledStratum(len(members), int(labels.sum()), int((~labels).sum())))
    return strata, synthetic.mean()


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.0, 0.005, 0.01, 0.05, 0.3, 0.6, 0.97])
@pytest.mark.parametrize("n", [100, 300])
def test_the_interval_holds_the_truth(n, share, runs):
    rng, missed, count = np.random.default_rng(7), 0, runs(200, 70)
    for _ in range(count):
        strata, truth = drawn(rng, n, share)
        found = two_phase(strata)
        missed += not found.low <= truth <= found.high
    assert missed / count <= 0.05 + 3 * (0.05 * 0.95 / count) ** 0.5


def test_labels_go_further_than_a_plain_sample():
    rng = np.random.default_rng(0)
    widths = []
    for _ in range(50):
        strata, _ = drawn(rng, 300, 0.05)
        found = two_phase(strata)
        widths.append(found.high - found.low)
    low, high = clopper_pearson(15, 300)
    assert np.mean(widths) < high - low


@given(n=st.integers(1, 400), rows=st.integers(0, 10_000))
def test_no_synthetic_label_in_one_stratum_is_clopper_and_pearsons_bound(n, rows):
    found = two_phase([LabelledStratum(n + rows + 1, 0, n)])
    assert found.low == found.point == 0
    assert found.high == pytest.approx(proportion_confint(0, n, method="beta")[1], rel=1e-6)


@given(STRATA)
@settings(max_examples=60)
def test_ends_enclose_the_point_and_the_labels_mirror(strata):
    found = two_phase(strata)
    mirrored = two_phase([LabelledStratum(s.size, s.real, s.synthetic, s.unsure) for s in strata])
    assert 0 <= found.low <= found.point <= found.high <= 1
    assert mirrored.point == pytest.approx(1 - found.point)
    assert mirrored.high == pytest.approx(1 - found.low, abs=0.01)


@given(STRATA, st.integers(0, 100_000))
@example([LabelledStratum(7, 6, 1), LabelledStratum(13, 12, 1), LabelledStratum(291, 12, 1, 4)], 2)
@example([LabelledStratum(212, 0, 1, 5), LabelledStratum(1802, 0, 1, 5), LabelledStratum(1717, 12, 16, 5)], 152)
@settings(max_examples=60)
def test_rows_beyond_a_sample_never_narrow_it(strata, more):
    alone, larger = two_phase(strata), two_phase(strata, design=RowSample(more))
    assert larger.high - larger.low >= alone.high - alone.low - 0.005


def test_everything_labelled_is_a_fact():
    assert two_phase([LabelledStratum(10, 3, 7), LabelledStratum(30, 30, 0)]) == Interval(0.825, 0.825, 0.825)


def test_a_sample_that_is_labelled_whole_is_no_fact_about_the_rows_beyond_it():
    none = two_phase([LabelledStratum(60, 0, 60), LabelledStratum(40, 0, 40)], design=RowSample(9_900))
    assert none.high == pytest.approx(clopper_pearson(0, 100)[1], rel=1e-6)
    some = two_phase([LabelledStratum(200, 20, 180)], design=RowSample(9_800))
    low, high = clopper_pearson(20, 200)
    assert (some.low, some.high) == (pytest.approx(low, abs=0.01), pytest.approx(high, abs=0.01))


def test_what_evidence_decides_in_a_sample_leaves_its_share_uncertain_and_nothing_else():
    decided = [LabelledStratum(50, 50, 0, is_decided=True), LabelledStratum(150, 0, 150, is_decided=True)]
    found, (low, high) = two_phase(decided, design=RowSample(10**9)), clopper_pearson(50, 200)
    assert (found.low, found.high) == (pytest.approx(low, abs=0.01), pytest.approx(high, abs=0.01))
    assert two_phase(decided[1:], design=RowSample(10**9)).high == pytest.approx(clopper_pearson(0, 150)[1], rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.002, 0.02, 0.1, 0.4])
@pytest.mark.parametrize("rows", [300, 600])
def test_the_interval_holds_the_truth_of_a_dataset_of_which_a_sample_was_audited(rows, share, runs):
    rng, missed, count = np.random.default_rng(11), 0, runs(200, 70)
    for _ in range(count):
        synthetic = rng.random(10_000) < share
        scores = np.where(synthetic, rng.normal(1.5, 1, 10_000), rng.normal(-0.5, 1, 10_000))
        sample = rng.choice(10_000, rows, replace=False)
        strata = []
        for number, labels in enumerate((100, 150, 100)):
            members = sample[np.digitize(scores[sample], [-0.5, 1.8]) == number]
            if labelled := synthetic[members[:labels]].tolist():
                strata.append(LabelledStratum(len(members), sum(labelled), len(labelled) - sum(labelled)))
        found = two_phase(strata, design=RowSample(10_000 - rows))
        missed += not found.low <= synthetic.mean() <= found.high
    assert missed / count <= 0.05 + 3 * (0.05 * 0.95 / count) ** 0.5


def test_unsure_labels_widen_both_ends():
    sure, unsure = two_phase([LabelledStratum(10_000, 50, 250)]), two_phase([LabelledStratum(10_000, 40, 220, 40)])
    assert unsure.low < sure.low
    assert unsure.high > sure.high


def test_a_large_stratum_without_labels_is_refused_and_a_small_one_may_be_anything():
    with pytest.raises(LabelError, match="10 % of the rows"):
        two_phase([LabelledStratum(900, 10, 90), LabelledStratum(100, 0, 0)])
    found = two_phase([LabelledStratum(980, 0, 100), LabelledStratum(20, 0, 0)])
    assert found.high > 0.02
    with pytest.raises(LabelError, match="auditor label"):
        two_phase([LabelledStratum(10, 0, 0)])


# ---- the labellers' own errors


def test_labellers_who_agree_may_still_err_a_little():
    assert labeller_error(0, 0) == 0
    assert 0 < labeller_error(0, 100) < labeller_error(5, 100) < 0.1


def test_labellers_who_toss_coins_are_refused():
    with pytest.raises(LabelError, match="50 of 100"):
        labeller_error(50, 100)


def test_their_errors_are_taken_in():
    rng, missed, runs, error = np.random.default_rng(3), 0, 300, 0.06
    for _ in range(runs):
        truth = rng.random(400) < 0.2
        first, second = (truth ^ (rng.random(400) < error) for _ in range(2))
        plain = Interval(first.mean(), *clopper_pearson(int(first.sum()), 400))
        found = with_labeller_error(plain, labeller_error(int((first != second).sum()), 400))
        missed += not found.low <= 0.2 <= found.high
    assert missed / runs <= 0.05


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 0.45))
def test_errors_never_narrow_it(low, more, error):
    high = low + (1 - low) * more
    found = with_labeller_error(Interval(low, low, high), error)
    assert found.low <= low <= high <= found.high <= 1
