"""Sources weigh the same, whatever their size."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("scipy")
from training.metrics import auroc, balanced_auroc, pairwise_auroc, tpr_at, wilson


def scores(*groups: tuple[str, int, list[float]]) -> pd.DataFrame:
    """A table of scores by source and label."""
    rows = [
        {"path": f"{source}/{number}", "source": source, "label": label, "score": value}
        for source, label, values in groups
        for number, value in enumerate(values)
    ]
    return pd.DataFrame(rows)


def test_auroc_is_one_where_the_classes_are_apart() -> None:
    assert auroc([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4]) == 1.0


def test_ties_count_half() -> None:
    assert auroc([0, 1], [0.5, 0.5]) == 0.5


def test_a_large_source_weighs_no_more_than_a_small_one() -> None:
    table = scores(("big", 0, [0.0] * 98), ("small", 0, [1.0, 1.0]), ("fake", 1, [0.5]))
    assert balanced_auroc(table) == pytest.approx(0.5)


def test_the_mean_over_pairs_of_sources_is_the_balanced_auroc() -> None:
    rng = np.random.default_rng(0)
    groups = [(f"{label}-{size}", label, list(rng.normal(label, 1, size))) for label in (0, 1) for size in (3, 7, 20)]
    table = scores(*groups)
    assert pairwise_auroc(table).mean() == pytest.approx(balanced_auroc(table))


def test_the_threshold_lets_no_more_than_the_asked_share_of_reals_pass() -> None:
    table = scores(("real", 0, [value / 100 for value in range(100)]), ("fake", 1, [0.97, 0.2]))
    detected, threshold = tpr_at(table, 0.05)
    assert (table[table["label"] == 0]["score"] >= threshold).mean() <= 0.05
    assert detected == 0.5


def test_wilson_stays_between_nought_and_one() -> None:
    assert wilson(0, 10)[0] == 0.0
    assert wilson(10, 10)[1] == pytest.approx(1.0)
