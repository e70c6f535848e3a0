"""What `auditor calibrate` says of a calibration: error rates, and the interval to expect."""

import models
import pytest
from commands import run

import auditor
from auditor.calibration import rates
from auditor.embeddings.embedded_encoder import shipped_calibration

CALIBRATION = models.calibration(("clean", "jpeg85"))


def test_rates_are_means_over_sources_at_the_threshold_for_flags():
    threshold = CALIBRATION.likely_synthetic
    for found in rates.error_rates(CALIBRATION):
        condition = CALIBRATION.conditions[found.condition]
        for side, rate in ((condition.real, found.false_positive), (condition.synthetic, found.true_positive)):
            shares = [sum(score >= threshold for score in scores) / len(scores) for scores in side.values()]
            assert rate == pytest.approx(sum(shares) / len(shares))


def test_no_condition_of_the_built_in_calibration_has_more_than_1_percent_false_positives():
    found = rates.error_rates(shipped_calibration())
    assert max(each.false_positive for each in found) <= 0.01
    assert min(each.true_positive for each in found) > 0.3


def test_a_better_classifier_gives_a_narrower_interval():
    better, built_in = auditor.expected_interval(CALIBRATION), auditor.expected_interval()
    assert better.low <= 0.1 <= better.high
    assert better.high - better.low < built_in.high - built_in.low


def test_calibrate_prints_the_rates_what_they_gain_and_what_to_do_next(tmp_path, monkeypatch):
    monkeypatch.setattr("auditor.api.measures.calibrate", lambda *inputs, **options: CALIBRATION)
    result = run("calibrate", "--real", "a", "--synthetic", "b", "-o", "my own.json", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    first = rates.error_rates(CALIBRATION)[0]
    row = next(line.split() for line in lines if line.startswith("clean"))
    assert row == ["clean", f"{100 * first.false_positive:.1f}", "%", f"{100 * first.true_positive:.1f}", "%", f"{first.auroc:.3f}"]  # fmt: skip
    assert lines[-2].startswith("with it, 5,000 images with 10 % synthetic would give about ")
    assert "; with the built-in calibration 0.0 to 33.1 %" in lines[-2]
    assert lines[-1] == "next: auditor scan DATASET --calibration 'my own.json'"
