"""Subgroups of an audit: what they count, which are listed, and their estimates."""

from dataclasses import replace

import numpy as np
import pytest
from evidence import part, row
from hypothesis import given
from hypothesis import strategies as st
from models import calibration
from properties import examples

from auditor.aggregate.scores import ScoreBins
from auditor.aggregate.subgroups import estimated
from auditor.aggregate.summary import summarise
from auditor.estimate.intervals import Interval, clopper_pearson, confidence_sequence
from auditor.estimate.prevalence import Scored
from auditor.estimate.score_distributions import Bins
from auditor.results import OTHERS
from auditor.types import Status, VerdictKind

CALIBRATION = calibration()
BINS = Bins.of(CALIBRATION)
STORED = ScoreBins(
    "classifier",
    replace(BINS, edges=tuple(map(CALIBRATION.probability, BINS.edges))),
    CALIBRATION.probability(CALIBRATION.likely_synthetic),
)
SCORES = (0.02, 0.3, 0.6, 0.99)
ROWS = st.builds(
    lambda source, score, label, status, weight, is_sampled: {
        "source": source,
        "score": score,
        "label": label,
        "status": status,
        "weight": weight,
        "is_sampled": is_sampled,
    },
    st.sampled_from("abc"),
    st.sampled_from([None, *SCORES]),
    st.sampled_from([VerdictKind.UNKNOWN, VerdictKind.SYNTHETIC, VerdictKind.EDITED]),
    st.sampled_from([Status.OK, Status.OK, Status.OK, Status.UNREADABLE]),
    st.sampled_from([1.0, 2.5]),
    st.booleans(),
)


def summed(path, rows, **more):
    return summarise([part(path / "part.parquet", rows)], score_bins=STORED, **more)


def subgroups(summary, whole, by="source"):
    scored = Scored(summary.scores, CALIBRATION, BINS, 0)
    return [each for each in estimated(summary.subgroups, scored, whole) if each.by == by]


@given(st.lists(ROWS, min_size=1, max_size=40))
@examples(40)
def test_the_scores_of_subgroups_add_up_to_those_of_the_dataset(tmp_path_factory, given_rows):
    rows = [row(n, decided_by="tags", **each) for n, each in enumerate(given_rows)]
    found = summed(tmp_path_factory.mktemp("part"), rows, full_coverage_detectors=frozenset({"tags"}))
    for by in ("source", "format", "size", "year"):
        kind = [each for each in found.subgroups if each.by == by]
        bins = np.sum([[sums.total for sums in each.bins] for each in kind], axis=0)
        assert bins[:-1] == pytest.approx(found.scores.bins)
        assert bins[-1] == pytest.approx(found.scores.unseen.total)
        assert sum(each.scored().rows for each in kind) == found.scores.scored.rows
        assert sum(each.scored(BINS.likely_synthetic).rows for each in kind) == found.scores.flagged.rows


def test_a_small_source_with_many_flags_is_listed_among_many(tmp_path):
    rows = [row(100 * s + n, score=0.02, source=f"clean{s:02d}") for s in range(80) for n in range(6)]
    rows += [row(90_000 + n, score=0.99, source="flagged") for n in range(5)]
    found = summed(tmp_path, rows)
    listed = subgroups(found, Interval(0.01, 0.0, 0.05))
    assert listed[0].value == "flagged"
    assert (listed[0].scored, listed[0].flagged) == (5, 5)
    assert listed[-1].value == OTHERS
    assert sum(each.scored for each in listed) == found.scores.scored.rows


def test_the_source_whose_removal_lowers_the_fraction_most_is_first(tmp_path):
    rows = [row(n, score=0.99, source="small") for n in range(20)]
    rows += [row(1000 + n, score=0.99, source="large") for n in range(200)]
    rows += [row(2000 + n, score=0.02, source="clean") for n in range(400)]
    found = subgroups(summed(tmp_path, rows), Interval(0.35, 0.25, 0.45))
    assert [each.value for each in found] == ["large", "small", "clean"]
    assert found[0].estimate.is_mostly_synthetic
    assert found[0].estimate.fraction_without < found[1].estimate.fraction_without < 0.35
    assert found[2].estimate.fraction_without > 0.35


def test_without_a_score_or_an_estimate_subgroups_have_none(tmp_path):
    unscored = summed(tmp_path, [row(n, score=None, source="ab"[n % 2]) for n in range(20)])
    scored = summed(tmp_path, [row(n, source="ab"[n % 2]) for n in range(20)])
    assert not any(each.estimate for each in subgroups(unscored, Interval(0.1, 0.0, 1.0)))
    assert not any(each.estimate for each in subgroups(scored, None))


def test_a_source_that_weighs_nothing_has_no_estimate(tmp_path):
    rows = [row(n, source="ab"[n % 2], weight=float(n % 2)) for n in range(40)]
    found = {each.value: each for each in subgroups(summed(tmp_path, rows), Interval(0.1, 0.0, 0.3))}
    assert found["a"].estimate is None
    assert found["b"].estimate.point == 0.1


@given(st.lists(st.tuples(st.integers(1, 12), st.floats(0, 1)), min_size=60, max_size=90))
@examples(10)
def test_for_any_minimum_size_the_worst_source_is_listed(tmp_path_factory, sources):
    rows = [row(10**6 + n, source=f"large{n % 55}", score=0.02) for n in range(55 * 15)]
    for number, (size, share) in enumerate(sources):
        kinds = [VerdictKind.SYNTHETIC] * round(size * share) + [VerdictKind.UNKNOWN] * (size - round(size * share))
        rows += [
            row(1000 * number + n, source=f"s{number}", label=kind, decided_by="tags") for n, kind in enumerate(kinds)
        ]
    found = summed(tmp_path_factory.mktemp("part"), rows)
    listed = [each for each in subgroups(found, None) if each.value != OTHERS]
    for least in range(1, 13):
        shares = [clopper_pearson(round(n * share), n)[0] for n, share in sources if n >= least]
        assert max((each.low for each in listed if each.ok >= least), default=0.0) == pytest.approx(
            max(shares, default=0.0)
        )


def test_sources_of_a_growing_sample_have_intervals_that_hold_at_any_time(tmp_path):
    kinds = [VerdictKind.SYNTHETIC] * 30 + [VerdictKind.UNKNOWN] * 170
    rows = [row(n, label=kind, decided_by="pixels", is_sampled=True) for n, kind in enumerate(kinds)]
    rows += [row(1000 + n, is_sampled=False) for n in range(800)]
    fixed, growing = (
        subgroups(summed(tmp_path, rows, full_coverage_detectors=frozenset(), anytime_valid=is_any), None)[0]
        for is_any in (False, True)
    )
    assert (fixed.low, fixed.high) == pytest.approx(clopper_pearson(30, 200))
    assert (growing.low, growing.high) == pytest.approx(confidence_sequence(30, 200))
