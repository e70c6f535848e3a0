import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from audits import ESTIMATES, audit, estimate, source

import auditor
from auditor import audit_json
from auditor.errors import AuditFileError
from auditor.policy import policy
from auditor.results import InputRecord, LabelCounts, Labels

CONTRACT = (
    "schema tool inputs digests config counts coverage confirmed estimate mad subgroups policy decision"
).split()


def full():
    return audit(1000, 30, estimate=ESTIMATES["near"], subgroups=(source("a", 10, 1),))


def text(of):
    return audit_json.dumps(of, policy.decide(of, policy.default()))


def test_every_key_of_the_contract_is_there_from_the_start():
    for of in (audit(), full()):
        content = json.loads(text(of))
        assert set(CONTRACT) <= set(content)
        assert content["schema"] == "auditor/2"
        assert {"rows", "ok", "no_bytes", "failed", "unreadable"} <= set(content["counts"])
        assert {"count", "share", "low", "high"} <= set(content["confirmed"])
        assert {"outcome", "exit_code", "reason", "rules"} <= set(content["decision"])


def test_what_is_not_known_is_null():
    assert json.loads(text(audit()))["estimate"] is None
    assert json.loads(text(audit(0, no_bytes=3)))["mad"] is None


def test_lambda_is_called_so():
    assert json.loads(text(full()))["mad"]["lambda"] == 0.7


def test_an_audit_comes_back_as_it_went():
    for of in (audit(), full(), audit(0)):
        assert audit_json.loads(text(of)) == audit_json.loads(text(audit_json.loads(text(of))))
        assert text(audit_json.loads(text(of))) == text(of)


def test_a_decision_comes_back_as_it_went():
    decision = policy.decide(full(), policy.default())
    assert audit_json.decision_of(audit_json.dumps(full(), decision)).rules == decision.rules


@pytest.mark.parametrize(
    "broken",
    ["", "[]", "{}", '{"schema": "auditor/9"}', '{"schema": "auditor/2"}', '{"schema":"auditor/2","counts":3}'],
)
def test_what_is_no_audit_is_refused(broken):
    with pytest.raises(AuditFileError, match="not JSON|not an audit of schema auditor/2"):
        audit_json.loads(broken)


def test_an_audit_of_the_schema_before_is_refused_with_the_page_that_lists_the_new_names():
    with pytest.raises(AuditFileError, match="found auditor/1.*scan again.*docs/reference/audit-json-2.md"):
        audit_json.loads('{"schema": "auditor/1"}')
    assert (Path(__file__).parents[1] / "docs/reference/audit-json-2.md").exists()


def test_fields_of_a_later_version_are_tolerated():
    content = json.loads(text(full())) | {"added_later": 1}
    assert audit_json.loads(json.dumps(content)) == audit_json.loads(text(full()))


def test_the_text_is_valid_json_without_nan():
    jsonschema.validate(json.loads(text(full())), {"type": "object", "required": CONTRACT})
    with pytest.raises(ValueError, match="JSON compliant"):
        text(audit(estimate=estimate(float("nan"), 0, 1)))


@pytest.mark.parametrize(
    "ends", [(float("nan"), 0.0, 0.1), (-5.0, -4.5, -4.0), (0.9, 0.5, 0.01), (0.0, 0.1, 1.5), (0.0, 1e999, 1.0)]
)
@pytest.mark.parametrize("what", ["estimate", "confirmed", "subgroups"])
def test_shares_that_are_none_are_no_audit_that_a_rule_could_pass_on(what, ends):
    content = json.loads(text(full()))
    numbers = content["subgroups"][0] if what == "subgroups" else content[what]
    numbers.update(low=ends[0], high=ends[2], **{"point" if what == "estimate" else "share": ends[1]})
    with pytest.raises(AuditFileError):
        audit_json.loads(json.dumps(content))


def test_json_too_deep_to_read_is_no_audit():
    with pytest.raises(AuditFileError, match="not JSON"):
        audit_json.loads("[" * 100_000)


@pytest.mark.parametrize("read", [auditor.load, lambda path: auditor.diff(path, path)], ids=["load", "diff"])
@pytest.mark.parametrize("content", ["{", '{"schema": "auditor/1"}', None], ids=["cut off", "old", "missing"])
def test_an_error_names_the_file(tmp_path, read, content):
    path = tmp_path / "broken.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(AuditFileError, match=r"broken\.json: "):
        read(path)


@pytest.mark.parametrize("wrong", [{"low": 2.0}, {"fraction_without": -0.5}, {"high": 0.1}])
def test_impossible_estimates_of_subgroups_are_refused(wrong):
    estimate = {"point": 0.5, "low": 0.2, "high": 0.9, "fraction_without": 0.1, "is_mostly_synthetic": False}
    content = json.loads(text(full()))
    content["subgroups"][0]["estimate"] = estimate
    assert audit_json.loads(json.dumps(content)).subgroups[0].estimate.point == 0.5
    content["subgroups"][0]["estimate"] = {**estimate, **wrong}
    with pytest.raises(AuditFileError, match="shares must be from 0 to 1|low must not be above high"):
        audit_json.loads(json.dumps(content))


def changed(path, value):
    """The text of an audit with one value changed."""
    labels = Labels({"unknown": LabelCounts(9, 1, 2, 3)}, 2, 1, 0, 1, {"looks": 6})
    content = json.loads(text(audit(1000, 30, estimate=replace(ESTIMATES["near"], labels=labels, flagged=3),
                                    subgroups=(source("a", 10, 1),))))  # fmt: skip
    *folders, name = path.split(".")
    place = content
    for folder in folders:
        place = place[int(folder) if folder.isdigit() else folder]
    place[int(name) if name.isdigit() else name] = value
    return json.dumps(content)


@pytest.mark.parametrize("huge", [2**63, 10**30, 1e300])
@pytest.mark.parametrize("wrong", [-1, "3", 0.5, True, None, [], {}])
@pytest.mark.parametrize("field", ["counts.rows", "estimate.labels.annotators", "confirmed.count", "subgroups.0.rows"])
def test_a_count_that_is_none_is_refused_with_its_field(field, wrong, huge):
    for value in (wrong, huge):
        with pytest.raises(AuditFileError, match=rf"{field.rpartition('.')[2]}.*scan again"):
            audit_json.loads(changed(field, value))


@pytest.mark.parametrize(
    ("field", "value", "fault"),
    [
        ("estimate.labels.annotators", -3, "must be a whole number.*estimate.labels.annotators"),
        ("estimate.labels.annotators", 0, "estimate.labels.annotators: must be at least 1"),
        ("estimate.labels.strata.unknown.unsure", 7, "strata.unknown.rows: .* must be at most rows"),
        ("estimate.labels.disagreements", 3, "estimate.labels.disagreements: must be at most double_annotated"),
        ("estimate.point", "0.1", "must be a finite number, got '0.1'.*estimate.point"),
        ("estimate.point", 10**400, "must be a finite number.*estimate.point"),
        ("estimate.point", 1.5, "estimate.point: shares must be from 0 to 1"),
        ("estimate.low", 0.5, "estimate: low must not be above high"),
        ("estimate.confidence", 2.0, "estimate.confidence: shares"),
        ("estimate.flagged", 1001, "estimate.flagged: must be at most n"),
        ("estimate.method", 3, "must be a text.*estimate.method"),
        ("confirmed.source_interval", [0.5, 0.1], "confirmed.source_interval: low must not be above high"),
        ("confirmed.n", 1001, "confirmed.n: must be at most counts.rows"),
        ("confirmed.count", 1001, "confirmed.count: must be at most n"),
        ("counts.ok", 999, "counts.rows: must be the sum"),
        ("coverage.declared.share", 1.1, "coverage.declared.share: shares"),
        ("coverage.declared.evaluable", 1001, "coverage.declared.evaluable: must be at most counts.rows"),
        ("coverage", {"magic": {"evaluable": 1, "share": 1.0}}, "coverage: must have the keys"),
        ("subgroups.0.by", "\x1b[2J", "subgroups.0..by: must be one of"),
        ("subgroups.0.flagged", 3, "subgroups.0..flagged: must be at most scored"),
        ("extras", {"stock_watermarks": {"known": -1}}, "extras.stock_watermarks"),
        ("config.sampling.margin", 7.0, "`margin`"),
        ("config.sampling.sample_shards", 1, "`sample_shards` must be a whole number of at least 2"),
        ("inputs", 3, "inputs"),
    ],
)  # fmt: skip
def test_hostile_values_are_refused_with_their_field(field, value, fault):
    with pytest.raises(AuditFileError, match=fault):
        audit_json.loads(changed(field, value))


@pytest.mark.parametrize(
    ("field", "value"),
    [("decision.exit_code", -1), ("decision.rules", "x"), ("decision", [1]), ("mad.limit", 3.0), ("mad.dimension", 0)],
)
def test_hostile_decisions_are_refused(field, value):
    with pytest.raises(AuditFileError, match="scan again"):
        audit_json.decision_of(changed(field, value))


def test_hidden_characters_are_escapes_in_the_file():
    hostile = audit(inputs=(InputRecord("a\u202egnp.\x9b\ud800\U000e0001é", "folder", 1000),))
    written = text(hostile)
    assert written.isascii() is False
    assert written.replace("\n", "").isprintable()
    assert audit_json.loads(written).inputs == hostile.inputs
