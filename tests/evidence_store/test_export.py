"""Rows as tables: nothing is lost in JSONL, nothing is run from CSV."""

import csv
import io
import json
from dataclasses import replace

import pytest
from audits import source
from hypothesis import given
from hypothesis import strategies as st

from auditor.evidence_store import export
from auditor.evidence_store.store import PartWriter
from auditor.plugin import Input, Shard
from auditor.results import SubgroupEstimate
from auditor.types import Claim, Covariates, Evidence, Row, Signal, SignalOutcome, Status, Tier, Verdict, VerdictKind

SIGNALS = (
    Signal("c2pa", Evidence.DECLARED, SignalOutcome.HIT, Tier.A, 1.0, "signed", Claim.SYNTHETIC, "Firefly"),
    Signal("generator-text", Evidence.DECLARED, SignalOutcome.NEGATIVE, score=0.0),
    Signal("classifier", Evidence.STATISTICAL, SignalOutcome.NEGATIVE, score=0.2),
)


def row(key="k", caption="a cat", label=VerdictKind.SYNTHETIC):
    return Row(
        key, "s", f"{key}.png", Status.OK, caption=caption, verdict=Verdict(label, "c2pa", 0.2), signals=SIGNALS,
        covariates=Covariates(width=64, pwatermark=-0.5),
    )  # fmt: skip


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    def write(*found):
        path = tmp_path_factory.mktemp("parts") / "a.parquet"
        writer = PartWriter(path, Shard("a", Input("x", "x"), "folder"), "c")
        writer.write(found)
        writer.close()
        return [path]

    return write


def table(lines):
    return list(csv.DictReader(io.StringIO("".join(lines), newline="")))


def test_csv_is_a_row_an_image_with_what_was_found(written):
    (found,) = table(export.lines(written(row()), "csv"))
    assert found["hits"] == "c2pa"
    assert found["generator"] == "Firefly"
    assert found["width"] == "64"
    assert list(found) == list(export.COLUMNS)


def test_jsonl_is_everything(written):
    (line,) = export.lines(written(row(caption="=1\x1b\n")), "jsonl")
    found = json.loads(line)
    assert found["caption"] == "=1\x1b\n"
    assert len(found["signals"]) == 3
    assert line.count("\n") == 1
    assert "\x1b" not in line


def test_only_the_verdicts_asked_for(written):
    parts = written(row("a"), row("b", label=VerdictKind.UNKNOWN))
    assert [r["key"] for r in table(export.lines(parts, "csv", ["unknown"]))] == ["b"]


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "  =1", "|calc", "%0", "＝1", '=HYPERLINK("x")']
)
def test_a_spreadsheet_sees_no_formula(written, text):
    (found,) = table(export.lines(written(row(text, caption=text)), "csv"))
    assert found["key"].startswith("'")
    assert found["caption"].startswith("'")


def test_numbers_stay_numbers(written):
    (found,) = table(export.lines(written(row()), "csv"))
    assert found["pwatermark"] == "-0.5"


@given(st.text(max_size=30))
def test_whatever_a_caption_is_there_is_one_row_and_no_formula(written, text):
    found = table(export.lines(written(row(caption=text)), "csv"))
    assert len(found) == 1
    assert not found[0]["caption"].lstrip(" ").startswith(export._FORMULA)
    assert not any(ord(char) < 32 for char in found[0]["caption"])


def test_nothing_written_is_only_a_header(written):
    assert table(export.lines(written(), "csv")) == []
    assert "".join(export.lines(written(), "csv")).startswith("key,source,image")


def test_subgroups_are_one_line_each_with_the_numbers_of_their_estimate():
    named = replace(source("=bad", 50, 10), estimate=SubgroupEstimate(0.8, 0.6, 1.0, 0.05, True))
    first, second = table(export.subgroup_lines((named, source("plain", 20, 0)), "csv"))
    assert (first["by"], first["value"], first["synthetic"], first["point"]) == ("source", "'=bad", "10", "0.8")
    assert (first["fraction_without"], first["is_mostly_synthetic"]) == ("0.05", "True")
    assert (second["value"], second["confirmed_share"], second["point"]) == ("plain", "0.0", "")
    line, _ = export.subgroup_lines((named, source("plain", 20, 0)), "jsonl")
    assert json.loads(line)["value"] == "=bad"
