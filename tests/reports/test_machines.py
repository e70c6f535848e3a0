"""The formats that other programs read: JUnit, SARIF, GitHub's commands, Croissant-RAI."""

import json
import os
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from audits import ESTIMATES, audit

import auditor
from auditor.decision import Decision, Outcome, RuleResult
from auditor.plugin import Example
from auditor.policy import policy
from auditor.results import InputRecord
from auditor.types import Claim, Evidence, Row, Signal, SignalOutcome, Status, Tier, Verdict, VerdictKind

HOSTILE = "a\x1b[2J\r\n::error title=x::y%0A]]><!--\u202e"
DECISION = Decision(
    Outcome.FAIL, 1, "it failed", tuple(RuleResult(o.value, o, 0.1, 0.05, f"{o.value}: {HOSTILE}") for o in Outcome)
)


def row(number: int, image: str = "a/b c.png", detector: str = "c2pa") -> Row:
    signal = Signal(detector, Evidence.DECLARED, SignalOutcome.HIT, Tier.A, 1.0, "signed", Claim.SYNTHETIC, "Some")
    return Row(f"k{number}", "s", image, Status.OK, verdict=Verdict(VerdictKind.SYNTHETIC, detector), signals=(signal,))


def examples(count: int) -> list[Example]:
    return [Example(row(number), "c2pa") for number in range(count)]


# ---- JUnit


def test_junit_has_a_case_a_rule_and_counts_them():
    suite = ET.fromstring(auditor.render(audit(), DECISION, "junit")).find("testsuite")
    assert [case.get("name") for case in suite.iter("testcase")] == [o.value for o in Outcome]
    assert [suite.get(name) for name in ("tests", "failures", "errors", "skipped")] == ["5", "1", "1", "1"]
    children = {case.get("name"): [child.tag for child in case] for case in suite.iter("testcase")}
    assert children == {
        "pass": [], "warn": ["system-out"], "fail": ["failure"], "inconclusive": ["error"], "exempt": ["skipped"],
    }  # fmt: skip


def test_junit_stays_xml_whatever_a_name_holds():
    of = audit(inputs=(InputRecord("]]><a>&\x00\ufffe\x1b", "folder", 1),))
    text = auditor.render(of, DECISION, "junit")
    assert "\x1b" not in text
    assert ET.fromstring(text).find("testsuite").get("name").startswith("dataset audit: ]]><a>&")


# ---- GitHub


def test_every_rule_that_did_not_pass_is_one_command():
    lines = auditor.render(audit(), DECISION, "github").splitlines()
    assert [line.partition(" ")[0] for line in lines] == [
        "::warning", "::error", "::warning", "::notice", "::notice",
    ]  # fmt: skip
    assert all(line.count("title=") >= 1 for line in lines)


def test_nothing_in_a_reason_is_a_command_of_its_own():
    text = auditor.render(audit(), DECISION, "github")
    assert len(re.findall(r"^::", text, re.MULTILINE)) == len(text.splitlines())
    assert "%250A" in text  # a percent sign of the data's is none of ours
    assert "\r" not in text


# ---- SARIF


def checked(text: str) -> dict:
    """The document, valid by the official schema: as classes made from it, or, where it is at hand, itself."""
    from pydantic_sarif.model import StaticAnalysisResultsFormatSarifVersion210JsonSchema as Sarif

    Sarif.model_validate_json(text)
    if path := os.environ.get("AUDITOR_SARIF_SCHEMA"):
        import jsonschema

        jsonschema.validate(json.loads(text), json.loads(Path(path).read_text()))
    return json.loads(text)


@pytest.mark.parametrize("count", [0, 3])
def test_sarif_is_valid(count):
    run = checked(auditor.render(audit(), DECISION, "sarif", examples=examples(count)))["runs"][0]
    known = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    assert {result["ruleId"] for result in run["results"]} <= known
    assert [r["level"] for r in run["results"]] == ["warning", "error", "warning", "note", *["note"] * count]


def test_the_check_of_sarif_can_fail():
    text = auditor.render(audit(), DECISION, "sarif")
    for wrong in (text.replace('"ruleId"', '"rule_id"'), text.replace('"error"', '"bad"')):
        with pytest.raises(ValueError):
            checked(wrong)


def test_sarif_stays_within_githubs_limits():
    text = auditor.render(audit(), DECISION, "sarif", examples=examples(5000))
    results = checked(text)["runs"][0]["results"]
    assert sum(result["ruleId"].startswith("image/") for result in results) == 1000
    assert len(text.encode()) < 10_000_000  # before they are gzipped
    assert all(result["locations"] for result in results)
    prints = [result["partialFingerprints"]["primaryLocationLineHash"] for result in results]
    assert len(set(prints)) == len(prints)


@pytest.mark.parametrize(
    ("image", "uri"),
    [
        ("a/b c.png", "a/b%20c.png"),
        ("x.tar::a.png", "x.tar%3A%3Aa.png"),
        ("javascript:alert(1)", "javascript%3Aalert(1)"),
        ("https://x.org/a?b=c#d", "https://x.org/a?b=c#d"),
        ("t.parquet#3", "t.parquet%233"),
        ("é\udcff", "%C3%A9%ED%B3%BF"),
    ],
)
def test_a_place_becomes_a_uri_reference(image, uri):
    text = auditor.render(audit(), DECISION, "sarif", examples=[Example(row(1, image), "c2pa")])
    location = checked(text)["runs"][0]["results"][-1]["locations"][0]
    assert location["physicalLocation"]["artifactLocation"]["uri"] == uri


# ---- Croissant


def fragment(of) -> dict:
    return json.loads(auditor.render(of, policy.decide(of, policy.default()), "croissant"))


def test_synthetic_data_are_stated_where_they_were_measured():
    assert fragment(audit(100, 3))["rai:hasSyntheticData"] is True
    assert fragment(audit(100, 0, estimate=ESTIMATES["over"]))["rai:hasSyntheticData"] is True


def test_finding_nothing_states_nothing():
    for of in (audit(100, 0), audit(0, no_bytes=3), audit(100, 0, estimate=ESTIMATES["safe"])):
        found = fragment(of)
        assert "rai:hasSyntheticData" not in found
        assert "does not show that there is none" in found["rai:dataLimitations"][0]


def test_every_prefix_is_in_the_context_and_every_number_is_the_audits():
    of = audit(100, 3, estimate=ESTIMATES["near"])
    found = fragment(of)
    prefixes = {key.partition(":")[0] for key in found if ":" in key}
    assert prefixes <= set(found["@context"])
    values = {entry["name"]: entry for entry in found["variableMeasured"]}
    assert values["confirmed synthetic share"]["value"] == 0.03
    assert values["estimated synthetic fraction"]["minValue"] == 0.08
