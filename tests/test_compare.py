"""Two audits side by side: what is more than noise, and what only looks like it."""

import json
from dataclasses import replace

import numpy as np
import pytest
from audits import ESTIMATES, audit, estimate, source
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

import auditor
from auditor.compare import FELL, NOISE, ROSE, UNKNOWN, UNTESTED, Side, compare, fisher, mover
from auditor.config import Config
from auditor.results import Counts, DetectorTally, Digests
from auditor.types import Evidence, Need


def change(before, after, name="confirmed synthetic"):
    return next(found for found in compare(before, after).changes if found.name == name)


def other(of):
    """The same numbers, of another dataset."""
    return replace(of, digests=replace(of.digests, dataset="1" * 64))


def test_an_audit_and_itself_differ_in_nothing():
    of = audit(1000, 30, estimate=ESTIMATES["near"], subgroups=(source("a", 500, 20),))
    found = compare(of, of)
    assert {one.verdict for one in found.changes} == {NOISE}
    assert found.is_identical
    assert found.notes == ("identical: the same rows, results and configuration",)
    assert compare(of, other(of)).notes == ()


def test_audits_of_one_dataset_with_other_options_are_not_identical():
    one = audit(1000, 30)
    found = compare(one, replace(one, config=replace(one.config, seed=1)))
    assert not found.is_identical
    assert found.notes[0].startswith("both audits are of the same dataset, byte for byte")
    assert "the configuration differs: seed" in found.notes


@pytest.mark.parametrize(("before", "after", "verdict"), [(10, 60, ROSE), (60, 10, FELL), (30, 33, NOISE)])
def test_a_share_rises_falls_or_does_neither(before, after, verdict):
    assert change(audit(1000, before), audit(1000, after)).verdict == verdict


@given(st.integers(0, 200), st.integers(0, 200), st.integers(200, 400), st.integers(200, 400))
def test_seen_from_the_other_side_it_is_the_other_way_round(a, b, n, m):
    one, two = change(audit(n, a), audit(m, b)), change(audit(m, b), audit(n, a))
    assert {ROSE: FELL, FELL: ROSE}.get(one.verdict, one.verdict) == two.verdict
    assert one.difference == pytest.approx([-end for end in (two.difference[0], two.difference[2], two.difference[1])])
    assert one.difference[1] <= one.difference[0] <= one.difference[2]


@pytest.mark.slow
def test_where_nothing_changed_a_table_seldom_says_otherwise(runs):
    """The chance of any wrong word in a table of 20 sources is at most 5 %, by Holm."""
    rng = np.random.default_rng(0)
    wrong, count = 0, runs(200, 60)
    for _ in range(count):
        sides = [
            audit(subgroups=tuple(source(f"s{n}", 300, int(rng.binomial(300, 0.1))) for n in range(20))) for _ in "ab"
        ]
        wrong += any(found.verdict in (ROSE, FELL) for found in compare(*sides).table("source"))
    assert wrong <= count * 0.05 + 3 * (count * 0.05 * 0.95) ** 0.5


def test_a_real_change_in_one_of_many_sources_is_found():
    before = audit(subgroups=tuple(source(f"s{n}", 1000, 50) for n in range(40)))
    after = audit(subgroups=tuple(source(f"s{n}", 1000, 120 if n == 7 else 50) for n in range(40)))
    found = {one.name: one.verdict for one in compare(before, after).table("source")}
    assert found.pop("s7") == ROSE
    assert set(found.values()) == {NOISE}


def test_corrected_chances_are_never_smaller_than_raw_ones():
    counts = [(5, 9), (1, 30), (20, 22), (0, 3)]
    before = audit(subgroups=tuple(source(f"s{n}", 200, a) for n, (a, _) in enumerate(counts)))
    after = audit(subgroups=tuple(source(f"s{n}", 200, b) for n, (_, b) in enumerate(counts)))
    found = compare(before, after).table("source")
    raw = [fisher((a, 200), (b, 200)) for a, b in counts]
    assert all(one.p_value >= p for one, p in zip(found, raw, strict=True))
    assert min(one.p_value for one in found) == pytest.approx(4 * min(raw))


def test_the_interval_of_a_difference_is_newcombes():
    """56 of 70 and 48 of 80, with Wilson's intervals: 0.0524 to 0.3339 (Newcombe 1998, method 10)."""

    def wilson(count, n):
        ends = binomtest(count, n).proportion_ci(method="wilson")
        return Side(count / n, ends.low, ends.high, n, count)

    assert mover(wilson(48, 80), wilson(56, 70)) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)


def test_estimates_of_one_detector_are_compared_and_of_two_are_not():
    def of(low, high, detector):
        return audit(estimate=replace(estimate((low + high) / 2, low, high), detector=detector))

    name = "synthetic fraction, estimated"
    assert change(of(0.05, 0.1, "a"), of(0.2, 0.3, "a"), name).verdict == ROSE
    assert change(of(0.05, 0.2, "a"), of(0.1, 0.3, "a"), name).verdict == NOISE
    assert change(of(0.05, 0.1, "a"), of(0.2, 0.3, "b"), name).verdict == UNKNOWN
    assert change(audit(), of(0.2, 0.3, "b"), name).before is None


def test_small_parts_are_not_compared():
    before, after = (audit(subgroups=(source("few", 20, n), source("many", 200, 10))) for n in (0, 20))
    found = {one.name: one.verdict for one in compare(before, after).table("source")}
    assert found == {"few": UNKNOWN, "many": NOISE}


def test_what_else_differs_is_noted():
    before = audit(config=Config.of(depth=Need.FILE, sample=None), digests=Digests("0", detectors={"c2pa": "1"}))
    after = other(
        audit(
            config=Config.of(sample=None),
            digests=Digests("1", detectors={"c2pa": "2"}),
            tool={"name": "mad-auditor", "version": "9"},
        )
    )
    assert list(compare(before, after).notes) == [
        "the tool differs: mad-auditor 0 and mad-auditor 9",
        "detectors or their versions differ: c2pa",
        "the configuration differs: depth",
    ]


def test_hits_are_shares_of_what_could_be_looked_at():
    def of(looked, hits):
        return audit(detectors={"c2pa": DetectorTally(Evidence.DECLARED, looked, looked / 1000, hits)})

    assert change(of(1000, 50), of(100, 5), "c2pa").verdict == NOISE
    assert change(of(0, 0), of(100, 5), "c2pa").verdict == UNKNOWN


AUDITS = [audit(1000, 30, estimate=ESTIMATES["near"]), audit(0, no_bytes=3), audit(0, coverage={})]


@pytest.mark.parametrize("format", ["terminal", "html", "json"])
@pytest.mark.parametrize("before", AUDITS)
@pytest.mark.parametrize("after", AUDITS)
def test_every_pair_can_be_shown(format, before, after):
    text = auditor.render_diff(compare(before, after), format)
    assert text.endswith("\n")


def test_the_json_holds_every_change():
    found = compare(audit(1000, 10), other(audit(1000, 60)))
    content = json.loads(auditor.render_diff(found, "json"))
    assert content["schema"] == "auditor-diff/1"
    assert len(content["changes"]) == len(found.changes)
    assert "Fisher" in content["test"]


def test_the_terminal_shows_what_moved_first_and_names_the_test():
    strata = [tuple(source(f"s{n}", 500, b if n == 30 else 20) for n in range(40)) for b in (20, 90)]
    text = auditor.render_diff(compare(audit(subgroups=strata[0]), audit(subgroups=strata[1])), "terminal")
    lines = text.split("source ")[1].splitlines()
    assert "s30" in lines[1]
    assert "▲" in lines[1]
    assert "Fisher's exact test" in text


def test_hostile_names_stay_names():
    name = "<script>\x1b[2J\n▲"
    before, after = (audit(subgroups=(source(name, 100, n),)) for n in (1, 50))
    for format in ("terminal", "html"):
        text = auditor.render_diff(compare(before, after), format)
        assert "\x1b" not in text
        assert "<script>" not in text or format == "terminal"


def test_counts_of_a_sample_are_not_of_all_rows():
    full = audit(2000, 240, subgroups=(source("a", 1000, 120),))
    confirmed = replace(full.confirmed, count=24, share=0.12, low=0.08, high=0.17, source_interval=(0.08, 0.17))
    part = replace(full.subgroups[0], synthetic=12, low=0.06, high=0.2)
    sampled = replace(full, confirmed=confirmed, sample=Counts(200, 200), subgroups=(part,))
    found = compare(full, sampled)
    assert {one.name: one.verdict for one in found.changes if one.table in ("overall", "source")} == {
        "synthetic fraction, estimated": UNKNOWN,
        "confirmed synthetic": NOISE,
        "unreadable rows": UNTESTED,
        "a": UNTESTED,
    }
    assert next(one for one in found.changes if one.name == "a").after.share == 0.12
    assert "not tested" in auditor.render_diff(found)
