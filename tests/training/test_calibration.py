"""What the auditor reads beside the weights: counts that can be, thresholds that rise, a line that fits."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from training.calibration import calibration, left_out_chance, zero


@pytest.fixture
def scores() -> pd.DataFrame:
    """Two sources a class and fold, under two conditions."""
    rng = np.random.default_rng(5)
    rows = [
        (f"{source}/{n}", source, label, condition, fold, float(rng.normal(2 * label - 1 + shift, 1)))
        for label in (0, 1)
        for fold in (0, 1)
        for source, shift in ((f"{label}-{fold}-a", 0.3), (f"{label}-{fold}-b", -0.3))
        for n in range(40)
        for condition in ("clean", "jpeg75")
    ]
    return pd.DataFrame(rows, columns=["path", "source", "label", "condition", "fold", "score"])


def test_counts_are_those_of_the_scores(scores: pd.DataFrame) -> None:
    made = calibration(scores, "m", "0" * 64)
    thresholds, conditions = made["thresholds"], made["conditions"]
    assert thresholds == sorted(set(thresholds))  # type: ignore[call-overload]
    for name, sides in conditions.items():  # type: ignore[attr-defined]
        for source, counts in {**sides["real"], **sides["synthetic"]}.items():
            own = scores[(scores["source"] == source) & (scores["condition"] == name)]["score"]
            assert counts == {"n": 40, "above": [int((own >= value).sum()) for value in thresholds]}  # type: ignore[attr-defined]


def test_the_line_gives_chances_that_are_met(scores: pd.DataFrame) -> None:
    made = calibration(scores, "m", "0" * 64)
    assert made["slope"] > 0  # type: ignore[operator]
    chance = left_out_chance(scores)
    assert abs(chance.mean() - 0.5) < 0.05
    assert chance[scores["label"] == 1].mean() > chance[scores["label"] == 0].mean() + 0.3


def test_the_zero_of_each_folds_model_is_what_its_scores_have_in_common(scores: pd.DataFrame) -> None:
    moved = scores.assign(score=scores["score"] + scores["fold"].map({0: -0.5, 1: 0.5}))
    found = zero(moved)
    assert found["means"] == pytest.approx([-0.5, 0.5], abs=0.15)
    assert found["sources"] == (4, 4)
    assert found["within"] == pytest.approx(0.3 * (8 / 6) ** 0.5, rel=0.35)  # sources lie 0.3 on either side
