"""What reports say about captions, and what they never say."""

import re
from dataclasses import replace

import pytest
from audits import audit, captions

import auditor
from auditor.caption_results import FlagRate, HumanReference
from auditor.policy.policy import decide, parse
from reports.captions import lines

FORMATS = ("terminal", "markdown", "html")


def said(**more):
    return " · ".join(lines(audit(captions=captions(**more))))


def test_a_bound_is_said_with_what_it_rests_on():
    assert said().startswith(
        "at least 6.8 % of images have a model-generated caption (artefacts of captioning models in 90 of"
    )


def test_without_a_bound_nothing_can_be_told():
    assert said(hits=0).startswith("cannot tell who wrote them: no artefact of a captioning model on 1,000 images")
    assert said(hits=3).startswith(
        "cannot tell who wrote them: artefacts of captioning models in 3 of 1,000, which captions by"
    )


def test_prompts_are_said_with_what_the_classifier_flags():
    text = said()
    assert "12.0 % of captions are generation prompts by their syntax (120 of 1,000)" in text
    assert "the classifier flags 31.0 % (31 of 100; 95 % CI 20.0 to 40.0 %) of the images with such captions" in text
    assert "3.1 times as often" in text


def test_flags_are_not_compared_where_none_was_scored():
    found = captions()
    prompts = replace(found.prompts, inside=FlagRate(0, 0, None, 0.0, 1.0), image_flag_ratio=None)
    assert "the classifier flags" not in " ".join(lines(audit(captions=replace(found, prompts=prompts))))


def test_a_figure_outside_of_the_human_range_is_said_with_the_range():
    assert "95.0 % of captions begin with one of the ten commonest openings (people: 5.0 to 61.0 %)" in said()


def test_a_machine_s_column_is_said_with_how_to_audit_it():
    assert "not audited; --caption-col" in said()


def test_captions_in_other_languages_are_said_not_to_show_artefacts():
    assert "artefacts are known in English only; 99 of 100" in said(languages={"English": 1, "Arabic script": 99})


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("hits", [0, 3, 90, 1000])
def test_no_report_calls_captions_human_or_gives_a_point_share(format, hits):
    of = audit(captions=captions(hits=hits))
    text = re.sub(
        r"<style>.*?</style>|<svg.*?</svg>", "", auditor.render(of, auditor.decide(of), format), flags=re.DOTALL
    )
    assert not re.search(r"human[- ]written|written by (?:people|humans)", text, re.IGNORECASE)
    if hits < 6:
        assert not re.search(r"at least [\d.]+ % of images have a machine", text, re.IGNORECASE)
    assert f"{hits / 10:.1f} % machine" not in text


RULES = {
    "captions-machine": ("at least 6.8 % of images with a model-generated caption; the policy allows 5.0 %", 0.05),
    "captions-prompt": ("12.0 % of captions have the syntax of prompts; the policy allows 10.0 %", 0.1),
    "captions-diversity": (
        "95.0 % of captions begin with one of the ten commonest openings; the policy allows 50.0 %",
        0.5,
    ),
}


@pytest.mark.parametrize("id", RULES)
def test_a_rule_on_captions_fails_above_its_limit_and_passes_below(id):
    reason, limit = RULES[id]
    of = audit(captions=captions())
    (result,) = decide(of, parse(f"[rules.{id}]\nmax = {limit}")).rules
    assert (result.outcome, result.reason) == ("fail", reason)
    (result,) = decide(of, parse(f"[rules.{id}]\nmax = 1.0")).rules
    assert result.outcome == "pass"


@pytest.mark.parametrize("id", RULES)
def test_a_rule_on_captions_is_inconclusive_without_them(id):
    nothing = captions(artefacts=None, prompts=None, diversity=None)
    for of in (audit(), audit(captions=nothing)):
        (result,) = decide(of, parse(f"[rules.{id}]\nmax = 0.5")).rules
        assert result.outcome == "inconclusive"
    assert "--caption-col names their column" in result.reason


def test_a_bound_of_nothing_passes_and_says_so():
    (result,) = decide(audit(captions=captions(hits=0)), parse("[rules.captions-machine]\nmax = 0.0")).rules
    assert (result.outcome, result.value) == ("pass", 0.0)
    assert result.reason.startswith("cannot tell who wrote the captions")


def test_a_bound_by_a_reference_says_what_it_depends_on():
    found = HumanReference("people.csv", 1000, 2000, 9, 300, 0.12)
    text = said(hits=0, reference=found)
    assert (
        "at least 12.0 % of captions are unlike people.csv (300 of 2,000 flagged, and 9 of 1,000 in the reference)"
        in text
    )
    assert "only if captions by people are alike in both" in text
    of = audit(captions=captions(hits=0, reference=found))
    (result,) = decide(of, parse("[rules.captions-machine]\nmax = 0.1")).rules
    assert result.outcome == "fail"
    assert (
        result.reason == "at least 12.0 % of captions unlike people.csv, which people wrote; the policy allows 10.0 %"
    )
