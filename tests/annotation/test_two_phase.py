"""The two-phase interval covers the truth at every prevalence; unusable labels are refused."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from properties import examples
from scipy.stats import binom, norm

from auditor.annotation.basis import Basis
from auditor.annotation.file import HumanLabel
from auditor.annotation.strata import LabelledStratum
from auditor.annotation.two_phase import Prediction, two_phase
from auditor.annotation.votes import Votes
from auditor.errors import LabelError
from auditor.estimate.design import RowSample
from auditor.estimate.intervals import Interval, clopper_pearson

counts = LabelledStratum.of_counts
STRATA = st.lists(
    st.builds(
        lambda synthetic, real, unsure, rest: (synthetic + real + unsure + rest, synthetic, real, unsure),
        st.integers(0, 30), st.integers(1, 60), st.integers(0, 5), st.integers(0, 3000),
    ),
    min_size=1, max_size=4,
)  # fmt: skip
NOISE = 0.006  # of finitely many draws


def made(strata):
    return [counts(*one) for one in strata]


def width(found):
    return found.high - found.low


def predicted(shift=0.0, kernels=300):
    """A prediction of the shares of the three verdicts, of someone who knows the distributions of scores (with a shift
    that they do not have) but not the fraction."""
    rng = np.random.default_rng(0)
    fraction = rng.beta(0.5, 1, (kernels, 1)).clip(1e-6, 1 - 1e-6)
    below = [norm.cdf(CUTS, mean - shift) for mean in MEANS]
    real, synthetic = (np.array([1 - high, high - low, low]) for low, high in below)
    odds = fraction * synthetic / ((1 - fraction) * real)
    return Prediction(np.log(odds) + 0.3 * rng.standard_normal(odds.shape))


CUTS, MEANS = (-0.5, 1.8), (-0.5, 1.5)  # thresholds of the verdicts; mean scores of real and of synthetic images
GOOD = predicted()


def drawn(rng, n, share, rows=10_000, errors=None):
    """Labels of a random dataset with this synthetic share on average, and its actual share. errors: false-positive and
    false-negative rate of a person who goes by looks."""
    synthetic = rng.random(rows) < share
    verdict = 2 - np.digitize(rng.normal(np.where(synthetic, MEANS[1], MEANS[0])), CUTS)
    strata = []
    for number, part in enumerate((0.3, 0.5, 0.2)):
        members = np.flatnonzero(verdict == number)
        labels = synthetic[rng.choice(members, min(len(members), round(n * part)), replace=False)]
        basis = Basis.PROVENANCE
        if errors:
            basis = Basis.LOOKS
            labels = labels ^ (rng.random(len(labels)) < np.where(labels, errors[1], errors[0]))
        said = {HumanLabel.SYNTHETIC: int(labels.sum()), HumanLabel.REAL: int((~labels).sum())}
        votes = {Votes(((basis, label),)): number for label, number in said.items() if number}
        strata.append(LabelledStratum(len(members), votes, number))
    return strata, synthetic.mean()


def most_missed(count):
    """Intervals that may miss the truth in 5 % of cases miss it more often than so in one of a thousand tests."""
    return binom.ppf(0.999, count, 0.05)


@pytest.mark.slow
@pytest.mark.parametrize("prediction", [None, GOOD, predicted(shift=1.0)], ids=["none", "good", "wrong"])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.05, 0.3, 0.97])
@pytest.mark.parametrize("n", [50, 300])
def test_the_interval_holds_the_truth(n, share, prediction, runs):
    rng, missed, count = np.random.default_rng(7), 0, runs(200, 20)
    for _ in range(count):
        strata, truth = drawn(rng, n, share)
        found = two_phase(strata, prediction=prediction)
        missed += not found.low <= truth <= found.high
    assert missed <= most_missed(count)


def test_a_prediction_narrows_it():
    rng = np.random.default_rng(0)
    plain, informed = [], []
    for _ in range(20):
        strata, _ = drawn(rng, 50, 0.05)
        plain.append(width(two_phase(strata)))
        informed.append(width(two_phase(strata, prediction=GOOD)))
    low, high = clopper_pearson(3, 50)
    assert np.mean(informed) < 0.75 * np.mean(plain)
    assert np.mean(informed) < 0.75 * (high - low)


def test_labels_that_contradict_the_prediction_outweigh_it():
    strata = [counts(1000, 2, 38, verdict=0), counts(5000, 0, 40, verdict=1), counts(4000, 18, 22, verdict=2)]
    found = two_phase(strata, prediction=GOOD)
    assert found.low < (0.05 * 1000 + 0.45 * 4000) / 10_000 < found.high


@given(n=st.integers(1, 400), rows=st.integers(0, 10_000))
@examples(40)
def test_no_synthetic_label_in_one_stratum_is_clopper_and_pearsons_bound(n, rows):
    found = two_phase([counts(10**6 + rows, 0, n)])
    assert found.low == 0
    assert found.high == pytest.approx(clopper_pearson(0, n)[1], rel=0.15, abs=0.002)


@given(st.integers(0, 60), st.integers(0, 60))
@examples(40)
def test_one_stratum_without_a_prediction_is_clopper_and_pearsons(synthetic, real):
    if synthetic + real:
        found = two_phase([counts(10**7, synthetic, real)])
        assert (found.low, found.high) == pytest.approx(clopper_pearson(synthetic, synthetic + real), abs=0.02)


@given(STRATA)
@examples(40)
def test_ends_enclose_the_point_and_the_labels_mirror(strata):
    found = two_phase(made(strata))
    mirrored = two_phase([counts(size, real, synthetic, unsure) for size, synthetic, real, unsure in strata])
    assert 0 <= found.low <= found.point <= found.high <= 1
    step = 1 / sum(size for size, *_ in strata)  # fractions of few rows are discrete
    assert mirrored.point == pytest.approx(1 - found.point, abs=0.03 + step)
    assert mirrored.high == pytest.approx(1 - found.low, abs=0.03 + step)


@given(STRATA, st.integers(0, 100_000))
@example([(7, 6, 1, 0), (13, 12, 1, 0), (291, 12, 1, 4)], 2)
@example([(2, 0, 1, 0), (37, 0, 1, 1)], 1)
@examples(40)
def test_rows_beyond_a_sample_hardly_narrow_it(strata, more):
    alone, larger = two_phase(made(strata)), two_phase(made(strata), design=RowSample(more))
    step = 1 / sum(size for size, *_ in strata)  # fractions of few rows are discrete
    assert width(larger) >= width(alone) - 2 * NOISE - step


def test_everything_labelled_is_a_fact():
    found = two_phase([counts(10, 3, 7), counts(30, 30, 0)], prediction=GOOD)
    assert found == Interval(0.825, 0.825, 0.825)


def test_a_sample_that_is_labelled_whole_is_no_fact_about_the_rows_beyond_it():
    some = two_phase([counts(200, 20, 180)], design=RowSample(9_800))
    assert (some.low, some.high) == pytest.approx(clopper_pearson(20, 200), abs=0.015)


def test_what_evidence_decides_in_a_sample_leaves_its_share_uncertain_and_nothing_else():
    decided = [counts(50, 50, 0, verdict=None), counts(150, 0, 150, verdict=None)]
    found = two_phase(decided, design=RowSample(10**9))
    assert (found.low, found.high) == pytest.approx(clopper_pearson(50, 200), abs=0.015)


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.02, 0.1, 0.4])
@pytest.mark.parametrize("rows", [300, 600])
def test_the_interval_holds_the_truth_of_a_dataset_of_which_a_sample_was_audited(rows, share, runs):
    rng, missed, count = np.random.default_rng(11), 0, runs(200, 35)
    for _ in range(count):
        synthetic = rng.random(10_000) < share
        scores = rng.normal(np.where(synthetic, MEANS[1], MEANS[0]))
        sample = rng.choice(10_000, rows, replace=False)
        strata = []
        for number, labels in enumerate((100, 150, 100)):
            members = sample[np.digitize(scores[sample], CUTS) == number]
            if labelled := synthetic[members[:labels]].tolist():
                part = counts(len(members), sum(labelled), len(labelled) - sum(labelled), verdict=2 - number)
                strata.append(part)
        found = two_phase(strata, prediction=GOOD, design=RowSample(10_000 - rows))
        missed += not found.low <= synthetic.mean() <= found.high
    assert missed <= most_missed(count)


@pytest.mark.parametrize("prediction", [None, GOOD], ids=["none", "good"])
def test_unsure_labels_widen_both_ends(prediction):
    sure, unsure = (
        two_phase([counts(10_000, *labels)], prediction=prediction) for labels in ((50, 250), (40, 220, 40))
    )
    assert unsure.low < sure.low
    assert unsure.high > sure.high


def test_a_large_stratum_without_labels_is_refused_and_a_small_one_may_be_anything():
    with pytest.raises(LabelError, match="10 % of the rows"):
        two_phase([counts(900, 10, 90), counts(100, 0, 0)])
    assert two_phase([counts(980, 0, 100), counts(20, 0, 0)]).high > 0.02
    with pytest.raises(LabelError, match="auditor label"):
        two_phase([counts(10, 0, 0)])


# ---- errors of annotators


@pytest.mark.slow
@pytest.mark.parametrize("errors", [(0.32, 0.56), (0.1, 0.2)])
@pytest.mark.parametrize("share", [0.0, 0.05, 0.3])
def test_the_interval_holds_the_truth_whatever_people_see(share, errors, runs):
    rng, missed, count = np.random.default_rng(5), 0, runs(100, 10)
    for _ in range(count):
        strata, truth = drawn(rng, 100, share, errors=errors)
        found = two_phase(strata, prediction=GOOD)
        missed += not found.low <= truth <= found.high
    assert missed <= most_missed(count)


def by(basis, synthetic, real):
    return {Votes(((basis, HumanLabel.SYNTHETIC),)): synthetic, Votes(((basis, HumanLabel.REAL),)): real}


def test_the_less_a_basis_is_worth_the_wider_the_interval():
    widths = [
        width(two_phase([LabelledStratum(10_000, by(basis, 20, 80))]))
        for basis in (Basis.PROVENANCE, Basis.PAGE, Basis.LOOKS)
    ]
    assert widths == sorted(widths)
    assert widths[2] > 2 * widths[0]


@given(st.integers(0, 25), st.integers(1, 25), st.sampled_from([Basis.PAGE, Basis.UNSTATED, Basis.LOOKS]))
@examples(20)
def test_labels_that_may_be_wrong_give_no_narrower_interval_than_right_ones(synthetic, real, basis):
    votes = {Votes(((basis, label),)): n for label, n in zip(HumanLabel, (synthetic, real), strict=False) if n}
    fallible = two_phase([LabelledStratum(200, votes)])
    right = two_phase([counts(200, synthetic, real)])
    assert fallible.low <= right.low
    assert fallible.high >= right.high


def test_false_labels_of_real_images_do_not_raise_the_upper_end():
    """Few synthetic labels bound the fraction from above even if they may be wrong."""
    page, provenance = (
        two_phase([LabelledStratum(10_000, by(basis, 2, 98))]) for basis in (Basis.PAGE, Basis.PROVENANCE)
    )
    assert page.low <= provenance.low
    assert page.high < provenance.high * 1.15


def pairs(agree_synthetic, agree_real, disagree):
    looks = [(Basis.LOOKS, label) for label in (HumanLabel.REAL, HumanLabel.SYNTHETIC)]
    real, synthetic = looks
    return {
        Votes((synthetic, synthetic)): agree_synthetic,
        Votes((real, real)): agree_real,
        Votes((real, synthetic)): disagree,
    }


def test_two_people_who_agree_are_worth_more_than_two_who_do_not():
    agreeing, disagreeing = (
        two_phase([LabelledStratum(10_000, pairs(*votes))]) for votes in ((30, 70, 0), (15, 55, 30))
    )
    assert width(agreeing) < 0.8 * width(disagreeing)


@pytest.mark.parametrize("basis", [Basis.PROVENANCE, Basis.PAGE])
@pytest.mark.parametrize(("synthetic", "real", "waiting"), [(0, 24, 12), (5, 20, 11), (30, 60, 6)])
def test_images_that_wait_for_a_closer_look_leave_room_for_whatever_it_shows(basis, synthetic, real, waiting):
    """So a decision that is made meanwhile would be made after it too."""

    def interval(synthetic, real, unsure=0):
        votes = {(basis, HumanLabel.SYNTHETIC): synthetic, (basis, HumanLabel.REAL): real,
                 (Basis.UNSTATED, HumanLabel.UNSURE): unsure}  # fmt: skip
        return two_phase(
            [LabelledStratum(1000, {Votes((vote,)): n for vote, n in votes.items() if n})], confidence=0.99
        )

    meanwhile = interval(synthetic, real, waiting)
    for found in (0, waiting // 2, waiting):
        after = interval(synthetic + found, real + waiting - found)
        assert meanwhile.low <= after.low + NOISE
        assert meanwhile.high >= after.high - NOISE
