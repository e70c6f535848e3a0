"""Row weights in the whole program: manifests, estimates, labels, keep-lists, reports."""

import json

import making
import numpy as np
import pandas as pd
import pytest
import saving
from click.testing import CliRunner

import auditor
from auditor.annotation.file import Annotation, HumanLabel
from auditor.audit import make_engine, run_audit
from auditor.cli import cli
from auditor.compare import compare
from auditor.config import Config, ReadOptions
from auditor.errors import ConfigError, DatasetError
from auditor.evidence_store.store import Store

WEIGHED = ReadOptions(weight_col="seen")
MARKS = ("generator-text",)


def table(folder, weights, marked=range(3), name="table.csv"):
    """A table of images, some with generator metadata, with a weight column."""
    lines = ["file_name,text,seen"]
    for number, weight in enumerate(weights):
        texts = {"parameters": making.A1111} if number in marked else {}
        making.write(folder / f"{number}.png", making.png(texts, seed=number))
        lines.append(f"{number}.png,a cat,{weight}")
    return making.write(folder / name, "\n".join(lines) + "\n")


@pytest.fixture
def weighted(tmp_path):
    """Twelve images; the three declared ones have ten times the weight of the others."""
    return table(tmp_path / "set", [10, 10, 10, *[1] * 9])


def test_the_floor_is_the_share_of_what_training_sees(weighted, scan):
    plain, audit = scan(weighted, out="plain"), scan(weighted, read=WEIGHED)
    assert (audit.confirmed.count, audit.confirmed.n) == (plain.confirmed.count, plain.confirmed.n) == (3, 12)
    assert plain.confirmed.share == 3 / 12
    assert audit.confirmed.share == pytest.approx(30 / 39)
    assert plain.weights is None
    assert (audit.weights.column, audit.weights.sample_size.n) == ("seen", 12)
    assert audit.weights.sample_size.n_eff == pytest.approx(39**2 / 309)


def test_the_column_is_found_whatever_its_case_and_kept_in_the_evidence(weighted, tmp_path, scan):
    scan(weighted, read=ReadOptions(weight_col="SEEN"))
    assert sorted(auditor.evidence(tmp_path / "audit").weight) == [1.0] * 9 + [10.0] * 3
    scan(weighted, out="plain")
    assert auditor.evidence(tmp_path / "plain").weight.isna().all()


def test_a_table_without_the_column_is_refused_and_told_which_there_are(weighted, scan):
    with pytest.raises(DatasetError, match=r"no column 'sene' \(--weight-col\); there are: file_name, text, seen"):
        scan(weighted, read=ReadOptions(weight_col="sene"))


@pytest.mark.parametrize("weight", ["", "many", "-1", "nan", "inf", "1e13", "1e-13"])
def test_a_row_whose_weight_is_none_is_unreadable_and_says_so(tmp_path, scan, weight):
    path = table(tmp_path / "set", [2, weight, 2, 2])
    audit = scan(path, read=WEIGHED)
    assert (audit.counts.ok, audit.counts.unreadable) == (3, 1)
    (reason,) = audit.unreadable_reasons
    said = f"is '{weight}'" if weight else "is missing"
    assert reason == f"its weight (column 'seen') {said}: it has to be 0, or from 1e-12 to 1e12"
    assert (audit.confirmed.count, audit.confirmed.n, audit.confirmed.share) == (2, 3, pytest.approx(2 / 3))
    assert auditor.is_same_dataset(audit, [path], jobs=1)


def test_an_image_that_no_table_names_has_no_weight(weighted, scan):
    making.write(weighted.parent / "stray.png", making.png(seed=99))
    audit = scan(weighted.parent, read=WEIGHED)
    assert (audit.counts.ok, audit.counts.unreadable) == (12, 1)
    assert "is missing" in next(iter(audit.unreadable_reasons))


def test_rows_that_all_weigh_nothing_give_no_share(tmp_path, scan):
    with pytest.raises(DatasetError, match=r"column 'seen': the weight of every readable row is 0"):
        scan(table(tmp_path / "set", [0, 0, 0]), read=WEIGHED)


def test_the_fields_of_a_tar_may_hold_the_weight(tmp_path, scan):
    members = []
    for number, weight in enumerate((3, 1)):
        texts = {"parameters": making.A1111} if number == 0 else {}
        members += [(f"{number}.png", making.png(texts)), (f"{number}.json", json.dumps({"seen": weight}).encode())]
    audit = scan(making.tar(tmp_path / "a.tar", members), read=WEIGHED)
    assert audit.confirmed.share == 0.75


def test_urls_without_images_have_weights_too(tmp_path, scan):
    path = making.write(tmp_path / "urls.csv", "url,seen\nhttp://a.org/x.png,2\nhttp://b.org/y.png,none\n")
    audit = scan(path, read=WEIGHED)
    assert (audit.counts.no_bytes, audit.counts.unreadable) == (1, 1)
    assert auditor.is_same_dataset(audit, [path], jobs=1)


@pytest.mark.parametrize("sample", [{"sample": 2}, {"fetch": 2}, {"sample_shards": 2}])
def test_samples_are_refused(weighted, scan, sample):
    with pytest.raises(ConfigError, match="equal probabilities"):
        scan(weighted, read=WEIGHED, **sample)


@pytest.mark.parametrize("options", [["--sample", "2"], ["--margin", "0.1"], ["--until-decided"], ["--fetch", "2"]])
def test_the_command_refuses_samples_before_it_begins(weighted, tmp_path, options):
    command = ["scan", str(weighted), "--out", str(tmp_path / "out"), "--weight-col", "seen", *options]
    result = CliRunner().invoke(cli, command)
    assert result.exit_code == 2
    assert "--weight-col" in result.output
    assert not (tmp_path / "out").exists()


def test_parts_that_were_audited_apart_add_up_to_the_whole(tmp_path):
    one = table(tmp_path / "one", [10, 1, 1], marked=[0])
    two = table(tmp_path / "two", [4, 4, 2], marked=[2])
    config = Config.of(read=WEIGHED)
    for path in (one, two):
        auditor.scan(path.parent, out=tmp_path / f"audit-{path.parent.name}", config=config, engine="serial")
    merged = auditor.merge([tmp_path / "audit-one", tmp_path / "audit-two"], tmp_path / "both")
    assert merged.confirmed.share == pytest.approx(12 / 22)
    assert merged.weights.sample_size.n_eff == pytest.approx(22**2 / 138)


def test_two_audits_with_weights_are_compared_by_their_intervals(weighted, scan):
    before, after = scan(weighted, out="plain"), scan(weighted, read=WEIGHED)
    found = compare(before, after)
    declared = next(change for change in found.changes if change.name == "confirmed synthetic")
    assert declared.difference is not None
    assert all(change.p_value is None for change in found.changes)
    assert any("rows are weighted" in note for note in found.notes)


# ---- labels and keep-lists


ROWS = 400


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    """An audit of undecided images whose weights correlate with the truth, labelled as `auditor label` selects them."""
    folder = tmp_path_factory.mktemp("labelled")
    rng = np.random.default_rng(0)
    weights, synthetic = rng.choice([1, 2, 8, 64], ROWS, p=[0.6, 0.3, 0.09, 0.01]), rng.random(ROWS) < 0.2
    synthetic |= weights > 2
    path = table(folder / "set", weights, marked=())
    config = Config.of(detectors=MARKS, read=WEIGHED)
    audit = run_audit(path, folder / "audit", config, make_engine(1, "serial"))
    auditor.write(audit, auditor.decide(audit), folder / "audit", ["json"])
    drawn = auditor.label(folder / "audit", path, number=150).drawn
    answers = tuple(
        Annotation(
            row.key, row.stratum, HumanLabel.SYNTHETIC if synthetic[int(row.key[:-4])] else HumanLabel.REAL, "date", "A"
        )
        for row in drawn
    )
    found = auditor.scan(
        path,
        out=folder / "audit",
        config=saving.config(folder, detectors=MARKS, read=WEIGHED, labels=answers),
        engine="serial",
    )
    return folder, found, float(weights @ synthetic / weights.sum()), float(synthetic.mean())


def test_labels_estimate_the_share_of_the_weight(labelled):
    _, audit, truth, of_rows = labelled
    assert audit.estimate.low <= truth <= audit.estimate.high
    assert of_rows < audit.estimate.low
    assert audit.estimate.high - audit.estimate.low < 0.15
    assert audit.estimate.n == 150
    assert set(audit.estimate.labels.strata) == {f"unknown, weight {low} to under {2 * low}" for low in (1, 2, 8, 64)}
    assert sum(found.rows for found in audit.estimate.labels.strata.values()) == ROWS


def test_chances_by_weight_add_up_to_the_estimate(labelled):
    folder, audit, _, _ = labelled
    frame = auditor.evidence(folder / "audit")
    assert np.average(frame.p_adjusted, weights=frame.weight) == pytest.approx(audit.estimate.point, abs=1e-6)


def test_keep_lists_hold_each_rows_own_weight(labelled):
    folder, audit, _, _ = labelled
    kept = auditor.keep_list(folder / "audit")
    frame = auditor.evidence(folder / "audit").set_index("key").loc[kept.rows.key]
    assert kept.rows.weight.to_numpy() == pytest.approx(((1 - frame.p_adjusted) * frame.weight).to_numpy(), rel=1e-6)
    assert (kept.after.point, kept.after.low, kept.after.high) == pytest.approx(
        (audit.estimate.point, audit.estimate.low, audit.estimate.high)
    )


def test_a_label_of_a_row_that_weighs_nothing_does_no_harm(tmp_path):
    path = table(tmp_path / "set", [0, *[1] * 11], marked=())
    answers = tuple(Annotation(f"{n}.png", "unknown", HumanLabel.REAL, "date", "A") for n in range(12))
    found = auditor.scan(
        path, config=saving.config(tmp_path, detectors=MARKS, read=WEIGHED, labels=answers), engine="serial"
    )
    assert (found.estimate.point, found.estimate.high) == (0.0, 0.0)


# ---- what people read


@pytest.mark.parametrize("format", ["markdown", "html", "croissant"])
def test_every_report_for_people_says_that_rows_do_not_count_the_same(weighted, scan, format):
    audit = scan(weighted, read=ReadOptions(weight_col="seen"))
    text = auditor.render(audit, auditor.decide(audit), format).replace("&#39;", "'").replace("\\", "")
    assert "ows are weighted by their column 'seen'" in text
    assert "an effective sample size of 5 " in text


def test_the_first_screen_says_that_rows_are_weighted(weighted, scan):
    audit = scan(weighted, read=WEIGHED)
    text = auditor.render(audit, auditor.decide(audit), "terminal")
    assert f"rows weighted by the column '{audit.weights.column}'" in " ".join(text.split())


def test_what_to_do_is_counted_in_rows_of_average_weight(weighted, scan):
    audit = scan(weighted, read=WEIGHED)
    assert auditor.decide(audit).mad.advice.endswith("counted in rows of average weight")
    assert not auditor.decide(scan(weighted, out="plain")).mad.advice.endswith("weight")


def test_the_command_writes_what_the_library_finds(weighted, tmp_path, scan):
    out = tmp_path / "out"
    CliRunner().invoke(cli, ["scan", str(weighted), "--out", str(out), "--weight-col", "seen", "--examples", "0"])
    assert auditor.load(out).confirmed == scan(weighted, read=WEIGHED).confirmed
    assert pd.read_parquet(next(Store(out).folder.glob("*.parquet"))).weight.sum() == 39
