"""Selection for annotation: a random sample of every stratum, whenever labelling stops."""

import math
from collections import Counter
from itertools import product

import evidence
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.annotation.sample import EXPECTED, allocation, by_weight, select_for_annotation
from auditor.config import Config
from auditor.errors import LabelError
from auditor.evidence_store.store import Store
from auditor.sampling.order import sampling_rank
from auditor.types import VerdictKind

DECIDED = (VerdictKind.SYNTHETIC, VerdictKind.EDITED, None)


@pytest.fixture
def audited(tmp_path):
    """Two parts: 20 likely synthetic, 300 unknown and 180 likely real rows, and others that must not be drawn."""
    labels = (
        [VerdictKind.LIKELY_SYNTHETIC] * 20
        + [VerdictKind.UNKNOWN] * 300
        + [VerdictKind.LIKELY_REAL] * 180
        + [*DECIDED] * 30
    )
    rows = [(f"{number * 7919 % 1000003:06}.jpg", label) for number, label in enumerate(labels)]
    evidence.keyed(tmp_path, "folder-b", rows[::2])
    evidence.keyed(tmp_path, "folder-a", rows[1::2])
    return tmp_path, rows


def test_whenever_labelling_stops_each_stratum_has_the_first_of_its_order(audited):
    out, rows = audited
    drawn = select_for_annotation(out, Config.of(seed=3), number=120)
    assert len(drawn) == 120
    orders = {
        stratum: sorted((key for key, label in rows if label is stratum), key=lambda key: sampling_rank(key, 3))
        for stratum in EXPECTED
    }
    for stop in range(len(drawn)):
        for stratum, order in orders.items():
            mine = [row.key for row in drawn[:stop] if row.stratum is stratum]
            assert mine == order[: len(mine)]


def test_strata_come_in_proportion_from_beginning_to_end(audited):
    drawn = select_for_annotation(audited[0], Config.of(seed=0), number=150)
    whole = Counter(row.stratum for row in drawn)
    for stop in (50, 100):
        for stratum, count in Counter(row.stratum for row in drawn[:stop]).items():
            assert abs(count - whole[stratum] * stop / 150) <= 1.5


def test_rows_are_where_the_evidence_has_them(audited):
    out, rows = audited
    for row in select_for_annotation(out, Config.of(seed=0), number=50):
        mine = rows[::2] if row.row_ref.shard == "folder-b" else rows[1::2]
        assert mine[row.row_ref.number] == (row.key, row.stratum)


def test_a_larger_draw_holds_the_smaller_one_and_everything_at_most(audited):
    out, rows = audited
    few, many, all_of_them = (
        {row.key for row in select_for_annotation(out, Config.of(seed=1), number=n)} for n in (50, 100, 10_000)
    )
    assert few <= many <= all_of_them == {key for key, label in rows if label in EXPECTED}


def test_another_seed_draws_others(audited):
    first, second = (
        {row.key for row in select_for_annotation(audited[0], Config.of(seed=seed), number=100)} for seed in (0, 1)
    )
    assert len(first & second) < 60


def test_a_repeated_key_is_drawn_once(tmp_path):
    evidence.keyed(
        tmp_path, "a", [("same", VerdictKind.UNKNOWN), ("same", VerdictKind.UNKNOWN), ("other", VerdictKind.UNKNOWN)]
    )
    evidence.keyed(tmp_path, "b", [("same", VerdictKind.LIKELY_REAL)])
    assert sorted(row.key for row in select_for_annotation(tmp_path, Config.of(seed=0), number=10)) == ["other", "same"]


@pytest.mark.parametrize("rows", [[], [("a", None), ("b", VerdictKind.SYNTHETIC)]])
def test_where_nothing_is_undecided_nothing_is_drawn(tmp_path, rows):
    evidence.keyed(tmp_path, "a", rows)
    with pytest.raises(LabelError, match="nothing to label"):
        select_for_annotation(tmp_path, Config.of(seed=0), number=10)


@given(
    st.lists(st.tuples(st.integers(0, 5000), st.floats(0, 1)), min_size=1, max_size=6),
    st.integers(0, 2000),
    st.integers(0, 20),
)
def test_an_allocation_spends_all_there_is_and_no_more(strata, total, least):
    sizes, expected = zip(*strata, strict=True)
    counts = allocation(sizes, expected, total, min_labels=least)
    assert sum(counts) == min(total, sum(sizes))
    assert all(0 <= count <= size for count, size in zip(counts, sizes, strict=True))
    fair = total // max(1, sum(size > 0 for size in sizes))
    assert all(count >= min(least, fair, size) for count, size in zip(counts, sizes, strict=True))


@given(
    st.lists(st.tuples(st.integers(1, 9), st.floats(0.02, 0.98)), min_size=3, max_size=3),
    st.integers(3, 12),
)
def test_no_other_allocation_has_a_smaller_variance(strata, total):
    sizes, expected = zip(*strata, strict=True)

    def variance(counts):
        return sum(s * s * p * (1 - p) / n for s, p, n in zip(sizes, expected, counts, strict=True))

    found = allocation(sizes, expected, total, min_labels=1)
    others = product(*(range(1, size + 1) for size in sizes))
    best = min(variance(counts) for counts in others if sum(counts) == sum(found))
    assert math.isclose(variance(found), best, rel_tol=1e-9)


STRATA = st.lists(st.tuples(st.integers(0, 9), st.floats(0.01, 100)), min_size=1, max_size=4)


@given(STRATA, st.integers(0, 20))
def test_labels_shared_out_by_weight_are_worth_the_most(strata, total):
    found = by_weight(strata, total)
    assert sum(found) == min(total, sum(rows for rows, _ in strata))
    assert all(n <= rows for n, (rows, _) in zip(found, strata, strict=True))

    def most(counts):
        open_ = [(rows * heaviest, n) for n, (rows, heaviest) in zip(counts, strata, strict=True) if n < rows]
        return max((stands / n if n else math.inf for stands, n in open_), default=0.0)

    others = product(*(range(rows + 1) for rows, _ in strata))
    best = min(most(counts) for counts in others if sum(counts) == sum(found))
    assert most(found) == pytest.approx(best)


@given(STRATA, st.integers(0, 20))
def test_more_labels_by_weight_hold_the_fewer(strata, total):
    fewer, more = by_weight(strata, total), by_weight(strata, total + 1)
    assert all(a <= b for a, b in zip(fewer, more, strict=True))


def test_heavy_rows_are_drawn_first_and_weightless_ones_never(tmp_path):
    weights = {f"k{number}": 50.0 if number < 10 else 0.0 if number < 20 else 1.0 for number in range(500)}
    rows = [evidence.row(number, weight=weights[f"k{number}"]) for number in range(500)]
    store = Store(tmp_path)
    store.folder.mkdir()
    evidence.part(store.path("a"), rows)
    keys = [drawn.key for drawn in select_for_annotation(tmp_path, Config.of(seed=0), number=60)]
    assert {f"k{number}" for number in range(10)} <= set(keys)
    assert all(weights[key] for key in keys)
    assert len(keys) == 60
    plain = Store(tmp_path / "plain")
    plain.folder.mkdir(parents=True)
    evidence.part(plain.path("a"), [evidence.row(number) for number in range(500)])
    assert sum(weights[key] == 50 for key in draw_keys(tmp_path / "plain", 60)) < 10


def draw_keys(out, number):
    return [drawn.key for drawn in select_for_annotation(out, Config.of(seed=0), number=number)]
