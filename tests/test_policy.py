import datetime
import json
from dataclasses import MISSING, fields, replace

import pytest
from audits import ESTIMATES, audit, estimate, source
from hypothesis import given
from hypothesis import strategies as st

import auditor
from auditor import audit_json
from auditor.config import Config
from auditor.decision import MadLevel, Outcome
from auditor.errors import PolicyError
from auditor.policy import policy
from auditor.policy.policy import decide, parse
from auditor.policy.rule import Context
from auditor.policy.rules import RULES
from auditor.results import OTHERS, Counts, Coverage, EffectiveSampleSize, FprScenario, ShardSample
from auditor.types import Need

TODAY = Context(today=datetime.date(2026, 6, 1), audited=datetime.date(2026, 5, 1))


def outcome(text, of, context=TODAY):
    return decide(of, parse(text), context).outcome


def rule(id, **settings):
    return f"[rules.{id}]\n" + "\n".join(f"{k.replace('_', '-')} = {v!r}" for k, v in settings.items()).replace(
        "'", '"'
    )


def test_the_mark_at_the_beginning_that_editors_write_is_ignored():
    assert parse("\ufeff[rules.declared]\nmax = 0.1\n") == parse("[rules.declared]\nmax = 0.1\n")


def test_a_share_fails_passes_or_is_inconclusive_by_its_interval():
    text = rule("synthetic-fraction", max=0.05)
    assert outcome(text, audit(estimate=estimate(0.079, 0.068, 0.091))) is Outcome.FAIL
    assert outcome(text, audit(estimate=estimate(0.04, 0.03, 0.06))) is Outcome.INCONCLUSIVE
    assert outcome(text, audit(estimate=estimate(0.06, 0.04, 0.08))) is Outcome.INCONCLUSIVE
    assert outcome(text, audit(estimate=estimate(0.01, 0.0, 0.05))) is Outcome.PASS


def test_the_reason_gives_the_bound_that_decides_and_the_limit():
    decision = decide(audit(estimate=estimate(0.079, 0.068, 0.091)), parse(rule("synthetic-fraction", max=0.05)))
    assert decision.reason == "at least 6.8 % synthetic; the policy allows 5.0 % · 1 of 1 rule failed"
    assert decision.exit_code == 1


@pytest.mark.parametrize(
    ("found", "headline", "reason"),
    [
        ("safe", "OK", "at most 2.0 % synthetic; the MAD limit is 14.9 % · 5 rules passed"),
        (
            "near",
            "OK, with a warning",
            "at most 12.0 % synthetic; the MAD limit is 14.9 %, and a warning begins at 4.8 % · 5 rules passed",
        ),
        ("inconclusive", "Cannot decide yet", "10.0 to 20.0 % synthetic; the MAD limit is 14.9 % · 1 of 5 rules inconclusive"),
        ("over", "Do not train yet", "at least 20.0 % synthetic; the MAD limit is 14.9 % · 1 of 5 rules failed"),
    ],
)  # fmt: skip
def test_the_default_policy_in_words(found, headline, reason):
    decision = decide(audit(1000, estimate=ESTIMATES[found]), policy.default())
    assert (decision.headline, decision.reason) == (headline, reason)


def test_without_an_estimate_there_is_no_pass_on_the_fraction_or_on_mad():
    assert outcome(rule("synthetic-fraction", max=1.0), audit()) is Outcome.INCONCLUSIVE
    assert outcome(rule("mad", fail="over"), audit()) is Outcome.INCONCLUSIVE


def test_a_policy_without_such_a_rule_can_pass_without_an_estimate():
    assert outcome(rule("declared", max=0.1), audit()) is Outcome.PASS


def test_any_failure_fails_and_any_doubt_is_inconclusive():
    fails, doubts, passes = rule("declared", max=0.1), rule("mad"), rule("decoded", min=0.5)
    assert outcome(f"{fails}\n{doubts}\n{passes}", audit(synthetic=500)) is Outcome.FAIL
    assert outcome(f"{fails}\n{doubts}\n{passes}", audit()) is Outcome.INCONCLUSIVE
    assert outcome(f"{fails}\n{passes}", audit()) is Outcome.PASS


@pytest.mark.parametrize(
    ("status", "expected"),
    [("safe", Outcome.PASS), ("near", Outcome.PASS), ("over", Outcome.FAIL), ("inconclusive", Outcome.INCONCLUSIVE)],
)
def test_mad_fails_on_over_and_warns_on_near_by_default(status, expected):
    decision = decide(audit(estimate=ESTIMATES[status]), policy.default())
    assert decision.outcome is expected
    assert ("warning" in decision.reason) == (status == "near")


def test_mad_can_be_told_to_fail_on_near():
    assert outcome(rule("mad", fail="near"), audit(estimate=ESTIMATES["near"])) is Outcome.FAIL


def test_the_policys_own_assumptions_move_the_limit():
    of = audit(1000, 120)
    for text, limit in (("", 0.149), ("[mad]\nlambda = 0.5", 0.095), ("[mad]\ndelta = 0.02", 0.064)):
        decision = decide(of, parse(f"{rule('declared', max='mad-limit')}\n{text}"))
        assert decision.mad.limit == pytest.approx(limit, abs=1e-3)
        assert decision.rules[0].limit == decision.mad.limit
        assert decision.outcome is (Outcome.PASS if limit > 0.12 else Outcome.FAIL)
        assert decision.mad.status == ("inconclusive" if limit > 0.12 else "over")


def test_a_lambda_outside_of_the_usual_range_widens_it():
    assert parse(f"{rule('mad')}\n[mad]\nlambda = 0.95").mad.lambda_high == 0.95


def test_where_a_dataset_stands_is_told_without_a_rule_on_it():
    assert decide(audit(1000, 300), parse(rule("decoded", min=0.5))).mad.status == "over"
    assert decide(audit(0, no_bytes=5), policy.default()).mad is None


def test_the_default_policy_fails_on_a_declared_share_over_the_mad_limit():
    safe = {"estimate": ESTIMATES["safe"]}
    assert decide(audit(1000, 148, **safe), policy.default()).outcome is Outcome.PASS
    assert decide(audit(1000, 150, **safe), policy.default()).outcome is Outcome.FAIL


def test_the_default_policy_needs_half_of_the_rows_and_tolerates_a_fifth_of_unreadable_ones():
    safe = {"estimate": ESTIMATES["safe"]}
    assert decide(audit(49, no_bytes=51, **safe), policy.default()).outcome is Outcome.INCONCLUSIVE
    assert decide(audit(50, no_bytes=50, **safe), policy.default()).outcome is Outcome.PASS
    assert decide(audit(79, unreadable=21, **safe), policy.default()).outcome is Outcome.FAIL
    assert decide(audit(80, unreadable=20, **safe), policy.default()).outcome is Outcome.PASS


def test_an_audit_that_decoded_nothing_cannot_satisfy_a_rule_on_decoding():
    assert outcome(rule("decoded", min=0.0), audit(config=Config.of(depth=Need.FILE))) is Outcome.INCONCLUSIVE


def test_nothing_can_be_concluded_of_nothing():
    empty = audit(0, counts=Counts(), coverage={})
    blind = audit(coverage={})
    for nothing in (empty, blind):
        assert outcome(rule("unreadable", max=1.0), nothing) is Outcome.INCONCLUSIVE


def test_the_worst_source_counts_if_it_is_large_enough():
    strata = (source("big", 1000, 10), source("bad", 600, 300), source("tiny", 5, 5))
    assert outcome(rule("worst-source", max=0.2), audit(subgroups=strata)) is Outcome.FAIL
    assert outcome(rule("worst-source", max=0.9), audit(subgroups=strata)) is Outcome.PASS
    assert outcome(rule("worst-source", max=0.9, least_n=1), audit(subgroups=strata)) is Outcome.INCONCLUSIVE
    assert outcome(rule("worst-source", max=0.2), audit(subgroups=strata[2:])) is Outcome.INCONCLUSIVE


def test_a_warning_is_no_pass_where_labels_are_required():
    near = audit(estimate=ESTIMATES["near"])
    assert outcome(rule("mad", warn="near"), near) is Outcome.PASS
    assert outcome(rule("mad", warn="near", basis="labels"), near) is Outcome.INCONCLUSIVE


def test_where_evidence_decides_every_image_there_is_nothing_to_label():
    exact = replace(estimate(0.02, 0.02, 0.02), n=0)
    assert outcome(rule("synthetic-fraction", max=0.1, basis="labels"), audit(estimate=exact)) is Outcome.PASS


def with_factors(found, high):
    """The estimate with the upper end that each factor on the false-positive rate gives."""
    scenarios = tuple(FprScenario(factor, found.low, end) for factor, end in high.items())
    return audit(estimate=replace(found, fpr_scenarios=scenarios))


def test_where_near_is_fatal_the_upper_end_decides_and_its_robustness_counts():
    text, near = rule("mad", fail="near", tipping=2.0), ESTIMATES["near"]
    assert outcome(text, with_factors(near, {0.5: 0.2, 1: 0.12, 3: 0.11})) is Outcome.FAIL
    assert outcome(text, with_factors(near, {0.5: 0.2, 1: 0.12, 1.5: 0.01})) is Outcome.INCONCLUSIVE
    safe = ESTIMATES["safe"]
    assert outcome(text, with_factors(safe, {0.2: 0.03, 1: 0.02, 2: 0.01})) is Outcome.PASS
    assert outcome(text, with_factors(safe, {0.9: 0.06, 1: 0.02, 2: 0.01})) is Outcome.INCONCLUSIVE


def test_rows_of_a_sample_speak_for_the_others_within_an_interval():
    def of(unreadable, rows):
        return audit(10**5, sample=Counts(rows, rows - unreadable, unreadable=unreadable))

    text = rule("unreadable", max=0.2)
    assert outcome(text, of(110, 500)) is Outcome.INCONCLUSIVE
    assert outcome(text, of(90, 500)) is Outcome.INCONCLUSIVE
    assert outcome(text, of(50, 500)) is Outcome.PASS
    assert outcome(text, of(150, 500)) is Outcome.FAIL
    assert outcome(rule("unreadable", max=0.0), of(0, 500)) is Outcome.PASS
    assert outcome(rule("unreadable", max=0.0), of(1, 500)) is Outcome.FAIL
    assert outcome(rule("decoded", min=1.0, below="fail"), of(0, 500)) is Outcome.PASS
    text = rule("decoded", min=0.8, below="fail")
    assert outcome(text, of(110, 500)) is Outcome.INCONCLUSIVE
    assert outcome(text, of(50, 500)) is Outcome.PASS
    assert outcome(text, of(150, 500)) is Outcome.FAIL


def test_an_increase_is_measured_against_a_baseline():
    text, before = rule("increase", max=0.01), Context(baseline=audit(1000, 50))
    assert outcome(text, audit(1000, 55), before) is Outcome.PASS
    assert outcome(text, audit(1000, 80), before) is Outcome.FAIL
    assert outcome(text, audit(1000, 80)) is Outcome.INCONCLUSIVE
    # where only one has an estimate, or they rest on different counts, declared shares are compared
    assert outcome(text, audit(1000, 55, estimate=estimate(0.5, 0.4, 0.6)), before) is Outcome.PASS
    assert outcome(text, audit(1000, 80, estimate=estimate(0.1, 0.1, 0.1)), before) is Outcome.FAIL


def test_a_dataset_has_not_grown_against_itself_however_wide_its_estimate():
    same = audit(1000, 50, estimate=estimate(0.3, 0.1, 0.5))
    assert outcome(rule("increase", max=0.0), same, Context(baseline=same)) is Outcome.PASS


def test_a_model_whose_errors_nobody_measured_is_no_evidence():
    seen = replace(audit(100), coverage={"statistical": Coverage(100, 1.0), "prior": Coverage(100, 1.0)})
    assert outcome(rule("unreadable", max=0.5), seen) is Outcome.INCONCLUSIVE
    assert outcome(rule("observable", min=0.1, evidence="statistical"), seen) is Outcome.INCONCLUSIVE


def test_coverage_can_be_demanded():
    seen = audit(60, no_bytes=40)
    assert outcome(rule("observable", min=0.5), seen) is Outcome.PASS
    assert outcome(rule("observable", min=0.7), seen) is Outcome.INCONCLUSIVE
    assert outcome(rule("observable", min=0.7, below="fail"), seen) is Outcome.FAIL
    assert outcome(rule("observable", min=0.1, evidence="matched"), seen) is Outcome.INCONCLUSIVE


def test_the_age_of_an_audit_can_be_bounded():
    assert outcome(rule("audit-age", max_days=31), audit()) is Outcome.PASS
    assert outcome(rule("audit-age", max_days=30), audit()) is Outcome.FAIL
    assert outcome(rule("audit-age", max_days=30), audit(), Context()) is Outcome.INCONCLUSIVE
    ahead = Context(today=datetime.date(2026, 6, 1), audited=datetime.date(2026, 6, 2))
    assert outcome(rule("audit-age", max_days=30), audit(), ahead) is Outcome.INCONCLUSIVE


EXEMPT = '[[exemptions]]\nrule = "declared"\nreason = "known, ticket 12"\nexpires = {}\n'


def test_an_exemption_holds_through_its_last_day_and_is_shown():
    text = rule("declared", max=0.1) + "\n" + EXEMPT.format("2026-06-01")
    decision = decide(audit(synthetic=500), parse(text), TODAY)
    assert decision.outcome is Outcome.PASS
    assert decision.rules[0].outcome is Outcome.EXEMPT
    assert "ticket 12" in decision.rules[0].reason


def test_an_exemption_that_ended_does_not_hold():
    text = rule("declared", max=0.1) + "\n" + EXEMPT.format("2026-05-31")
    decision = decide(audit(synthetic=500), parse(text), TODAY)
    assert decision.outcome is Outcome.FAIL
    assert "its exemption ended on 2026-05-31" in decision.reason


RULE = "[rules.declared]\nmax = 0.1"


def test_a_policy_can_live_in_a_pyproject():
    text = '[project]\nname = "x"\n[tool.auditor]\nname = "ours"\n[tool.auditor.rules.declared]\nmax = 0.02\n'
    assert parse(text).name == "ours"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rules = [", "not TOML"),
        ("", "at least one"),
        ("[tool.other]\nx = 1", "at least one"),
        ("[rules.declard]\nmax = 0.1", "did you mean declared"),
        ("[rules.declard]\nmax = 0.1", "no rule 'declard'; did you mean declared\\? there are: synthetic-fraction, "),
        ("[rules.x]\nmax = 0.1", "no rule 'x'; there are: synthetic-fraction, "),
        ("[rules.declared]\nmaximum = 0.1", "no setting 'maximum'; there are: max"),
        (
            "[rules.worst-source]\nmax = 0.1\nleast = 5",
            "rules.worst-source has no setting 'least'; there are: max, least-n",
        ),
        ("[rules.worst-source]\nmax = 0.1\nleast_n = 5", "no setting 'least_n'; .* did you mean least-n?"),
        ("[rules.worst-source]\nleast-n = 5", "rules.worst-source needs max"),
        ("[rules.decoded]\nmin = 2\nbelow = 'warn'", "rules.decoded.min must be a fraction from 0 to 1 .*, got 2"),
        (
            "[rules.decoded]\nmin = 1\nbelow = 'warn'",
            "rules.decoded.below must be one of inconclusive, fail, got 'warn'",
        ),
        ("[rules.decoded]\nmin = [1]", r"rules.decoded.min must be a fraction .*, got \[1\]"),
        (
            "[rules.observable]\nmin = 1\nevidence = 3",
            "rules.observable.evidence must be one of declared, matched, .*, got 3",
        ),
        ("[rules.mad]\ntipping = 0.5", "rules.mad.tipping must be a factor from 1 to 20, got 0.5"),
        (f"[mad]\nlambda-range = [0.5]\n{RULE}", r"lambda-range must be two numbers, like .*, got \[0.5\]"),
        (f"[mad]\nlambda-range = 0.5\n{RULE}", r"lambda-range must be two numbers, like .*, got 0.5"),
        (f"[mad]\nlambda = true\n{RULE}", "its values must be numbers, got True"),
        ("[rules.declared]\nmax = 5", "5 % is 0.05"),
        ("[rules.declared]\nmax = true", "5 % is 0.05"),
        ("[rules.declared]", "needs max"),
        ("[rules]\ndeclared = 3", "must be a table"),
        ("[rules.mad]\nfail = 'always'", "one of over, near"),
        ("[rules.worst-source]\nmax = 0.1\nleast-n = 0", "whole number above 0"),
        ("[rules.mad]\n[limits]\nx = 1", "unknown keys limits"),
        ("[rules.mad]\n[mad]\nlamda = 0.7", r"\[mad\]: unknown lamda; it can have lambda"),
        ("mad = 3\n[rules.mad]", r"\[mad\]: not a table"),
        ("[rules.mad]\n[mad]\nlambda = 1.2", "between 0 and 1"),
        ("[rules.mad]\n[mad]\nlambda = 0.3\nlambda-range = [0.5, 0.9]", "must be within lambda-range"),
        ("[rules.mad]\n[mad]\nlambda-range = 0.5", r"\[mad\]:"),
        ("[rules.mad]\n[mad]\ndelta = 0", "delta must be between 0 and 1, .*got delta = 0"),
        ("[rules.mad]\n[mad]\ndimension = inf", "dimension = inf"),
        ("[rules.mad]\n[mad]\ndimension = 'many'", r"\[mad\]:"),
        ("[rules.mad]\n[[exemptions]]\nrule = 'mad'", "a reason and its last day"),
        ("[rules.mad]\n[[exemptions]]\nrule='declared'\nreason='x'\nexpires=2026-01-01", "not a rule of this policy"),
        ("[rules.mad]\n[[exemptions]]\nrule='mad'\nreason=' '\nexpires=2026-01-01", "needs a reason and its last day"),
        ("[rules.mad]\n[[exemptions]]\nrule='mad'\nreason='x'\nexpires='soon'", "needs a reason and its last day"),
    ],
)
def test_a_policy_that_is_wrong_says_what_and_what_to_do(text, message):
    with pytest.raises(PolicyError, match=message):
        parse(text)


def test_settings_are_typed_and_those_left_out_have_their_defaults():
    [made] = parse(rule("decoded", min=1)).rules
    assert (made, made.below) == (RULES["decoded"](min=1.0), Outcome.INCONCLUSIVE)
    [made] = parse(rule("mad", fail="near", warn="near")).rules
    assert (made.fail, made.warn, made.tipping) == (MadLevel.NEAR, MadLevel.NEAR, 1.0)


def test_the_record_of_a_policy_has_the_settings_as_they_were_written():
    found = policy.to_dict(parse(rule("worst-source", max=1, least_n=20) + "\n" + rule("mad")))
    assert found["rules"] == [
        {"id": "worst-source", "settings": {"max": 1, "least-n": 20}},
        {"id": "mad", "settings": {}},
    ]


def test_every_rule_gives_a_result_with_a_reason_for_every_audit():
    for id, kind in RULES.items():
        needed = {"max": 0.5, "min": 0.5, "max_days": 3}
        made = kind(**{found.name: needed[found.name] for found in fields(kind) if found.default is MISSING})
        for of in (audit(), audit(0), audit(0, counts=Counts(), coverage={}), audit(10, 3, unreadable=4)):
            result = made.evaluate(of, Context())
            assert result.id == id
            assert isinstance(result.outcome, Outcome), id
            assert result.reason


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_a_looser_limit_never_turns_a_pass_into_a_failure(a, b, c, d):
    low, high = sorted((a, b))
    strict, loose = sorted((c, d))
    of = audit(estimate=estimate((low + high) / 2, low, high))
    order = [Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.PASS]
    outcomes = [outcome(rule("synthetic-fraction", max=limit), of) for limit in (strict, loose)]
    assert order.index(outcomes[0]) <= order.index(outcomes[1])


PRIORS_ONLY = {"coverage": {"declared": Coverage(0, 0.0), "matched": Coverage(0, 0.0), "prior": Coverage(1000, 1.0)}}


@pytest.mark.parametrize(
    "text", [rule("declared", max=0.05), rule("worst-source", max=0.05, least_n=1), rule("increase", max=0.5)]
)
def test_what_could_not_be_seen_is_not_absent(text):
    blind = audit(1000, 0, subgroups=(source("a", 1000, 0),), **PRIORS_ONLY)
    context = Context(baseline=blind)
    decision = decide(blind, parse(text), context)
    assert decision.outcome is Outcome.INCONCLUSIVE
    assert [r.outcome for r in decision.rules if r.id != "rows"] == [Outcome.INCONCLUSIVE]


@pytest.mark.parametrize("share", [-1e-12, 1 + 1e-12])
def test_rounding_is_no_reason_to_refuse_an_audit(share):
    made = audit(estimate=estimate(share, share, share))
    assert audit_json.loads(audit_json.dumps(made, decide(made, policy.default()))) == made


def test_what_is_not_listed_is_no_source():
    strata = (source("a", 1000, 0), source(OTHERS, 5000, 4000))
    assert outcome(rule("worst-source", max=0.2), audit(subgroups=strata)) is Outcome.PASS


def test_an_exempt_rule_has_not_passed():
    text = rule("declared", max=0.01) + "\n[[exemptions]]\nrule = 'declared'\nreason = 'x'\nexpires = 2026-12-31"
    assert decide(audit(1000, 500), parse(text), TODAY).reason == "0 rules passed · 1 exempt"


def test_of_several_exemptions_the_last_one_counts():
    text = rule("declared", max=0.1) + "".join(
        f'\n[[exemptions]]\nrule = "declared"\nreason = "{day}"\nexpires = {day}\n'
        for day in ("2026-05-31", "2026-07-31", "2026-04-30")
    )
    decision = decide(audit(synthetic=500), parse(text), TODAY)
    assert decision.outcome is Outcome.PASS
    assert "exempt until 2026-07-31" in decision.rules[0].reason


@pytest.mark.parametrize(
    "text", ["exemptions = 5\n", 'exemptions = "x"\n', 'exemptions = [{rule = ["mad"], reason = "r", expires = 2027-01-01}]\n']
)  # fmt: skip
def test_exemptions_of_another_kind_are_refused(text):
    with pytest.raises(PolicyError, match="exemption"):
        parse(text + rule("mad"))


def test_the_age_of_an_audit_of_which_nobody_told_the_day_is_unknown(tmp_path):
    made = parse(rule("audit-age", max_days=30))
    assert auditor.decide(audit(), made).outcome is Outcome.INCONCLUSIVE
    assert auditor.decide(audit(), made, audited=datetime.date.today()).outcome is Outcome.PASS


def test_what_brings_a_dataset_back_is_of_the_dataset_not_of_its_sample():
    whole = audit(100_000, estimate=estimate(0.25, 0.2, 0.3))
    sampled = audit(1000, no_bytes=99_000, estimate=estimate(0.25, 0.2, 0.3), sample=Counts(1000, 1000))
    shards = audit(
        1000, estimate=estimate(0.25, 0.2, 0.3), shards=ShardSample(10, 1000, EffectiveSampleSize(1000, 100.0, 10.0))
    )
    told = [decide(of, parse(rule("mad"))).mad for of in (whole, sampled, shards)]
    assert told[0].advice == told[1].advice == told[2].advice
    assert told[0].limits == told[1].limits == told[2].limits


def test_a_policy_in_an_audit_is_the_one_of_the_file():
    text = """
name = "ours"
[rules.mad]
warn = "near"
[rules.worst-source]
max = 0.2
least-n = 20
[mad]
lambda = 0.8
delta = 0.02
[[exemptions]]
rule = "mad"
reason = "known"
expires = 2031-01-31
"""
    for written in (text, policy.DEFAULT, text.replace("delta = 0.02", "dimension = 7")):
        parsed = policy.parse(written)
        again = policy.from_dict(json.loads(json.dumps(policy.to_dict(parsed))))
        assert again == parsed


@pytest.mark.parametrize(
    "plain", [{}, {"rules": [1]}, {"rules": [{"id": "mad"}]}, {"rules": [{"id": "no", "settings": {}}]}]
)
def test_a_policy_in_an_audit_that_cannot_be_read_is_refused(plain):
    with pytest.raises(PolicyError):
        policy.from_dict(plain)
