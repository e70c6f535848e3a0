"""Sequential sampling: the confidence sequence is valid at all times, and a scan stops as soon as it can."""

from dataclasses import replace

import models
import numpy as np
import pytest
from audits import audit, estimate, source
from hypothesis import given
from hypothesis import strategies as st
from making import encoded, png, write
from scipy.stats import binom

import auditor
from auditor.config import Config
from auditor.decision import Outcome
from auditor.estimate.counts import EvidenceCounts, ScoreCounts
from auditor.estimate.design import RowSample
from auditor.estimate.intervals import anytime_n_eff, clopper_pearson, confidence_sequence
from auditor.estimate.prevalence import Scored, estimate_prevalence, interval
from auditor.estimate.score_distributions import Bins, predict
from auditor.policy import policy as policies
from auditor.results import Counts
from auditor.sampling.sequential import until_decided


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.0, 0.01, 0.05, 0.3, 0.98])
def test_the_truth_stays_in_it_at_every_moment(share, runs):
    rng, left, count = np.random.default_rng(1), 0, runs(300, 100)
    for _ in range(count):
        counts = np.cumsum(rng.random(1500) < share)
        moments = range(10, 1501, 10)
        left += any(
            not low <= share <= high for low, high in (confidence_sequence(int(counts[n - 1]), n) for n in moments)
        )
    assert left / count <= 0.05


@given(st.integers(0, 3000), st.integers(0, 3000))
def test_it_is_wider_than_a_fixed_samples_and_mirrors(positives, others):
    n = positives + others
    if n:
        low, high = confidence_sequence(positives, n)
        fixed = clopper_pearson(positives, n)
        assert low <= fixed[0] + 1e-9
        assert high >= fixed[1] - 1e-9
        assert confidence_sequence(others, n) == pytest.approx((1 - high, 1 - low), abs=1e-6)


def test_clear_cases_stop_early():
    """At a limit of 5 %: 220 to 450 labels in the median where the share is 2 % or 10 %."""
    rng, stops = np.random.default_rng(0), {}
    for share in (0.02, 0.10):
        found = []
        for _ in range(100):
            counts = np.cumsum(rng.random(3000) < share)
            ends = ((n, confidence_sequence(int(counts[n - 1]), n)) for n in range(20, 3001, 20))
            found.append(next((n for n, (low, high) in ends if low > 0.05 or high <= 0.05), 3000))
        stops[share] = np.median(found)
    assert stops[0.02] <= 600
    assert stops[0.10] <= 600


@pytest.mark.parametrize(("positives", "n"), [(5, 4), (-1, 3)])
def test_impossible_counts_are_refused(positives, n):
    with pytest.raises(ValueError, match="must be between 0 and n"):
        confidence_sequence(positives, n)


def test_without_a_draw_everything_is_possible():
    assert confidence_sequence(0, 0) == (0.0, 1.0)


@given(st.integers(1, 3000), st.integers(0, 100).map(lambda percent: percent / 100))
def test_the_anytime_effective_sample_size_is_smaller_and_matches_the_sequence(n, share):
    found = anytime_n_eff(share, n)
    assert 0 < found <= n
    if found > 20:
        positives = round(share * n)
        fixed, sequence = clopper_pearson(positives / n * found, found), confidence_sequence(positives, n)
        assert np.ptp(fixed) == pytest.approx(np.ptp(sequence), rel=0.5)


def scored(n, flagged=0.1):
    calibration = models.calibration()
    bins = Bins.of(calibration)
    shares = predict(calibration, bins, {"clean": 1.0}, seed=0)
    counts = n * ((1 - flagged) * shares.real.mean(axis=0) + flagged * shares.synthetic.mean(axis=0))
    return Scored(ScoreCounts.of_rows({"clean": n}, counts.tolist(), flagged=round(flagged * n)), calibration, bins, 0)


def sample_of(n, **more):
    design = RowSample(unsampled=10**6 - n, **more)
    return EvidenceCounts.of_rows(readable=10**6, undetermined=10**6, sampled=n, design=design)


def test_anytime_valid_is_wider_than_at_a_fixed_n():
    fixed, anytime = (interval(sample_of(200, anytime_valid=is_any), scored(200)) for is_any in (False, True))
    assert anytime.high - anytime.low > fixed.high - fixed.low


def test_a_samples_estimate_tells_what_no_number_of_rows_brings_closer():
    ends = []
    for n in (300, 100_000):
        found = estimate_prevalence(sample_of(n), scored(n))
        assert found.low <= found.asymptotic[0] + 0.01
        assert found.asymptotic[1] <= found.high + 0.01
        ends.append(found.asymptotic)
    assert ends[0] == pytest.approx(ends[1], abs=0.02)
    full = EvidenceCounts.of_rows(readable=1000, undetermined=1000, sampled=1000)
    assert estimate_prevalence(full, scored(1000)).asymptotic is None


# ---- stopping


def sampled(low, high, asymptotic, rows):
    """An audit of a sample with this estimate."""
    found = replace(estimate((low + high) / 2, low, high), asymptotic=asymptotic)
    return audit(estimate=found, sample=Counts(rows, rows))


def test_it_stops_as_soon_as_the_policy_is_decided():
    asked = []

    def audit_of(rows):
        asked.append(rows)
        return sampled(0.0, 0.005 if rows >= 2000 else 0.3, (0.0, 0.001), rows)

    stop = until_decided(audit_of, auditor.decide, first=500)
    assert asked == [500, 1000, 2000]
    assert stop.reason == "decided: pass"


def test_it_says_when_no_number_of_rows_decides():
    stop = until_decided(lambda rows: sampled(0.0, 0.4, (0.02, 0.35), rows), auditor.decide)
    assert stop.audit.sample.rows == 500
    assert "2.0 to 35.0 %" in stop.reason
    assert "auditor label" in stop.reason


def test_it_goes_on_to_the_last_row_where_it_has_to():
    def audit_of(rows):
        found = sampled(0.1, 0.2, (0.10, 0.12), rows)
        return replace(found, sample=None) if rows > 4000 else found

    stop = until_decided(audit_of, auditor.decide)
    assert stop.reason == "every row was examined"


def dataset(path, rows, declared):
    text = {"parameters": "a cat\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 64x64"}
    plain, marked = encoded(width=16, height=16), png(text, width=16, height=16)
    for number in range(rows):
        write(path / f"{number:04}.png", marked if number % declared == 0 else plain)
    return path


def test_what_files_declare_decides_a_scan_early(tmp_path):
    inputs = dataset(tmp_path / "data", 1200, declared=2)
    config = Config.of(detectors=("generator-text",), sample=100)
    stop = auditor.scan_until_decided(inputs, out=tmp_path / "out", config=config, engine="serial")
    assert stop.reason == "decided: fail"
    assert stop.audit.sample.rows == 100
    assert stop.audit.counts.no_bytes == 1100
    low = confidence_sequence(stop.audit.confirmed.count, 100)[0]
    assert stop.audit.confirmed.low == pytest.approx(low)
    assert auditor.decide(auditor.load(tmp_path / "out")).outcome is Outcome.FAIL


@pytest.mark.slow
def test_a_scan_of_half_declared_images_is_decided_wrongly_no_more_often_than_it_says(runs):
    """A dataset at the limit is called over it in at most 5 of 100 random orders."""
    limit, count, wrong = 0.149, runs(400, 200), 0
    rng = np.random.default_rng(2)
    for _ in range(count):
        counts = np.cumsum(rng.random(4000) < limit)
        wrong += any(confidence_sequence(int(counts[n - 1]), n)[0] > limit for n in (500, 1000, 2000, 4000))
    assert binom.sf(wrong - 1, count, 0.05) > 1e-3


@pytest.mark.parametrize(
    "text", ["[rules.worst-source]\nmax = 0.3\nleast-n = 100\n", "[rules.unreadable]\nmax = 0.2\n"]
)
def test_it_goes_on_for_rules_that_more_rows_decide(text):
    def audit_of(rows):
        part = replace(
            source("a", 6000, 0), share=0.25, **dict(zip(("low", "high"), (0.2, 0.25 + 40 / rows), strict=True))
        )
        return audit(6000, sample=Counts(rows, rows - rows // 6, unreadable=rows // 6), subgroups=(part,))

    stop = until_decided(audit_of, lambda found: auditor.decide(found, policies.parse(text)))
    assert stop.reason == "decided: pass"
    assert stop.audit.sample.rows > 500
