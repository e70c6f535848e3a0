"""The lower bound of model-generated captions: true at every share, and never above 0 without a machine."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.captions import bound, marks
from auditor.captions.patterns import ARTEFACTS


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_bound_is_below_the_interval_and_the_share(counts):
    hits, n = counts
    low, lower = bound.lower_bound(hits, n)
    assert 0 <= lower <= low <= hits / n
    assert lower <= max(0, low - bound.MARGIN) + 1e-12


def test_more_captions_of_an_image_and_more_groups_lower_it():
    assert bound.lower_bound(50, 1000)[1] > bound.lower_bound(50, 1000, captions_per_image=5)[1]
    assert bound.lower_bound(50, 1000)[1] > bound.lower_bound(50, 1000, comparisons=100)[1]


@pytest.mark.parametrize("n", [500, 2000, 10_000])
def test_artefacts_as_rare_as_the_margin_seldom_give_a_bound(n):
    hits, times = np.unique(np.random.default_rng(n).binomial(n, bound.MARGIN, 2000), return_counts=True)
    above = sum(count for count, number in zip(times, hits, strict=True) if bound.lower_bound(int(number), n)[1] > 0)
    assert above / 2000 < 0.035  # one-sided 2.5 %, and its error


@pytest.mark.slow
@pytest.mark.parametrize("share", [0, 0.01, 0.05, 0.2, 0.5, 1])
def test_at_least_is_true_in_datasets_of_families(data, runs, share):
    import pandas as pd

    path = data / "captions" / "captions.csv.gz"
    if not path.exists():
        pytest.skip(f"no {path}")
    lines = pd.read_csv(path, keep_default_na=False)
    lines = lines[lines.language == "en"]
    hit = marks.has(marks.find(pa.array(lines.text)), *ARTEFACTS)
    families = {
        label: [hit[(lines.family == family).to_numpy()] for family in group.family.unique()]
        for label, group in lines.groupby("label")
    }
    rng, n, count, above, wrong = np.random.default_rng(round(100 * share)), 2000, runs(1000, 100), 0, 0
    for _ in range(count):
        machine = rng.binomial(n, share)
        hits = _drawn(rng, families["human"], n - machine, 4) + _drawn(rng, families["machine"], machine, 3)
        _, lower = bound.lower_bound(hits, n)
        above += lower > 0
        wrong += lower > machine / n
    assert wrong <= 0.01 * count
    if not share:
        assert above <= 0.01 * count
    if share >= 0.05:
        assert above >= 0.5 * count


def _drawn(rng, families, n, most):
    """Artefacts in n captions of one to `most` families."""
    chosen = [families[number] for number in rng.permutation(len(families))[: rng.integers(1, most + 1)]]
    parts = rng.multinomial(n, rng.dirichlet(np.ones(len(chosen))))
    return sum(int(rng.choice(hit, part).sum()) for hit, part in zip(chosen, parts, strict=True))
