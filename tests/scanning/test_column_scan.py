"""Manifests of URLs are scanned as columns: with the same evidence, samples and digests as row by row."""

import datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from properties import examples

import auditor
from auditor import audit, readers, registry
from auditor.config import Config, ReadOptions
from auditor.evidence_store import rows
from auditor.images.view import View
from auditor.plugin import Input, Reader
from auditor.readers import listing
from auditor.readers.table import Table
from auditor.scanning.detect import run_detector
from auditor.scanning.shard_scan import ShardScan
from auditor.storage import parquet
from auditor.types import Need, Unreadable

URLS = (
    "http://a.org/1.jpg", "https://img.b.co.uk/x/2.png?w=3", "HTTP://A.ORG/3.jpg", "//c.org/4.jpg", "c.org/5.jpg",
    "https://cdn.midjourney.com/6.png", "https://v3.fal.media/files/7.png", "http://user@d.org:80/8.jpg", "", "  ",
    "http://", "http://d.org", "https://é.org/ü.jpg", "http://1.2.3.4/9.jpg", "http://[::1]/10.jpg",
    "https://e.org/ai-generated/11.jpg", "https://e.org/AI_Generated", "https://e.org/%61i-generated.jpg",
    "https://f.org/00012-3456789012-cat.png", "https://f.org/ComfyUI_00001_.png", "https://f.org/Default_cat_0.jpg",
    "https://f.org/DALL%C2%B7E%202023-04-01%2012.34.56%20-%20cat.png", "https://f.org/%43hatGPT%20Image%20Apr%201,%202025",
    "https://f.org/x%2FDefault_dog_1.jpg", "https://f.org/me_a_cat_01234567-89ab-cdef-0123-456789abcdef.png",
    "https://f.org/Gemini_Generated_Image_abcdeabcdeabcdea.png", "data:image/png;base64,iVBORw0KGgo=", "[]",
    '["http://g.org/1.jpg", "http://g.org/2.jpg"]', '{"url": "http://g.org/3.jpg"}', "local.png", "ftp://h.org/1.jpg",
    "https://i.org/" + "a" * 70 + ".jpg", "https://i.org/a.jpg#frag", "https://j.org/\x00\n.jpg", None,
)  # fmt: skip
CAPTIONS = (
    None, "", " ", "a cat", "a cat --ar 16:9", "An AI-generated cat", "made with AI", "Stable Diffusion", "midjourney",
    "a cat\x0b--ar 16:9", "(cat:1.2)", "(Katze, größer:1.2)", "<lora:x:1> trending on artstation", "Negative prompt: dog",
    "cat\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1", '{"prompt": "x", "steps": 20, "seed": 1, "cfg": 7}--',
    "éAI-generated", "DALL·E", "DALL-E", "猫", "[1]", '["a", "b"]', "x" * 40_000, "\u2003", "Ein Bild — AI art", "DIFFUſION",
)  # fmt: skip
KEYS = st.sampled_from((None, "", " ", "k", "k2", "ß", "k" * 2000, "0")) | st.text("ab", max_size=3)
EXTRAS = {
    "pwatermark": (pa.float32(), st.none() | st.floats(width=32)),
    "synthetic": (pa.string(), st.sampled_from((None, "", "yes", "no", "maybe", "1"))),
    "timestamp": (pa.timestamp("s"), st.none() | st.datetimes(datetime.datetime(1980, 1, 1), datetime.datetime(2030, 1, 1))),
    "steps": (pa.int64(), st.none() | st.integers(0, 50)),
    "seed": (pa.int64(), st.none() | st.integers(0, 9)),
    "cfg": (pa.float64(), st.none() | st.floats(0, 20)),
    "vector": (pa.list_(pa.float32()), st.none() | st.lists(st.floats(0, 1, width=32), max_size=2)),
    "labels": (pa.list_(pa.string()), st.none() | st.lists(st.sampled_from(("a", None)), max_size=2)),
}  # fmt: skip


@st.composite
def manifests(draw):
    """A table with URLs, most of them from the lists above."""
    count = draw(st.integers(1, 25))

    def column(values):
        return draw(st.lists(values, min_size=count, max_size=count))

    columns = {"url": pa.array(column(st.sampled_from(URLS)), draw(st.sampled_from((pa.string(), pa.large_string()))))}
    if draw(st.booleans()):
        columns["text"] = pa.array(column(st.sampled_from(CAPTIONS)), pa.string())
    key = draw(st.sampled_from(("none", "text", "number")))
    if key != "none":
        columns["key"] = pa.array(column(KEYS if key == "text" else st.none() | st.integers(0, 10**12)))
        if pa.types.is_null(columns["key"].type):
            columns["key"] = columns["key"].cast(pa.int64())
    for name, (kind, values) in EXTRAS.items():
        if draw(st.booleans()):
            columns[name] = pa.array(column(values), kind)
    return pa.table(columns)


def by_rows(monkeypatch):
    monkeypatch.setattr(Table, "read_columns", Reader.read_columns)


def evidence_of(path, out, **config):
    config = Config.of(depth=Need.FILE, **config)
    found = audit.run_audit([path], out, config, audit.make_engine(1, "serial"), restart=True)
    (part,) = sorted((out / "evidence").glob("*.parquet"))
    return found, rows.table(part)


@given(table=manifests(), group=st.integers(1, 9))
@examples(10, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_evidence_is_the_same_as_row_by_row(tmp_path, table, group):
    path = tmp_path / "list.parquet"
    pq.write_table(table, path, row_group_size=group)
    columns, evidence = evidence_of(path, tmp_path / "out")
    with pytest.MonkeyPatch.context() as patch:
        by_rows(patch)
        row_by_row, expected = evidence_of(path, tmp_path / "out")
    for row, same in zip(evidence.to_pylist(), expected.to_pylist(), strict=True):
        assert row == same
    for name in ("counts", "coverage", "detectors", "confirmed", "subgroups", "unreadable_reasons", "extras", "notes"):
        assert getattr(columns, name) == getattr(row_by_row, name)


@given(table=manifests(), seed=st.integers(0, 5), stratify=st.booleans())
@examples(10, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_same_rows_are_drawn_and_their_urls_found(tmp_path, table, seed, stratify):
    path = tmp_path / "list.parquet"
    pq.write_table(table, path)
    config = Config.of(fetch=5, seed=seed, stratify="domain" if stratify else None)

    def drawn():
        shards = audit.all_shards(readers.choose(path, ReadOptions()))
        engine = audit.make_engine(1, "serial")
        plan = audit.drawn(shards, config, engine)
        urls = [url for result in engine.run(shards, audit.ShardUrls(plan)) for url in result.urls]
        return plan, sorted(urls), [result.rows for result in engine.run(shards, audit.ShardUrls(plan))]

    as_columns = drawn()
    with pytest.MonkeyPatch.context() as patch:
        by_rows(patch)
        assert drawn() == as_columns


@given(table=manifests())
@examples(10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize(
    "id", [id for id in registry.table("detectors") if registry.load("detectors", id).needs is Need.ROW]
)
def test_rows_that_a_detector_calls_alike_have_the_same_result(tmp_path, id, table):
    path = tmp_path / "list.parquet"
    pq.write_table(table, path)
    detector = registry.load("detectors", id)()
    (shard,) = audit.all_shards(readers.choose(path, ReadOptions()))
    for batch in readers.read_columns(shard):
        assert not isinstance(batch, Unreadable)
        samples = batch.columns.samples(np.arange(len(batch.columns)))
        found = run_detector(detector, [View(sample) for sample in samples])
        alike = {}
        for number, signal in zip(detector.alike(batch.columns).tolist(), found, strict=True):
            assert alike.setdefault(number, signal) == signal


@given(table=manifests(), size=st.integers(1, 9))
@examples(10, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_digest_depends_on_the_rows_and_not_on_batches(tmp_path, monkeypatch, table, size):
    def digest(content):
        pq.write_table(content, tmp_path / "list.parquet", row_group_size=3)
        return audit.digests_of_data([tmp_path / "list.parquet"], Config.of(), audit.make_engine(1, "serial"))[0]

    whole = digest(table)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(readers.row_columns, "_BATCH_ROWS", size)
        assert digest(table) == whole
    if table.num_rows > 1:
        assert digest(table.slice(1)) != whole
        changed = table.column("url").to_pylist()
        changed[0] = f"{changed[0]}x"
        at = table.schema.get_field_index("url")
        assert digest(table.set_column(at, "url", pa.array(changed, table.schema.field("url").type))) != whole


@given(table=manifests())
@examples(4, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_digest_does_not_depend_on_how_rows_were_examined(tmp_path, table):
    """With vectors of the rows or reference indexes, and after a crash, rows are examined one by one."""
    path = tmp_path / "list.parquet"
    pq.write_table(table, path)
    by_columns, _ = evidence_of(path, tmp_path / "out")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ShardScan, "_may_scan_columns", False)
        by_rows, _ = evidence_of(path, tmp_path / "out")
    assert by_rows.digests == by_columns.digests
    assert auditor.is_same_dataset(by_rows, path, jobs=1)


def test_texts_that_are_no_utf8_cost_their_row(tmp_path):
    good, bad = ["http://a.org/1.jpg"] * 3, pa.array([b"a", b"\xff\xfe", b"c"]).view(pa.string())
    pq.write_table(pa.table({"url": good, "text": bad}), tmp_path / "list.parquet")
    _, evidence = evidence_of(tmp_path / "list.parquet", tmp_path / "out")
    assert evidence["status"].to_pylist() == ["no-bytes", "unreadable", "no-bytes"]
    assert evidence["caption"].to_pylist() == ["a", None, "c"]


def test_large_row_groups_are_one_shard_and_small_ones_are_joined(tmp_path):
    table = pa.table({"url": [f"http://a.org/{n}.jpg" for n in range(250_000)]})
    pq.write_table(table, tmp_path / "large.parquet", row_group_size=250_000)
    pq.write_table(table, tmp_path / "small.parquet", row_group_size=60_000)
    sizes = {
        name: [chunk.rows for chunk in parquet.chunks(parquet.TableFile(str(tmp_path / name), "parquet"), 100_000)]
        for name in ("large.parquet", "small.parquet")
    }
    assert sizes == {"large.parquet": [250_000], "small.parquet": [60_000, 60_000, 60_000, 70_000]}


def test_columns_are_read_where_every_row_is_a_url(tmp_path):
    def reads(**columns):
        pq.write_table(pa.table(columns), tmp_path / "list.parquet")
        input: Input = listing.parse(tmp_path / "list.parquet", ReadOptions())
        return [readers.read_columns(shard) is not None for shard in Table().shards(input)]

    assert reads(url=["http://a.org/1.jpg"]) == [True]
    assert reads(url=["http://a.org/1.jpg"], image=[b"\xff\xd8\xff" + bytes(30)]) == [False]
    assert reads(url=["http://a.org/1.jpg"], uid=[1.5]) == [False]
