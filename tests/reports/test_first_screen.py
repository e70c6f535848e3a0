"""The first screen: the same in every format, readable at a glance, and with commands that run as they stand."""

import re
import shlex
import shutil
from dataclasses import replace

import making
import pytest
from audits import ESTIMATES, audit, source
from commands import run

import auditor
from auditor.annotation.app.server import LabelServer
from auditor.annotation.planning import NUMBERS, labels_to_decide
from auditor.decision import Outcome
from auditor.policy import policy
from auditor.results import MetadataCount, SubgroupEstimate
from reports import next_steps
from reports.first_screen import first_screen

PAGES = ("terminal", "markdown", "html")  # with commands for people to copy
FORMATS = (*PAGES, "notebook")
SUSPECT = replace(
    source("bad.example", 100, 40), scored=60, flagged=30, estimate=SubgroupEstimate(0.9, 0.7, 1.0, 0.12, True)
)
AUDITS = {
    Outcome.PASS: audit(estimate=ESTIMATES["safe"]),
    Outcome.FAIL: audit(1000, 30, estimate=ESTIMATES["over"], subgroups=(SUSPECT, source("good.example", 900, 0))),
    Outcome.INCONCLUSIVE: audit(1000, 0, unreadable=20, estimate=ESTIMATES["inconclusive"]),
}


def plain(text: str) -> str:
    """What a reader sees of a page or of Markdown."""
    text = re.sub(r"<style>.*?</style>|<script>.*?</script>|<svg.*?</svg>|<[^>]+>", "", text, flags=re.DOTALL)
    return " ".join(text.replace("&#39;", "'").replace("&#34;", '"').replace("\\", "").split())


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("outcome", AUDITS)
def test_every_format_says_verdict_bound_basis_and_next_action(format, outcome):
    of = AUDITS[outcome]
    decision = auditor.decide(of)
    assert decision.outcome is outcome
    screen = first_screen(of, decision, "my audit")
    text = plain(auditor.render(of, decision, format, folder="my audit"))
    for said in (screen.finding, screen.basis, screen.outcome, screen.estimate, screen.action.text):
        assert said in text or said[:1].upper() + said[1:] in text
    assert screen.headline.lower() in text.lower()
    assert "'my audit'" in text
    for each in screen.suspects:
        assert each.value in text
        assert each.flagged in text


@pytest.mark.parametrize("outcome", AUDITS)
def test_the_terminals_lines_have_at_most_80_characters_and_whole_words(outcome):
    of = replace(AUDITS[outcome], metadata=MetadataCount(1000, 300))
    text = auditor.render(of, auditor.decide(of), "terminal", folder="an/audit/in/a/folder")
    assert max(map(len, text.splitlines())) <= 80
    assert "no metadata on 700 of 1,000 images" in " ".join(text.split())
    assert len(text.splitlines()) < 30


def test_the_first_lines_are_the_verdict_and_the_bound():
    lines = auditor.render(AUDITS[Outcome.FAIL], auditor.decide(AUDITS[Outcome.FAIL]), "terminal").splitlines()
    assert lines[:2] == [
        "DO NOT TRAIN YET · set (folder, 1,000 rows)",
        "At least 20.0 % synthetic; the MAD limit is 14.9 %",
    ]


def test_a_wide_interval_has_no_point():
    wide = replace(ESTIMATES["inconclusive"], low=0.01, high=0.9)
    screens = [
        first_screen(audit(estimate=e), auditor.decide(audit(estimate=e)), "a") for e in (wide, ESTIMATES["near"])
    ]
    assert [screen.scale.point for screen in screens] == [None, 0.10]
    assert ["most probably" in screen.estimate for screen in screens] == [False, True]


def test_one_limit_is_shown_and_it_is_the_deciding_one():
    strict = policy.parse("[rules.synthetic-fraction]\nmax = 0.05\n[rules.mad]\n")
    of = AUDITS[Outcome.FAIL]
    assert first_screen(of, policy.decide(of, strict), "a").scale.limit == 0.05
    assert first_screen(of, auditor.decide(of), "a").scale.limit_name == "MAD limit"


def test_a_pass_with_a_warning_does_not_look_like_a_pass():
    of = audit(estimate=ESTIMATES["near"])
    warned = policy.decide(of, policy.parse('[rules.mad]\nwarn = "near"\n'))
    assert warned.outcome is Outcome.PASS
    assert first_screen(of, warned, "a").appearance is Outcome.WARN
    assert auditor.render(of, warned, "terminal").startswith("OK, WITH A WARNING")


def test_a_decision_is_true_for_a_pass_only():
    assert [bool(auditor.decide(of)) for of in AUDITS.values()] == [True, False, False]


def test_a_dataset_without_metadata_says_that_finding_none_means_nothing():
    of = audit(estimate=ESTIMATES["safe"], metadata=MetadataCount(600, 0))
    assert "no metadata on any of 600 images" in first_screen(of, auditor.decide(of), "a").basis


def test_a_notebook_shows_the_first_screen_of_an_audit_without_scripts():
    found = AUDITS[Outcome.FAIL]._repr_html_()
    assert "Do not train yet" in found
    assert "<script" not in found
    assert (
        "&lt;i&gt;"
        in audit(estimate=ESTIMATES["over"], subgroups=(replace(SUSPECT, value="<i>"), SUSPECT))._repr_html_()
    )


# ---- how many labels


@pytest.mark.parametrize(("low", "high", "limit"), [(0.01, 1.0, 0.149), (0.0, 0.6, 0.149), (0.3, 0.9, 0.1)])
def test_enough_labels_decide_most_of_the_time(low, high, limit):
    import numpy as np

    from auditor.estimate.intervals import clopper_pearson

    number = labels_to_decide(low, high, limit)
    rng = np.random.default_rng(0)
    fractions = rng.uniform(low, high, 2000)
    intervals = [clopper_pearson(int(k), number) for k in rng.binomial(number, fractions)]
    decided = np.mean([not first <= limit < last for first, last in intervals])
    assert decided > 0.76
    assert number in NUMBERS


def test_no_number_is_named_where_none_is_enough():
    assert labels_to_decide(0.14, 0.16, 0.149) is None
    of = audit(estimate=replace(ESTIMATES["inconclusive"], low=0.14, high=0.16))
    action = next_steps.actions(of, auditor.decide(of), "a")[0]
    assert action.command == "auditor label a"
    assert "most likely" not in action.text


# ---- commands run

POLICIES = {
    "fail": policy.DEFAULT,
    "pass": "[rules.declared]\nmax = 0.5\n",
    "warn": '[rules.mad]\nfail = "over"\n[rules.declared]\nmax = 0.5\n[rules.captions-machine]\nmax = 0.5\n',
    "undecided": "[rules.synthetic-fraction]\nmax = 0.3\n",
    "sources": "[rules.worst-source]\nmax = 0.1\nleast-n = 5\n",
    "unread": "[rules.unreadable]\nmax = 0.0\n",
    "decoded": "[rules.decoded]\nmin = 0.99\n",
    "captions": "[rules.captions-machine]\nmax = 0.1\n",
    "increase": "[rules.increase]\nmax = 0.1\n",
}


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    pytest.importorskip("skimage", reason="the demo dataset needs the extra `demo`")
    base = tmp_path_factory.mktemp("first-screen")
    photos, urls = "data/photos", "data/urls.csv"  # not in the folder in which commands run
    assert run("demo", photos, cwd=base).returncode == 0
    assert run("scan", photos, "--out", "all", cwd=base).returncode == 1
    assert run("scan", photos, "--out", "some", "--sample", 12, "--exit-zero", cwd=base).returncode == 0
    assert run("scan", photos, "--out", "rows", "--depth", "row", "--exit-zero", cwd=base).returncode == 0
    making.write(base / urls, "url,caption\nhttp://nowhere.invalid/a.png,a cat\nhttp://nowhere.invalid/b.png,b\n")
    assert run("scan", urls, "--out", "links", "--exit-zero", cwd=base).returncode == 0
    return base


def commands_of(base, folder, written):
    """All commands on the pages of an audit under a policy; the first is the next action."""
    making.write(base / "policy.toml", written)
    shown = [run("report", folder, "--format", format, "--policy", "policy.toml", cwd=base).stdout for format in PAGES]
    terminal = re.search(r"^next .*?^ +(auditor .*?)\ndetails", shown[0], re.DOTALL | re.MULTILINE)[1]
    markdown = re.search(r"```sh\n(.*?)\n```", shown[1])[1]
    pages = [
        re.sub("<.*?>", "", found).replace("&#39;", "'")
        for found in re.findall(r"<code><span>(auditor</span> .*?)</span></code>", shown[2])
    ]
    first = shlex.split(terminal.replace("\\\n", " "))
    assert first == shlex.split(markdown) == shlex.split(pages[0])
    return [tuple(shlex.split(each)) for each in pages]


EVERY = [(folder, name) for folder in ("all", "some", "rows", "links") for name in POLICIES]
USUAL = {
    ("all", "fail"),
    ("all", "undecided"),
    ("some", "fail"),
    ("rows", "fail"),
    ("links", "fail"),
    ("all", "unread"),
}


@pytest.mark.parametrize(
    ("folder", "name"), [pytest.param(*each, marks=() if each in USUAL else pytest.mark.system) for each in EVERY]
)
def test_every_action_runs_as_it_stands(demo, monkeypatch, folder, name):
    def interrupted(*args, **more):
        raise KeyboardInterrupt

    monkeypatch.setattr(LabelServer, "serve_forever", interrupted)
    for words in dict.fromkeys(commands_of(demo, folder, POLICIES[name])):
        if words[1] == "scan":  # in a copy, because other tests need the audit
            shutil.copytree(demo / folder, demo / f"{folder}-again", dirs_exist_ok=True)
            words = (*words[:-1], f"--out={folder}-again")
        result = run(*words[1:], cwd=demo)
        expected = (130,) if words[1] == "label" else (0, 1, 4)
        assert result.returncode in expected, (words, result.stderr)


def test_names_that_look_like_options_or_need_quotes_do_not_break_a_command(tmp_path):
    for name in ("-set", "we ird'set"):
        making.write(tmp_path / name / "--source" / "a.png", making.png({"parameters": making.A1111}))
        making.write(tmp_path / name / "b.png", making.png({"parameters": making.A1111}))
        result = run("scan", f"./{name}", f"--out={name}-audit", "--detectors", "generator-text", cwd=tmp_path)
        command = re.search(r"^ +(auditor .*?)\ndetails", result.stdout, re.DOTALL | re.MULTILINE)[1]
        assert run(*shlex.split(command.replace("\\\n", " "))[1:], cwd=tmp_path).returncode == 0
    leave_out = next_steps.leave_out([replace(SUSPECT, value="--source")], "-set-audit")
    assert run(*shlex.split(leave_out)[1:], cwd=tmp_path).returncode == 0


@pytest.mark.parametrize("name", ["```", "$(x) `y`", "--source", "it's <b>"])
def test_a_source_of_any_name_can_be_copied_out_of_markdown(name):
    of = audit(
        1000, 30, estimate=ESTIMATES["over"], subgroups=(replace(SUSPECT, value=name), source("good.example", 900, 0))
    )
    text = auditor.render(of, auditor.decide(of), "markdown", folder="a")
    fence, command = re.search(r"^(`{3,})sh\n(.*)\n\1$", text, re.MULTILINE).groups()
    assert fence not in command
    assert shlex.split(command) == ["auditor", "filter", "a", f"--drop-source={name}", "--out", "keep.parquet"]


@pytest.mark.parametrize("name", ["a\nb", "\u202ea", "x" * 300])
def test_a_source_that_no_command_can_name_is_shown_without_one(name):
    of = audit(
        1000, 30, estimate=ESTIMATES["over"], subgroups=(replace(SUSPECT, value=name), source("good.example", 900, 0))
    )
    screen = first_screen(of, auditor.decide(of), "a")
    assert [each.action for each in screen.suspects] == [None]
    assert "--drop-source" not in " ".join(action.command for action in (screen.action, *screen.others))


def test_a_command_with_many_long_names_is_whole_in_every_format():
    long = [replace(SUSPECT, value=f"{number}{'ä' * 198}") for number in range(5)]
    of = audit(1000, 30, estimate=ESTIMATES["over"], subgroups=(*long, source("good.example", 900, 0)))
    for format in PAGES:
        text = re.sub("<.*?>", "", auditor.render(of, auditor.decide(of), format)).replace("&#39;", "'")
        assert all(f"--drop-source={each.value}" in text for each in long)
