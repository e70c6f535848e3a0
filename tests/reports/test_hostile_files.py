"""Whatever stands in a foreign audit.json or in a policy, no report breaks out of its format."""

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from audits import ESTIMATES, audit, source

import auditor
from auditor import audit_json, registry
from auditor.errors import AuditFileError
from auditor.policy import policy
from auditor.results import Cluster, Control, DatasetTest, DetectorTally, LabelCounts, Labels, NearDuplicates
from auditor.safe_text import safe_json, safe_text
from auditor.types import Evidence

HOSTILE = "::error::x\x1b[2J\n::error::y\r\n##[command]z\u202e\x9b\u2028\x00<img src=x onerror=alert(1)>|`[a](b)"
HIDDEN = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2028\u2029]")


def full():
    labels = Labels({"unknown": LabelCounts(9, 1, 2, 3)}, 2, 1, 0, 2, {"looks": 6})
    controls = (Control("declared", 3, 9, (0.5, 0.1, 0.9), 0.01, True),)
    return audit(
        1000,
        30,
        estimate=replace(ESTIMATES["over"], labels=labels, flagged=3, controls=controls, conditions={"clean": 9},
                         detector="classifier", threshold=0.5, assumptions=("one",)),
        subgroups=(source("a", 10, 1), source("b", 500, 5)),
        detectors={"classifier": DetectorTally(Evidence.STATISTICAL, 900, 0.9, 40, scores=(90,) * 10)},
        dataset_tests=(DatasetTest("dwt-dct", "FLUX", 900, 5.0, 3, 1e-9, 0.01),),
        unreadable_reasons={"why": 3},
        near_duplicates=NearDuplicates("made:1", 9, 5, 5 / 9, 1, True, 0, (Cluster(5, 1, 1, "s", ("a", "b")),)),
    )  # fmt: skip


def poisoned(value):
    """The content with hostile text for every value and every key that may be any text, one after the other."""
    content = json.loads(value)

    def is_accepted():
        try:
            audit_json.loads(json.dumps(content))
            return audit_json.decision_of(json.dumps(content)) is not None
        except AuditFileError:
            return False

    def walk(place):
        for key in list(place) if isinstance(place, dict) else range(len(place)):
            item = place[key]
            if isinstance(item, dict | list):
                walk(item)
            elif isinstance(item, str):
                place[key] = HOSTILE
                if not is_accepted():
                    place[key] = item
            if isinstance(place, dict):
                place[HOSTILE] = place.pop(key)
                if not is_accepted():
                    place[key] = place.pop(HOSTILE)

    walk(content)
    return json.dumps(content)


@pytest.fixture(scope="module")
def hostile():
    """An audit and its decision as a foreign audit.json has them."""
    of = full()
    text = poisoned(audit_json.dumps(of, policy.decide(of, policy.default())))
    assert text.count("::error::x") > 30
    return audit_json.loads(text), audit_json.decision_of(text)


@pytest.mark.parametrize("format", registry.table("reports"))
def test_no_text_of_a_foreign_audit_breaks_out_of_a_report(hostile, format):
    text = auditor.render(*hostile, format)
    assert not HIDDEN.search(text)
    lines = [line.strip() for line in text.splitlines()]
    assert not [line for line in lines if line.startswith(("::error::x", "::error::y", "##["))]
    if format in ("html", "markdown", "junit"):
        assert not re.search(r"(?<!\\)<img src=x", text)
    if format == "junit":
        ET.fromstring(text)
    if format in ("json", "sarif", "croissant"):
        json.loads(text)
    if format == "github":
        assert all(re.match(r"::(error|warning|notice) title=[^:]*::", line) for line in lines)


@pytest.mark.parametrize("format", ["terminal", "html", "json"])
def test_nor_of_a_comparison(hostile, tmp_path, format):
    path = tmp_path / "audit.json"
    path.write_text(audit_json.dumps(*hostile))
    text = auditor.render_diff(auditor.diff(path, path), format)
    assert not HIDDEN.search(text)
    assert not [line for line in text.splitlines() if line.strip().startswith(("::", "##["))]


@pytest.mark.parametrize("text", ["::error::x", "  ::warning file=x::y", "##[error]x"])
def test_no_text_is_a_workflow_command(text):
    assert not safe_text(text).strip().startswith(("::", "##["))
    assert safe_text(f"a.tar{text}") == f"a.tar{text}"  # elsewhere, colons are part of names


def test_json_says_the_same_without_hidden_characters():
    written = json.dumps({HOSTILE: [HOSTILE, "\U000e0001", "é"]}, ensure_ascii=False, indent=1)
    assert not HIDDEN.search(safe_json(written))
    assert "é" in safe_json(written)
    assert json.loads(safe_json(written)) == json.loads(written)
