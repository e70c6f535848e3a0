import json
import math

import models
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import CalibrationError
from auditor.estimate.calibration import FALSE_NEGATIVES, FALSE_POSITIVES, dumps, parse


def test_the_auroc_is_the_chance_that_a_synthetic_image_outscores_a_real_one():
    made = models.calibration(("clean",), real=(100, 50, 0, 0, 0), synthetic=(100, 100, 50, 0, 0))
    assert made.auroc({"clean": 1.0}) == pytest.approx(0.5 + 0.5 * (1 - 0.5**2))


@pytest.mark.parametrize("head", [None, models.RED])
def test_a_calibration_comes_back_as_it_went(head):
    made = models.calibration(head=head)
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


def reached(made, threshold, side, name="clean"):
    """The mean share of each source's scores at or above a threshold."""
    sources = getattr(made.conditions[name], side).values()
    return np.mean([np.mean(np.array(scores) >= threshold) for scores in sources])


def test_the_answers_thresholds_keep_their_error_rates_in_every_condition():
    made = models.calibration()
    assert reached(made, made.likely_synthetic, "real") == pytest.approx(FALSE_POSITIVES)  # the best that is allowed
    assert reached(made, made.likely_real, "synthetic") == pytest.approx(1 - FALSE_NEGATIVES)
    assert reached(made, math.nextafter(made.likely_synthetic, -math.inf), "real") > FALSE_POSITIVES


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


_LOW, _HIGH = [-1.0, 0.0, 0.5], [0.0, 0.5, 2.0]
_SIDES = {"real": {"a": _LOW}, "synthetic": {"b": _HIGH}}


def _one(scores):
    """A calibration with one real source of these scores."""
    return {"conditions": {"clean": {**_SIDES, "real": {"a": scores}}}}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"schema": "other/1"}, "not a calibration of schema"),
        ({"conditions": {}}, "at least one condition"),
        ({"slope": -1}, "slope must be above 0"),
        ({"prior": 1}, "prior must be between 0 and 1"),
        ({"schema": "auditor-calibration/1"}, "earlier version: calibrate again"),
        ({"head": {"mean": "AAAA"}}, "KeyError"),
        ({"head": {**models.RED.dumps(), "bias": "!"}}, "not a calibration"),
        ({"head": {**models.RED.dumps(), "weights": models.RED.dumps()["bias"]}}, "shapes of a head"),
        ({"head": {**models.RED.dumps(), "deviation": models.RED.dumps()["mean"]}}, "deviations above 0"),
        ({"conditions": {"clean": {"real": {}, "synthetic": {}}}}, "no real source"),
        (_one([]), "at least one score"),
        (_one([1.0, 0.0]), "ascending order"),
        ({"conditions": {"clean": {}}}, "KeyError"),
        ({"conditions": 3}, "not a calibration"),
        ({"conditions": {"clean": {"real": {"a": _LOW}, "synthetic": {}}}}, "no synthetic source"),
        ({"conditions": {"a": _SIDES, "b": {**_SIDES, "real": {"x": _LOW}}}}, "different real sources"),
        (_one([math.inf]), "must be a finite number"),
        (_one([True]), "must be a finite number"),
        (_one(["1"]), "must be a finite number"),
        (_one("12"), "must be a list"),
        (_one({"n": 3, "above": [1]}), "must be a list"),
        ({"slope": 10**400}, "not a calibration"),
        ({"slope": math.inf}, "must be a finite number"),
        ({"intercept": math.nan}, "must be a finite number"),
        ({"detector": None}, "must be a string"),
        ({"conditions": {"clean": {"real": {"a": _HIGH}, "synthetic": {"b": _LOW}}}}, "do not score higher"),
        ({"conditions": {"clean": {"real": {"a": _LOW}, "synthetic": {"b": _LOW}}}}, "AUROC 0.50"),
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
