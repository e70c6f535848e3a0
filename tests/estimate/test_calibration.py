import json
import math

import models
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import CalibrationError
from auditor.estimate.calibration import FALSE_NEGATIVES, FALSE_POSITIVES, dumps, parse
from auditor.estimate.zero import Zero


def test_the_auroc_is_the_chance_that_a_synthetic_image_outscores_a_real_one():
    made = models.calibration(("clean",), real=(100, 50, 0, 0, 0), synthetic=(100, 100, 50, 0, 0))
    assert made.auroc({"clean": 1.0}) == pytest.approx(0.5 + 0.5 * (1 - 0.5**2))


@pytest.mark.parametrize("zero", [None, Zero((-0.5, 0.25, 0.25), (3, 6, 6), 1.5)])
def test_a_calibration_comes_back_as_it_went(zero):
    made = models.calibration(zero=zero)
    assert parse(dumps(made)) == made


@given(st.floats(-50, 50), st.floats(-50, 50))
def test_a_higher_logit_is_never_less_probable(a, b):
    low, high = sorted((a, b))
    made = models.calibration()
    assert 0 <= made.probability(low) <= made.probability(high) <= 1


def test_extreme_logits_do_not_overflow():
    made = models.calibration(slope=100.0)
    assert made.probability(1e9) == pytest.approx(1)
    assert made.probability(-1e9) == pytest.approx(0)


def test_the_answers_thresholds_keep_their_error_rates_in_every_condition():
    made = models.calibration()
    assert made.likely_synthetic == 1.0
    assert made.likely_real == 0.0
    above = models.GOOD
    index = made.thresholds.index(made.likely_synthetic)
    assert above["real"][index] / 100 <= FALSE_POSITIVES
    assert 100 - above["synthetic"][made.thresholds.index(made.likely_real)] <= 100 * FALSE_NEGATIVES


def test_a_model_that_tells_nothing_apart_flags_nothing():
    made = models.calibration(real=(90, 80, 70, 60, 50), synthetic=(90, 80, 70, 60, 50))
    assert made.likely_synthetic == math.inf
    assert made.likely_real == -math.inf


def together(*made):
    """One calibration with the conditions of several."""
    first = json.loads(dumps(made[0]))
    conditions = {name: entry for one in made for name, entry in json.loads(dumps(one))["conditions"].items()}
    return parse(json.dumps({**first, "conditions": conditions}))


CLEAN = models.calibration(("clean",))
WORSE = models.calibration(("jpeg60",), real=(95, 60, 20, 5, 1))


def test_the_worst_condition_counts():
    assert together(CLEAN, WORSE).likely_synthetic == WORSE.likely_synthetic > CLEAN.likely_synthetic


def test_counts_of_a_mix_of_conditions_are_averaged_by_their_weights():
    false, true = together(CLEAN, WORSE).counts(0.0, {"clean": 0.5, "jpeg60": 0.5})
    assert [n for _, n in (*false, *true)] == [100] * (len(false) + len(true))
    assert [k for k, _ in false] == pytest.approx([15] * len(false))
    assert [k for k, _ in true] == pytest.approx([95] * len(true))


_COUNTS = {"n": 10, "above": [5, 4, 3, 2, 1]}
_SIDES = {"real": {"a": _COUNTS}, "synthetic": {"b": _COUNTS}}


def _one(**counts):
    """A calibration with one real source of these counts."""
    return {"conditions": {"clean": {**_SIDES, "real": {"a": {**_COUNTS, **counts}}}}}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"schema": "other/1"}, "not a calibration of schema"),
        ({"thresholds": [1, 0]}, "thresholds have to rise"),
        ({"thresholds": []}, "thresholds have to rise"),
        ({"conditions": {}}, "no condition"),
        ({"slope": -1}, "slope has to be above 0"),
        ({"prior": 1}, "prior between 0 and 1"),
        ({"zero": {"means": [0.1], "sources": [3], "within": 1.0}}, "two folds or more"),
        ({"zero": {"means": [0.1, "a"], "sources": [3, 3], "within": 1.0}}, "'a' is no number"),
        ({"zero": {"means": [0.1, 0.2], "sources": [3, 10**400], "within": 1.0}}, "is no count"),
        ({"zero": 0.8}, "not a calibration"),
        ({"conditions": {"clean": {"real": {}, "synthetic": {}}}}, "no real source"),
        (_one(n=5, above=[6, 0, 0, 0, 0]), "cannot be"),
        (_one(n=5, above=[1, 2, 0, 0, 0]), "cannot be"),
        (_one(n=5, above=[1]), "cannot be"),
        ({"conditions": {"clean": {}}}, "KeyError"),
        ({"conditions": 3}, "not a calibration"),
        ({"conditions": {"clean": {"real": {"a": _COUNTS}, "synthetic": {}}}}, "no synthetic source"),
        ({"conditions": {"a": _SIDES, "b": {**_SIDES, "real": {"x": _COUNTS}}}}, "different real sources"),
        (_one(n=math.inf), "is no count"),
        (_one(n=True), "is no count"),
        (_one(n=10.9), "is no count"),
        (_one(n="10"), "is no count"),
        ({"slope": 10**400}, "not a calibration"),
        ({"slope": math.inf}, "is no number"),
        ({"intercept": math.nan}, "is no number"),
        ({"thresholds": [math.nan, 0, 1, 2, 3]}, "is no number"),
        ({"thresholds": "12"}, "is no list"),
        ({"detector": None}, "is no text"),
        (
            {"conditions": {"clean": {**_SIDES, "synthetic": {"b": {"n": 10, "above": [4, 3, 2, 1, 0]}}}}},
            "no higher than real",
        ),
        ({"conditions": {"clean": _SIDES}}, "AUROC 0.50"),
    ],
)
def test_what_is_no_calibration_is_refused(change, why):
    content = {**json.loads(dumps(models.calibration())), **change}
    with pytest.raises(CalibrationError, match=why):
        parse(json.dumps(content))


@pytest.mark.parametrize("text", ["", "[]", "nonsense", "null"])
def test_text_that_is_none_is_refused(text):
    with pytest.raises(CalibrationError):
        parse(text)
