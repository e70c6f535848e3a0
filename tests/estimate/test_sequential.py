"""Sequential sampling: the confidence sequence is valid at all times, and a scan stops as soon as it can."""

from dataclasses import replace

import models
import numpy as np
import pytest
from audits import audit, estimate
from hypothesis import given
from hypothesis import strategies as st
from making import encoded, png, write
from scipy.stats import binom

import auditor
from auditor.config import Config
from auditor.estimate.counts import EvidenceCounts, Flags
from auditor.estimate.design import RowSample, Validity
from auditor.estimate.intervals import clopper_pearson, confidence_sequence
from auditor.estimate.prevalence import estimate_prevalence
from auditor.estimate.rogan_gladen import FlagCounts, Rates, melded_interval
from auditor.results import Counts, Outcome
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


def test_anytime_valid_is_wider_than_at_a_fixed_n_and_asymptotic_is_narrower():
    rates = Rates(np.full(4000, 0.03), np.full(4000, 0.85))
    asymptotic, fixed, anytime = (
        melded_interval(FlagCounts.of_rows(80, 1000), rates, validity=validity)
        for validity in (Validity.ASYMPTOTIC, Validity.FIXED_N, Validity.ANYTIME_VALID)
    )
    assert asymptotic.low == asymptotic.high == pytest.approx(0.05 / 0.82)
    assert anytime.low < fixed.low < asymptotic.low < fixed.high < anytime.high


def test_a_samples_estimate_tells_what_no_number_of_rows_brings_closer():
    calibration = models.calibration()
    ends = []
    for n in (300, 100_000):
        design = RowSample(unsampled=10**6 - n)
        evidence = EvidenceCounts.of_rows(readable=10**6, undetermined=10**6, sampled=n, design=design)
        found = estimate_prevalence(evidence, Flags.of_rows({"clean": n}, n // 10), calibration, seed=0)
        assert found.low <= found.asymptotic[0] <= found.asymptotic[1] <= found.high + 1e-9
        ends.append(found.asymptotic)
    assert ends[0] == pytest.approx(ends[1], abs=0.02)
    full = EvidenceCounts.of_rows(readable=1000, undetermined=1000, sampled=1000)
    assert estimate_prevalence(full, Flags.of_rows({"clean": 1000}, 100), calibration, seed=0).asymptotic is None


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
    assert stop.reason == "every row was looked at"


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
