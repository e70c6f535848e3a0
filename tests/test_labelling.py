"""Labels that decide about a finished audit: after each label, and at the gate."""

import commands
import pytest
from evidence import keyed
from making import encoded, write

import auditor
from auditor.annotation.app.session import Session
from auditor.annotation.file import Annotation, HumanLabel
from auditor.audit import make_engine, run_audit
from auditor.config import Config
from auditor.decision import Outcome
from auditor.errors import EvidenceError, LabelError
from auditor.finished import Finished
from auditor.labelling import LabelledAudit
from auditor.types import VerdictKind

ROWS = 400


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An audit without a classifier: every image is undecided."""
    base = tmp_path_factory.mktemp("labelling")
    image = encoded(width=16, height=16)
    for number in range(ROWS):
        write(base / f"set/{number:03}.png", image)
    audit = run_audit(base / "set", base / "audit", Config.of(detectors=("creator-tags",)), make_engine(1, "serial"))
    auditor.write(audit, auditor.decide(audit), base / "audit", ["json"])
    return base / "audit"


def said(folder, number, synthetic, how="provenance", *, until_decided=True):
    """The first `number` labels; the first `synthetic` of them say synthetic."""
    return [
        Annotation(
            item.key,
            item.stratum.value,
            HumanLabel.SYNTHETIC if index < synthetic else HumanLabel.REAL,
            how,
            "A",
            until_decided=until_decided,
        )
        for index, item in enumerate(auditor.draw(folder)[:number])
    ]


@pytest.fixture(scope="module")
def labelled(folder):
    return LabelledAudit(Finished.open(folder), {item.key: item.stratum.value for item in auditor.draw(folder)})


def test_a_label_file_decides_without_a_scan(folder, tmp_path):
    auditor.write_labels(tmp_path / "labels.csv", said(folder, 60, 30))
    found = auditor.with_labels(folder, tmp_path / "labels.csv")
    assert found.estimate.low < 0.5 < found.estimate.high
    assert found.digests.labels
    assert auditor.decide(found).outcome is Outcome.FAIL
    assert auditor.load(folder).estimate is None  # nothing is written


def test_it_says_the_same_as_a_scan_with_these_labels(folder, tmp_path):
    auditor.write_labels(tmp_path / "labels.csv", said(folder, 60, 3))
    config = Config.of(detectors=("creator-tags",), labels=str(tmp_path / "labels.csv"))
    scanned = run_audit(folder.parent / "set", tmp_path / "again", config, make_engine(1, "serial"))
    assert scanned.estimate == auditor.with_labels(folder, tmp_path / "labels.csv").estimate


def test_labels_are_not_taken_for_those_of_images_that_replaced_others(tmp_path):
    for number in range(12):
        write(tmp_path / f"set/{number}.png", encoded(seed=number, width=16, height=16))
    scan = ("scan", "set", "--out=audit", "--without=classifier")
    assert commands.run(*scan, cwd=tmp_path).returncode == 4
    answers = [
        Annotation(item.key, item.stratum.value, HumanLabel.REAL, "provenance", "A", sha256=item.sha256)
        for item in auditor.draw(tmp_path / "audit")
    ]
    auditor.write_labels(tmp_path / "labels.csv", answers)
    assert commands.run("gate", "audit", "--labels=labels.csv", cwd=tmp_path).returncode == 0
    assert commands.run(*scan, "--labels=labels.csv", cwd=tmp_path).returncode == 0
    write(tmp_path / "set/7.png", encoded(seed=100, width=16, height=16))
    for command in ((*scan, "--labels=labels.csv"), ("gate", "audit", "--labels=labels.csv")):
        refused = commands.run(*command, cwd=tmp_path)
        assert refused.returncode == 3
        assert "1 labels are of images that have changed since: '7.png'" in refused.stderr, command
        commands.run(*scan, cwd=tmp_path)
    with pytest.raises(LabelError, match="1 labels are of images that have changed since, such as '7.png'"):
        Session(tmp_path / "labels.csv", auditor.draw(tmp_path / "audit"), "A")


@pytest.mark.parametrize(("synthetic", "code"), [(0, 0), (40, 1), (8, 4)])
def test_the_gate_exits_by_the_labels(folder, tmp_path, synthetic, code):
    auditor.write_labels(tmp_path / "labels.csv", said(folder, 60, synthetic))
    result = commands.run("gate", folder, "--labels", tmp_path / "labels.csv", cwd=tmp_path)
    assert result.returncode == code, result.stderr


def test_stopping_when_decided_costs_confidence(folder, labelled):
    fixed, sequential = (
        labelled.with_labels(said(folder, 60, 6, until_decided=until_decided)).estimate
        for until_decided in (False, True)
    )
    assert sequential.low < fixed.low
    assert sequential.high > fixed.high
    assert any("labelling could stop" in text for text in sequential.assumptions)
    assert (fixed.labels.until_decided, sequential.labels.until_decided) == (False, True)


def test_each_label_says_what_is_known_so_far(folder, labelled):
    def judge(number, synthetic=0):
        return labelled.judge(said(folder, number, synthetic), auditor.decide)

    assert judge(0).text == "no label yet"
    few, many = judge(5), judge(60)
    assert not few.is_decided
    assert "about" in few.text
    assert "more labels will most likely decide it" in few.text
    assert many.is_decided
    assert "decided: pass, you may stop" in many.text
    assert "decided: fail" in judge(60, 40).text


def test_the_projected_number_falls_as_labels_come_in(folder, labelled):
    import re

    more = [
        int(re.search(r"about (\d+) more", labelled.judge(said(folder, number, 0), auditor.decide).text)[1])
        for number in (5, 15)
    ]
    assert more[1] < more[0]


def test_labels_of_another_audit_are_refused(folder, tmp_path):
    auditor.write_labels(tmp_path / "labels.csv", [Annotation("nobody.png", "unknown", HumanLabel.REAL)])
    with pytest.raises(LabelError, match=r"not in this audit \(1\): 'nobody.png'"):
        auditor.with_labels(folder, tmp_path / "labels.csv")
    result = commands.run("gate", folder, "--labels", tmp_path / "labels.csv", cwd=tmp_path)
    assert result.returncode == 3
    assert "nobody.png" in result.stderr


def test_an_audit_json_alone_has_no_evidence_to_join(folder, tmp_path):
    (tmp_path / "audit.json").write_bytes((folder / "audit.json").read_bytes())
    auditor.write_labels(tmp_path / "labels.csv", said(folder, 60, 0))
    with pytest.raises(EvidenceError, match="no evidence in this folder"):
        auditor.with_labels(tmp_path, tmp_path / "labels.csv")


def test_evidence_of_another_audit_is_refused(folder, tmp_path):
    (tmp_path / "audit.json").write_bytes((folder / "audit.json").read_bytes())
    keyed(tmp_path, "p", [("a", VerdictKind.UNKNOWN)])
    with pytest.raises(EvidenceError, match="does not match its audit.json"):
        Finished.open(tmp_path)


def test_a_file_that_says_nothing_of_stopping_had_a_fixed_number(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("key,label\na,real\n")
    assert [a.until_decided for a in auditor.read_labels(path)] == [False]
    path.write_text("key,label,stopping\na,real,whenever\n")
    with pytest.raises(LabelError, match="line 2: stopping must be until-decided or empty, got 'whenever'"):
        auditor.read_labels(path)
