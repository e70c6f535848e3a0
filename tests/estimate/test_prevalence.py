"""From rows of evidence to the fraction of a dataset."""

from dataclasses import replace
from itertools import pairwise

import models
import numpy as np
import pytest
from evidence import part, row

from auditor.aggregate.scores import ScoreBins
from auditor.aggregate.summary import summarise
from auditor.estimate import prevalence
from auditor.estimate.calibration import Condition
from auditor.estimate.counts import EvidenceCounts, ScoreCounts
from auditor.estimate.prevalence import Scored, Stated
from auditor.estimate.score_distributions import Bins, predict
from auditor.estimate.weights import WeightSums
from auditor.policy.rules import tipping_point
from auditor.types import Status, VerdictKind

CALIBRATION = models.calibration(("clean", "jpeg95"))


BINS = Bins.of(CALIBRATION)


def tally(tmp_path, rows, threshold=0.5):
    bins = ScoreBins("classifier", Bins((0.3, threshold), 1, 2), threshold)
    return summarise([part(tmp_path / "part.parquet", rows)], score_bins=bins)


def test_flags_are_counted_among_undecided_images_alone(tmp_path):
    rows = [
        row(0, score=0.9),
        row(1, score=0.5),
        row(2, score=0.4),
        row(3, score=None),
        row(4, VerdictKind.LIKELY_SYNTHETIC, 0.99),
        row(5, VerdictKind.SYNTHETIC, 0.9, declared=True),
        row(6, VerdictKind.SYNTHETIC, 0.1, declared=True),
        row(7, VerdictKind.EDITED, 0.9),
        row(8, status=Status.NO_BYTES, score=None),
    ]
    scores = tally(tmp_path, rows).scores
    assert (scores.scored.rows, scores.flagged.rows, scores.unseen.rows) == (4, 3, 1)
    assert scores.bins == (0, 1, 3)
    assert scores.synthetic == (1, 2)


def test_cameras_and_old_crawls_are_the_real_control(tmp_path):
    rows = [
        row(0, score=0.9, camera="N"),
        row(1, year=2019),
        row(2, year=2021),
        row(3, VerdictKind.SYNTHETIC, 0.9, declared=True, camera="N"),
        row(4),
    ]
    assert tally(tmp_path, rows).scores.real == (1, 2)


def test_conditions_of_the_rest_are_told(tmp_path):
    rows = [row(n, format="JPEG", quality=quality) for n, quality in enumerate([95, 95, 60, 60])]
    assert tally(tmp_path, rows).scores.by_condition == dict.fromkeys(("jpeg60", "jpeg95"), WeightSums.of_rows(2))


def binned(flagged, n):
    """n scores, so many of them likely synthetic; on both sides distributed as the calibration says."""
    shares = predict(CALIBRATION, BINS, {"clean": 1.0}, seed=0)
    below, above = shares.real.mean(axis=0), shares.synthetic.mean(axis=0)
    below[BINS.likely_synthetic :] = above[: BINS.likely_synthetic] = 0
    return ((n - flagged) * below / below.sum() + flagged * above / above.sum()).tolist()


def scored(flagged, n, conditions=None, **more):
    counts = ScoreCounts.of_rows(conditions or {"clean": n}, binned(flagged, n), flagged=flagged, **more)
    return Scored(counts, CALIBRATION, BINS, seed=0)


def estimate(flagged, n, *, count=0, others=0, **more):
    rest = n + more.get("unseen", 0)
    evidence = EvidenceCounts.of_rows(
        readable=rest + count + others, confirmed=count, edited=others, undetermined=rest, sampled=rest
    )
    return prevalence.estimate_prevalence(evidence, scored(flagged, n, **more), 0.123)


def test_the_fraction_holds_what_is_known_and_what_is_estimated():
    found = estimate(30, 1000, count=100)
    assert found.low >= 100 / 1100 - 1e-9
    assert found.low <= found.point <= found.high
    assert found.calibration == "tiny: made up"
    assert found.assumptions


def test_images_that_the_model_could_not_look_at_widen_the_upper_end_alone():
    seen, unseen = estimate(30, 1000, others=200), estimate(30, 1000, unseen=200)
    assert unseen.low == pytest.approx(seen.low)
    assert unseen.high == pytest.approx(seen.high + 200 / 1200)


def test_without_an_image_that_the_model_saw_there_is_no_estimate():
    assert estimate(0, 0, unseen=50) is None


def test_a_shift_is_told_and_widens():
    plain, shifted = estimate(300, 1000), estimate(300, 1000, real=(60, 100))
    assert [control.is_shift for control in shifted.controls] == [True, False]
    assert shifted.low < plain.low
    assert shifted.high >= plain.high - 0.001  # but for the odd draw


def test_conditions_that_the_calibration_lacks_count_as_clean():
    mixed = scored(5, 100, {"webp80": 50, "jpeg95": 50})
    assert mixed._condition_shares() == {"jpeg95": 0.5, "clean": 0.5}


def test_more_false_positives_mean_less_synthetic():
    found = estimate(300, 1000, count=10)
    lows = [s.low for s in found.fpr_scenarios if s.factor <= 7]
    highs = [s.high for s in found.fpr_scenarios if s.factor <= 1]  # far above, the model may tell nothing any more
    assert all(after <= before + 0.02 for before, after in pairwise(lows))
    assert all(after <= before + 0.02 for before, after in pairwise(highs))  # draws are finitely many
    assert next((s.low, s.high) for s in found.fpr_scenarios if s.factor == 1) == (found.low, found.high)


def test_the_tipping_point_is_where_the_decision_changes():
    found = estimate(300, 1000)
    factor = tipping_point(found, found.low - 0.05)
    below, above = (max(s.factor for s in found.fpr_scenarios if s.factor <= factor), min(s.factor for s in found.fpr_scenarios if s.factor >= factor))  # fmt: skip
    ends = {s.factor: s.low for s in found.fpr_scenarios}
    assert ends[below] > found.low - 0.05 >= ends[above]


def test_a_pass_tips_below_one():
    found = estimate(300, 1000)
    assert 0 < (tipping_point(found, found.high + 0.001) or 0.5) < 1


def test_an_undecided_question_and_an_estimate_of_labels_alone_have_no_tipping_point():
    found = estimate(300, 1000)
    assert tipping_point(found, found.point) is None
    assert tipping_point(replace(found, fpr_scenarios=()), 0.0) is None


def test_the_same_seed_gives_the_same_estimate():
    assert estimate(30, 1000) == estimate(30, 1000)


def test_where_evidence_decides_every_image_the_share_is_a_fact():
    found = estimate(0, 0, count=1000)
    assert (found.low, found.point, found.high) == (1, 1, 1)


def test_where_the_model_could_look_at_none_of_the_rest_there_is_no_number():
    assert estimate(0, 0, count=10, unseen=5, others=5) is None


def test_the_threshold_of_likely_synthetic_is_told():
    assert estimate(30, 1000).threshold == 0.123


def test_half_the_rows_tell_less():
    all_, half = (estimate(300 // k, 1000 // k) for k in (1, 20))
    assert half.high - half.low > all_.high - all_.low


def test_the_prediction_for_labels_is_of_the_same_scores():
    evidence = EvidenceCounts.of_rows(readable=1000, undetermined=1000, sampled=1000)
    found = prevalence.posterior(evidence, scored(300, 1000))
    low, high = found.interval()
    assert low < estimate(300, 1000).point < high
    assert prevalence.posterior(evidence, scored(0, 0)) is None
    with pytest.raises(ValueError, match="must have a score"):
        prevalence.interval(evidence, scored(0, 0))


# ---- stated assumptions


def stated(anchors=((), ()), **assumptions):
    """The estimate of 1,000 images, 200 of them likely synthetic, from sources that differ."""
    rng = np.random.default_rng(0)
    sides = [
        {str(k): tuple(np.sort(rng.normal(mean + rng.normal(), 1, 60)).tolist()) for k in range(30)}
        for mean in (-1.0, 2.0)
    ]
    drawn = replace(CALIBRATION, conditions={"clean": Condition(*sides)})
    bins = Bins.of(drawn)
    counts = bins.counts(np.concatenate([rng.normal(-1, 1, 800), rng.normal(2, 1, 200)]), np.ones(1000))
    anchors = tuple(tuple(bins.counts(np.array(side, float), np.ones(len(side))).tolist()) for side in anchors)
    scores = replace(ScoreCounts.of_rows({"clean": 1000}, counts.tolist(), flagged=200), anchors=anchors)
    evidence = EvidenceCounts.of_rows(readable=1000, undetermined=1000, sampled=1000)
    found = prevalence.estimate_prevalence(evidence, Scored(scores, drawn, bins, 0, Stated(**assumptions)))
    return found, found.high - found.low


def test_many_generators_are_stated_and_narrow_the_interval():
    plain, width = stated()
    many, narrower = stated(many_generators=True)
    assert narrower < width
    assert "one to four generators" in plain.assumptions[0]
    assert "four to sixteen generators (stated by the user)" in many.assumptions[0]


def test_representative_anchors_are_stated_and_narrow_the_interval_around_the_truth():
    rng = np.random.default_rng(1)
    anchors = (rng.normal(-1, 1, 100), rng.normal(2, 1, 50))
    _, width = stated(anchors)
    found, narrower = stated(anchors, representative_anchors=True)
    assert narrower < 0.6 * width
    assert found.low <= 0.2 <= found.high
    assert any("representative of the others (stated by the user)" in text for text in found.assumptions)


def test_without_anchors_the_statement_about_them_changes_nothing():
    (plain, _), (without, _) = stated(), stated(representative_anchors=True)
    assert (plain.low, plain.high) == (without.low, without.high)


def test_anchors_are_counted_by_bin(tmp_path):
    rows = [row(0, score=0.9, camera="N"), row(1, VerdictKind.SYNTHETIC, 0.4, declared=True), row(2)]
    assert tally(tmp_path, rows).scores.anchors == ((0, 0, 1), (0, 1, 0))
