"""Which rows a report shows."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.evidence_store import rows
from auditor.evidence_store.store import PartWriter
from auditor.gallery import select
from auditor.gallery.select import Group
from auditor.plugin import CONTRADICTION, Input, Shard
from auditor.types import Claim, Covariates, Evidence, Row, Signal, SignalOutcome, Status, Tier, Verdict, VerdictKind


def declared(key, *, tier=Tier.C, camera=None, status=Status.OK):
    signal = Signal("generator-text", Evidence.DECLARED, SignalOutcome.HIT, tier, 1.0, "found", Claim.SYNTHETIC, "X")
    verdict = Verdict(VerdictKind.SYNTHETIC, signal.detector) if status is Status.OK else None
    return Row(key, "s", key, status, verdict=verdict, signals=(signal,), covariates=Covariates(camera=camera))


def guessed(key, score):
    claim = Claim.LIKELY_SYNTHETIC if score > 0.9 else Claim.LIKELY_REAL if score < 0.1 else None
    label = {
        Claim.LIKELY_SYNTHETIC: VerdictKind.LIKELY_SYNTHETIC,
        Claim.LIKELY_REAL: VerdictKind.LIKELY_REAL,
        None: VerdictKind.UNKNOWN,
    }[claim]
    outcome = SignalOutcome.HIT if claim is Claim.LIKELY_SYNTHETIC else SignalOutcome.NEGATIVE
    signal = Signal("classifier", Evidence.STATISTICAL, outcome, score=score, claim=claim)
    return Row(key, "s", key, Status.OK, verdict=Verdict(label, p_synthetic=score), signals=(signal,))


def nothing(key):
    signal = Signal("generator-text", Evidence.DECLARED, SignalOutcome.NEGATIVE, score=0.0)
    return Row(key, "s", key, Status.OK, verdict=Verdict(VerdictKind.UNKNOWN), signals=(signal,))


@pytest.fixture
def part(tmp_path):
    def write(found, shard="a") -> tuple[str, Path]:
        path = tmp_path / f"{shard}.parquet"
        writer = PartWriter(path, Shard(shard, Input("x", "x"), "folder"), "c")
        writer.write(found)
        writer.close()
        return shard, path

    return write


def keys(part, chosen):
    return {
        group: [rows.at(part[1], [place.number])[place.number].key for place in places]
        for group, places in chosen.items()
    }


def test_rows_that_say_nothing_are_no_examples(part):
    assert select.examples([part([nothing(str(n)) for n in range(9)])], 100) == {}


def test_each_detector_and_verdict_is_a_group_with_its_strongest_first(part):
    written = part([guessed(f"g{n}", n / 100) for n in range(1, 100)] + [declared("d", tier=Tier.A), nothing("n")])
    found = keys(written, select.examples([written], 40))
    assert found[Group("generator-text", "synthetic")] == ["d"]
    assert found[Group("classifier", "likely-synthetic")][0] == "g99"
    assert found[Group("classifier", "likely-real")][0] == "g1"
    assert Group("classifier", "unknown") in found


def test_a_tag_beside_a_cameras_settings_is_a_contradiction(part):
    written = part(
        [declared("plain"), declared("both", camera="NIKON"), declared("unread", camera="X", status=Status.UNREADABLE)]
    )
    found = keys(written, select.examples([written], 40))
    assert found[Group(CONTRADICTION, "synthetic")] == ["both"]
    assert "unread" not in str(found)


@given(st.lists(st.floats(0.001, 0.999), min_size=1, max_size=60), st.integers(1, 30))
def test_there_are_never_more_than_were_asked_for_and_none_twice_in_a_group(tmp_path_factory, scores, most):
    path = tmp_path_factory.mktemp("parts") / "a.parquet"
    writer = PartWriter(path, Shard("a", Input("x", "x"), "folder"), "c")
    writer.write([guessed(str(n), score) for n, score in enumerate(scores)])
    writer.close()
    chosen = select.examples([("a", path)], most)
    assert 0 < sum(map(len, chosen.values())) <= most
    assert all(len(set(places)) == len(places) for places in chosen.values())


def test_the_choice_does_not_depend_on_how_rows_are_spread_over_parts(part):
    found = [guessed(f"g{n}", (n % 97 + 1) / 99) for n in range(300)]
    one = part(found, "one")
    halves = [part(found[:120], "x"), part(found[120:], "y")]
    paths = dict(halves)

    def chosen(parts):
        by_group = select.examples(parts, 30)
        files = {**paths, "one": one[1]}
        return {
            group: {rows.at(files[p.shard], [p.number])[p.number].key for p in places}
            for group, places in by_group.items()
        }

    assert chosen([one]) == chosen(halves)


def test_decided_rows_come_by_strength_of_evidence(part):
    written = part([declared("c"), declared("a", tier=Tier.A), guessed("g", 0.99), declared("d", tier=Tier.D)])
    order = [rows.at(written[1], [place.number])[place.number].key for place in select.decided([written], 9)]
    assert order == ["a", "c", "d"]
    assert len(select.decided([written], 2)) == 2


def test_rows_come_back_as_they_were_written(part):
    found = [declared("d", camera="NIKON"), guessed("g", 0.5), nothing("n")]
    path = part(found)[1]
    assert list(rows.at(path, [0, 1, 2]).values()) == found
    assert [entry["key"] for entry in rows.every([path])] == ["d", "g", "n"]
