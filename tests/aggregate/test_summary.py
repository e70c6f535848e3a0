"""The sums of an audit compared with the same sums computed row by row."""

from collections import Counter

import numpy as np
import pytest
from evidence import measured
from hypothesis import given
from hypothesis import strategies as st
from properties import examples

from auditor.aggregate.summary import summarise
from auditor.estimate.clusters import effective_sample_size
from auditor.evidence_store.store import PartWriter
from auditor.plugin import Input, Shard
from auditor.types import Claim, Covariates, Evidence, Row, Signal, SignalOutcome, Status, Tier, Verdict, VerdictKind

DETECTORS = {"alpha": Evidence.DECLARED, "beta": Evidence.MATCHED, "gamma": Evidence.PRIOR}


@st.composite
def signal(draw, id, kind):
    outcome = draw(st.sampled_from(SignalOutcome))
    score = {SignalOutcome.HIT: 1.0, SignalOutcome.NEGATIVE: 0.0}.get(outcome)
    return Signal(id, kind, outcome, Tier.C, score, "", Claim.SYNTHETIC, draw(st.sampled_from([None, "G", "H"])))


@st.composite
def rows(draw):
    status = draw(st.sampled_from(Status))
    if status in (Status.FAILED, Status.UNREADABLE):
        return Row(
            draw(st.text("ab", min_size=1)),
            draw(st.sampled_from("xyz")),
            draw(st.text("ij", max_size=4)),
            status,
            draw(st.sampled_from(["gone", "broken"])),
        )
    signals = tuple(draw(signal(id, kind)) for id, kind in DETECTORS.items())
    label = draw(st.sampled_from([VerdictKind.SYNTHETIC, VerdictKind.EDITED, VerdictKind.UNKNOWN]))
    verdict = Verdict(label, None if label is VerdictKind.UNKNOWN else draw(st.sampled_from(["alpha", "beta"])))
    extras = Covariates(width=draw(st.sampled_from([None, 100, 512, 3000])), camera=draw(st.sampled_from([None, "N"])))
    return Row(
        draw(st.text("ab", min_size=1)), draw(st.sampled_from("xyz")), draw(st.text("ij", max_size=4)), status, "", "c",
        verdict, signals, extras,
    )  # fmt: skip


def distinct(rows):
    """The rows that count: of each image that was read, the first synthetic row, or edited one, or of all."""
    read = [row for row in rows if row.status in (Status.OK, Status.NO_BYTES)]
    order = {VerdictKind.SYNTHETIC: 0, VerdictKind.EDITED: 1}
    best = sorted(read, key=lambda row: order.get(row.verdict.kind, 2))
    chosen = {id(row) for row in {row.image: row for row in reversed(best)}.values()}
    return [row for row in read if id(row) in chosen]


def written(path, parts):
    paths = []
    for number, part in enumerate(parts):
        paths.append(path / f"{number}.parquet")
        writer = PartWriter(paths[-1], Shard(str(number), Input("/", "x"), "folder"), "config")
        if part:
            writer.write(part)
        writer.close()
    return paths


@given(st.lists(st.lists(rows(), max_size=12), max_size=4), st.booleans())
@examples(25)
def test_sums_agree_with_a_count_row_by_row(tmp_path_factory, parts, count_edited):
    every = [row for part in parts for row in part]
    summary = summarise(written(tmp_path_factory.mktemp("parts"), parts), count_edited=count_edited)
    labels = {VerdictKind.SYNTHETIC, VerdictKind.EDITED} if count_edited else {VerdictKind.SYNTHETIC}
    ok = [row for row in distinct(every) if row.status is Status.OK]
    counted = [row for row in ok if row.verdict.kind in labels]

    assert summary.counts.rows == len(every)
    assert summary.counts.ok == sum(row.status is Status.OK for row in every)
    assert summary.counts.repeated_images == summary.counts.ok + summary.counts.no_bytes - len(distinct(every))
    assert summary.counts.repeated_keys == sum(n > 1 for n in Counter(row.key for row in every).values())
    assert (summary.confirmed.count, summary.confirmed.n) == (len(counted), len(ok))
    assert summary.confirmed.edited == sum(row.verdict.kind is VerdictKind.EDITED for row in ok)
    assert summary.contradictions == sum(
        row.verdict.kind is VerdictKind.SYNTHETIC and row.covariates.camera is not None for row in ok
    )
    assert summary.reasons == Counter(row.reason for row in every if row.status in (Status.FAILED, Status.UNREADABLE))
    for kind in (Evidence.DECLARED, Evidence.MATCHED, Evidence.PRIOR, Evidence.STATISTICAL):
        seen = sum(any(s.evidence is kind and s.outcome.has_looked for s in row.signals) for row in every)
        assert summary.coverage[kind.value].evaluable == seen
    for id, tally in summary.detectors.items():
        mine = [s for row in every for s in row.signals if s.detector == id]
        assert tally.evaluable == sum(s.outcome.has_looked for s in mine)
        assert tally.hits == sum(s.is_hit for s in mine)
        assert tally.failed == sum(s.outcome is SignalOutcome.FAILED for s in mine)
    named = Counter(
        next(s.generator for s in row.signals if s.detector == row.verdict.decided_by) or "not named" for row in counted
    )
    assert summary.confirmed.generators == named
    for by in ("source", "size", "format", "year"):
        strata = [s for s in measured(summary.subgroups) if s.by == by]
        assert sum(s.rows for s in strata) == len(every)
        assert sum(s.synthetic for s in strata) == len(counted)


def test_many_sources_are_listed_by_size_and_the_rest_is_put_together(tmp_path):
    part = [
        Row(f"{n}-{k}", f"source{n:03d}", f"{n}-{k}", Status.OK, verdict=Verdict(VerdictKind.UNKNOWN))
        for n in range(80)
        for k in range(1 + n % 3)
    ]
    strata = [s for s in measured(summarise(written(tmp_path, [part])).subgroups) if s.by == "source"]
    assert len(strata) == 51
    assert strata[-1].value == "(others)"
    assert sum(s.rows for s in strata) == len(part)
    assert [s.rows for s in strata[:-1]] == sorted((s.rows for s in strata[:-1]), reverse=True)


def test_no_evidence_at_all_sums_up_to_nothing():
    summary = summarise([])
    assert summary.counts.rows == 0
    assert summary.confirmed.share is None


@pytest.mark.parametrize("value", ["caf\udce9", "a\x00b", "\u202e", "x" * 100_000])
def test_any_text_can_be_stored(tmp_path, value):
    row = Row(value, value, value, Status.UNREADABLE, value, value)
    assert summarise(written(tmp_path, [[row]])).counts.rows == 1


def test_a_bad_source_does_not_hide_among_the_others(tmp_path):
    def row(number, source, label):
        return Row(f"k{number}", source, f"i{number}", Status.OK, "", None, Verdict(label, None), (), Covariates())

    rows = [row(f"{s}-{n}", f"clean{s:02d}", VerdictKind.UNKNOWN) for s in range(60) for n in range(41)]
    rows += [row(f"bad-{n}", "bad", VerdictKind.SYNTHETIC) for n in range(40)]
    writer = PartWriter(tmp_path / "p.parquet", Shard("p", Input("x", "x"), "folder"), "c")
    writer.write(rows)
    writer.close()
    found = {s.value: s for s in measured(summarise([tmp_path / "p.parquet"]).subgroups) if s.by == "source"}
    assert found["bad"].share == 1.0
    assert sum(s.rows for s in found.values()) == len(rows)


@given(st.lists(st.lists(rows(), max_size=12), min_size=2, max_size=5), st.integers(6, 100))
@examples(15)
def test_of_some_shards_it_tells_what_their_rows_are_worth(tmp_path_factory, parts, of):
    paths = written(tmp_path_factory.mktemp("parts"), parts)
    summary, full = summarise(paths, shards=of, full_coverage_detectors=frozenset()), summarise(paths)
    counted = [id(row) for row in distinct([row for part in parts for row in part])]
    ok = [[row for row in part if row.status is Status.OK and id(row) in counted] for part in parts]
    found = [sum(row.verdict.kind is VerdictKind.SYNTHETIC for row in part) for part in ok]
    assert summary.shards.declared == effective_sample_size(np.array(found), np.array([len(part) for part in ok]))
    assert (summary.shards.read, summary.shards.of, full.shards) == (len(parts), of, None)
    assert (summary.counts, summary.confirmed.count, summary.confirmed.share) == (
        full.counts,
        full.confirmed.count,
        full.confirmed.share,
    )
    for narrow, wide in zip(measured(full.subgroups), measured(summary.subgroups), strict=True):
        assert (narrow.by, narrow.value, narrow.share) == (wide.by, wide.value, wide.share)
        if narrow.low is not None:
            assert wide.low <= narrow.low + 1e-9
            assert narrow.high - 1e-9 <= wide.high
