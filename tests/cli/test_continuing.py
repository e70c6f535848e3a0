"""`auditor scan` without a dataset: the audit in --out goes on as it was, but for the options that are given."""

import json

import pytest
from commands import run
from making import A1111, png, write

from auditor.config import Config

POLICY = "[rules.declared]\nmax = 0.9\n"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """An audit by a policy, with files of options in folders of their own, of a dataset in another one."""
    base = tmp_path_factory.mktemp("place")
    for number in range(6):
        write(base / f"data/set/{number}.png", png({"parameters": A1111} if number < 3 else {}, seed=number))
    write(base / "data/set/captions.csv", "image,note\n" + "".join(f"{n}.png,note {n}\n" for n in range(6)))
    write(base / "conf/people.txt", "\n".join(f"a house of number {number}" for number in range(300)))
    write(base / "conf/policy.toml", POLICY)
    words = ("--policy", "conf/policy.toml", "--human-captions", "conf/people.txt", "--caption-col", "note", "--seed=7")
    first = run("scan", "data/set", "--without=classifier", *words, "--out", "audit", cwd=base)
    assert first.returncode == 0, first.stderr
    return base


def audit_of(folder):
    return json.loads((folder / "audit/audit.json").read_text())


def test_nothing_changes_where_nothing_is_given(place):
    before = (place / "audit/audit.json").read_bytes()
    again = run("scan", "--out", place / "audit", cwd="/")
    assert again.returncode == 0, again.stderr
    assert "6 rows are already done" in again.stderr
    assert (place / "audit/audit.json").read_bytes() == before


def test_what_is_given_replaces_what_was(place):
    write(place / "other/strict.toml", "[rules.declared]\nmax = 0.1\n")
    assert run("scan", "--out=audit", "--policy=other/strict.toml", "--seed=8", cwd=place).returncode == 1
    assert run("scan", "--out=audit", "--without=c2pa", "--restart", cwd=place).returncode == 1  # by the strict policy
    config = audit_of(place)["config"]
    assert config["seed"] == 8
    assert config["scan"]["read"]["caption_col"] == "note"
    assert config["estimate"]["human_captions"] == "people.txt"
    assert {"c2pa", "classifier"}.isdisjoint(config["scan"]["detectors"])


def test_another_sample_replaces_the_options_of_the_first(place, tmp_path):
    out = tmp_path / "sampled"
    first = run("scan", place / "data/set", "--without=classifier", "--sample=2", "--sample-files", "--out", out)
    assert first.returncode in (0, 1, 4), first.stderr
    again = run("scan", "--sample=all", "--out", out)
    assert again.returncode in (0, 1, 4), again.stderr
    assert json.loads((out / "audit.json").read_text())["counts"]["ok"] == 6


def test_what_was_not_finished_or_may_hold_a_password_needs_its_dataset(place, tmp_path):
    (place / "audit/audit.json").rename(tmp_path / "audit.json")
    refused = run("scan", "--out=audit", cwd=place)
    (tmp_path / "audit.json").rename(place / "audit/audit.json")
    assert (refused.returncode, "no finished audit" in refused.stderr) == (2, True)
    assert Config.of(labels="https://user:secret@host/l.csv").recorded is None
    assert Config.of(reference="s3://bucket/x?token=1").recorded is None


def test_other_options_of_reading_need_a_dataset(place):
    refused = run("scan", "--out=audit", "--caption-col=text", cwd=place)
    assert refused.returncode == 3
    assert "with other options (--caption-col=note)" in refused.stderr
    assert run("scan", "--out=nothing-there", cwd=place).returncode == 2
