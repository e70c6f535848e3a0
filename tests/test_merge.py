import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import making
import pytest
import saving
from commands import run

import auditor
from auditor import registry
from auditor.config import Config
from auditor.errors import CalibrationError, EvidenceError, LabelError
from auditor.estimate.calibration import parse


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    folder = tmp_path_factory.mktemp("halves")
    for first, half in ((0, "one"), (100, "two")):
        for number in range(5):
            texts = {"parameters": making.A1111} if number == 0 else {}
            making.write(folder / half / f"{number}.png", making.png(texts, seed=first + number))
        auditor.scan(folder / half, out=folder / f"audit-{half}", engine="serial")
    return folder


@pytest.fixture
def halves(audited, tmp_path):
    """A copy of two datasets and their audits."""
    shutil.copytree(audited, tmp_path / "halves")
    return tmp_path / "halves"


def test_disjoint_audits_add_up(halves):
    merged = auditor.merge([halves / "audit-one", halves / "audit-two"], halves / "both")
    assert (merged.counts.rows, merged.confirmed.count) == (10, 2)
    assert [input.name for input in merged.inputs] == ["one", "two"]
    assert auditor.load(halves / "both").counts.rows == 10


def test_a_merged_audit_is_not_labelled_or_compared_with_a_dataset(halves):
    auditor.merge([halves / "audit-one", halves / "audit-two"], halves / "both")
    with pytest.raises(LabelError, match="label the audits that were merged"):
        auditor.label(halves / "both")
    result = run("gate", halves / "both", "--dataset", halves / "one", "--dataset", halves / "two")
    assert (result.returncode, "gate each of the merged ones" in result.stderr) == (3, True)


def test_splits_with_the_same_keys_are_not_filtered_together_without_a_warning(audited, tmp_path):
    for split in ("train", "val"):
        for number in range(2):
            texts = {"parameters": making.A1111} if split == "val" else {}
            making.write(tmp_path / split / f"{number}.png", making.png(texts, seed=number + 10 * (split == "val")))
        auditor.scan(tmp_path / split, out=tmp_path / f"audit-{split}", engine="serial")
    auditor.merge([tmp_path / "audit-train", tmp_path / "audit-val"], tmp_path / "both")
    result = run("filter", tmp_path / "both", "--out", tmp_path / "keep.parquet")
    assert "warning: 2 keys of rows to keep are of rows to remove too, with the same image names" in result.stderr
    assert "filter the audit of each split" in result.stderr


def test_merging_in_another_order_gives_the_same_numbers(halves):
    one = auditor.merge([halves / "audit-one", halves / "audit-two"], halves / "a")
    two = auditor.merge([halves / "audit-two", halves / "audit-one"], halves / "b")
    assert (one.digests, one.counts, one.subgroups) == (two.digests, two.counts, two.subgroups)


def test_the_same_rows_twice_are_refused(halves):
    auditor.scan(halves / "one", out=halves / "audit-again", engine="serial")
    with pytest.raises(EvidenceError, match="hold the same rows"):
        auditor.merge([halves / "audit-one", halves / "audit-again"], halves / "both")


def test_another_configuration_is_refused(halves):
    auditor.scan(halves / "two", out=halves / "other", engine="serial", config=auditor.Config.of(detectors=("c2pa",)))
    with pytest.raises(EvidenceError, match="differ in their configuration"):
        auditor.merge([halves / "audit-one", halves / "other"], halves / "both")


def test_merging_into_a_folder_that_holds_another_audit_is_refused_or_replaces_it(halves):
    folders = [halves / "audit-one", halves / "audit-two"]
    for number in range(3):
        making.write(halves / "three" / f"{number}.png", making.png(seed=200 + number))
    auditor.scan(halves / "three", out=halves / "audit-three", engine="serial")
    auditor.merge(folders, halves / "both")
    assert auditor.merge(folders, halves / "both").counts.rows == 10  # the same merge again
    for out in ("both", "audit-three"):
        with pytest.raises(EvidenceError, match="contains evidence of another audit.*--restart"):
            auditor.merge([folders[0], halves / ("audit-three" if out == "both" else "audit-two")], halves / out)
    assert auditor.load(halves / "both").counts.rows == len(auditor.evidence(halves / "both")) == 10
    replaced = auditor.merge([folders[0], halves / "audit-three"], halves / "both", restart=True)
    assert replaced.counts.rows == len(auditor.evidence(halves / "both")) == 8


def test_a_merge_into_one_of_its_audits_is_refused(halves):
    folders = [halves / "audit-one", halves / "audit-two"]
    with pytest.raises(EvidenceError, match="is one of the audits to merge"):
        auditor.merge(folders, halves / "audit-one", restart=True)
    assert len(auditor.evidence(halves / "audit-one")) == 5


def test_a_folder_that_is_no_audit_is_refused(halves):
    with pytest.raises(EvidenceError, match="no finished audit"):
        auditor.merge([halves / "audit-one", halves / "one"], halves / "both")
    with pytest.raises(EvidenceError, match="two audits or more"):
        auditor.merge([halves / "audit-one"], halves / "both")


# ---- a calibration of one's own


@pytest.fixture
def calibrated(halves):
    """Both halves scanned with counts of the embedded model that are the user's own."""
    shipped = registry.load("detectors", "classifier")().calibration()
    own = saving.config(halves, calibration=replace(shipped, origin="my own images"))
    for half in ("one", "two"):
        making.write(halves / f"audit-{half}" / "calibration.json", "mine")
        auditor.scan(halves / half, out=halves / f"audit-{half}", engine="serial", config=own)
    return halves


def test_a_calibration_is_kept_with_the_evidence_and_nothing_of_the_users_is_touched(calibrated):
    assert (calibrated / "audit-one" / "calibration.json").read_text() == "mine"
    assert parse((calibrated / "audit-one/evidence/calibration.json").read_text()).origin == "my own images"
    auditor.scan(calibrated / "one", out=calibrated / "audit-one", engine="serial")
    assert not (calibrated / "audit-one/evidence/calibration.json").exists()
    assert (calibrated / "audit-one" / "calibration.json").read_text() == "mine"


def test_merged_audits_use_the_calibration_that_they_were_made_with(calibrated):
    (calibrated / "audit-one/evidence/calibration.json").unlink()
    merged = auditor.merge([calibrated / "audit-one", calibrated / "audit-two"], calibrated / "both")
    assert merged.digests.calibration == auditor.load(calibrated / "audit-one").digests.calibration
    again = auditor.merge([calibrated / "audit-two", calibrated / "audit-one"], calibrated / "again")
    assert again.estimate == merged.estimate


def test_a_calibration_that_was_changed_is_not_used(calibrated):
    for half in ("one", "two"):
        path = calibrated / f"audit-{half}/evidence/calibration.json"
        path.write_text(path.read_text().replace("my own images", "other images"))
    with pytest.raises(EvidenceError, match="none of the audits has the calibration"):
        auditor.merge([calibrated / "audit-one", calibrated / "audit-two"], calibrated / "both")


def test_evidence_of_other_weights_is_not_merged(halves, monkeypatch):
    monkeypatch.setattr(registry, "digest", lambda id: f"new {id}")
    with pytest.raises(EvidenceError, match="another version of classifier"):
        auditor.merge([halves / "audit-one", halves / "audit-two"], halves / "both")


def test_a_calibration_of_other_weights_is_refused_before_the_scan(halves):
    shipped = registry.load("detectors", "classifier")().calibration()
    config = saving.config(halves, calibration=replace(shipped, sha256="0" * 64))
    with pytest.raises(CalibrationError, match="other weights"):
        auditor.scan(halves / "one", out=halves / "new", engine="serial", config=config)


def test_one_folder_named_twice_is_refused(halves):
    with pytest.raises(EvidenceError, match="named twice"):
        auditor.merge([halves / "audit-one", halves / "audit-one"], halves / "both")


def test_a_merged_audit_is_decided_against_its_baseline(halves):
    policy = making.write(halves / "policy.toml", "[rules.increase]\nmax = 0.9\n[rules.audit-age]\nmax-days = 1\n")
    folders = [halves / "audit-one", halves / "audit-two"]
    auditor.merge(folders, halves / "both", policy, baseline=halves / "audit-one")
    assert json.loads((halves / "both/audit.json").read_text())["decision"]["outcome"] == "pass"


# ---- held against a reference


def test_merged_audits_can_be_held_against_a_reference_of_their_own(halves):
    audits = [halves / "audit-one", halves / "audit-two"]
    merged = auditor.merge(audits, halves / "both", reference="before:2021")
    assert merged.config.estimate.reference == "before:2021"
    assert "too few distinct images" in merged.diversity.not_compared[0]
    merged = auditor.merge(audits, halves / "against", reference=halves / "audit-one")
    assert "all images vs. audit-one" in merged.diversity.not_compared[0]
    assert auditor.merge(audits, halves / "plain").config.estimate.reference is None


def test_audits_without_vectors_have_nothing_to_hold_against_a_reference(halves):
    for half in ("one", "two"):
        config = Config.of(detectors=("c2pa",))
        auditor.scan(halves / half, out=halves / f"bare-{half}", engine="serial", config=config)
    with pytest.raises(EvidenceError, match="the audits kept no vectors"):
        auditor.merge([halves / "bare-one", halves / "bare-two"], halves / "both", reference="before:2021")
    assert not (halves / "both").exists()


# ---- the age of an audit


AGE = "[rules.audit-age]\nmax-days = 30\n"


def made_on(folder, day):
    path = folder / "evidence/manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "day": day}))


def test_a_merged_audit_is_as_old_as_the_oldest(halves):
    made_on(halves / "audit-two", "2020-02-02")
    auditor.merge([halves / "audit-one", halves / "audit-two"], halves / "both", making.write(halves / "p.toml", AGE))
    assert not auditor.decide(halves / "both", halves / "p.toml")


def test_a_copy_of_an_audit_is_as_old_as_the_scan(halves):
    shutil.copytree(halves / "audit-one", halves / "copy")
    policy = making.write(halves / "p.toml", AGE)
    assert auditor.decide(halves / "copy", policy)
    made_on(halves / "copy", "2020-02-02")  # while its files are new
    assert not auditor.decide(halves / "copy", policy)
    assert not auditor.decide(halves / "copy/audit.json", policy)


def test_an_audit_without_its_evidence_is_as_old_as_its_file(halves):
    path = Path(shutil.copy(halves / "audit-one/audit.json", halves / "alone.json"))
    policy = making.write(halves / "p.toml", AGE)
    assert auditor.decide(path, policy)
    os.utime(path, (0, 0))
    assert not auditor.decide(path, policy)
