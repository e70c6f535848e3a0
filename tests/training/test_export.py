"""What the auditor reads beside the weights is made from the scores, and from nothing else."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from auditor.estimate.calibration import dumps, parse
from training.export import calibration
from training.metrics import chances


@pytest.fixture(scope="module")
def scores() -> pd.DataFrame:
    """Two conditions, 5 + 4 sources of 40 images, synthetic ones a little higher."""
    rng = np.random.default_rng(0)
    rows = [
        {
            "path": f"{label}-{source}-{n}", "source": f"s{label}{source}", "group": f"g{label}{source}", "label": label,
            "condition": condition, "score": rng.normal(label - 0.5, 0.6),
        }
        for condition in ("clean", "jpeg75") for label, sources in ((0, 5), (1, 4)) for source in range(sources)
        for n in range(40)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_every_score_is_in_its_source_and_condition(scores: pd.DataFrame) -> None:
    made = parse(dumps(calibration(scores, "m", "0")))
    for (condition, label, source), group in scores.groupby(["condition", "label", "source"]):
        side = made.conditions[condition].synthetic if label else made.conditions[condition].real
        assert side[source] == pytest.approx(sorted(group["score"]), abs=1e-4)
    assert made.origin.startswith("360 images of 5 real and 4 synthetic sources under 2 conditions")


def test_the_chance_is_calibrated_on_groups_that_the_line_did_not_see(scores: pd.DataFrame) -> None:
    chance = chances(scores)
    likely = (chance > 0.6) & (chance < 0.8)
    synthetic = scores["label"].to_numpy()[likely]
    weight = np.where(synthetic, 1 / 4, 1 / 5)
    assert np.average(synthetic, weights=weight) == pytest.approx(0.7, abs=0.12)
