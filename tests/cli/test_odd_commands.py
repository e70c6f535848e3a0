"""Odd command lines: a line that says what to do, the right exit code, no traceback."""

import json
import os
import subprocess
import sys
from pathlib import Path

import making
import pytest
from commands import environment, last, run


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Three images, audited."""
    base = tmp_path_factory.mktemp("odd")
    for number in range(3):
        making.write(base / "set" / f"{number:02d}.png", making.png(seed=number))
    result = run("scan", "set", "--out", "done", "--exit-zero", cwd=base)
    assert result.returncode == 0, result.stderr
    return base


@pytest.mark.parametrize(
    "command",
    ["export done -o", "diff done done -o", "filter done --out", "report done -o", "simulate --fraction 0.1 --plot"],
)
def test_what_cannot_be_written_is_said_in_a_line(folder, command):
    name = "nowhere/file.svg" if "plot" in command else "nowhere/file.parquet"
    result = run(*command.split(), name, cwd=folder)
    assert result.returncode == 3
    assert result.stderr.splitlines()[-1] == f"ERROR {name}: No such file or directory"
    assert "Traceback" not in result.stderr


def test_a_chart_is_svg(folder):
    result = run("simulate", "--fraction", 0.1, "--plot", "a.png", cwd=folder)
    assert (result.returncode, "ends in .svg" in result.stderr) == (2, True)


@pytest.mark.parametrize(
    "command",
    [
        "simulate --fraction nan", "simulate --fraction 0.1 --growth nan", "simulate --fraction 0.1 --lambda nan",
        "filter done --out k.parquet --target nan", "scan set --margin nan", "scan set --max-seconds inf",
    ],
)  # fmt: skip
def test_numbers_that_are_none_are_a_usage_error(folder, command):
    result = run(*command.split(), cwd=folder)
    assert result.returncode == 2
    assert "must be a finite number" in result.stderr


def test_a_reader_who_leaves_early_does_not_make_a_failed_policy(folder):
    line = [sys.executable, "-m", "auditor", "gate", "done", "--help"]
    reads, writes = os.pipe()
    os.close(reads)
    try:
        result = subprocess.run(
            line,
            stdout=writes,
            stderr=subprocess.PIPE,
            text=True,
            cwd=folder,
            env=environment(),
        )
    finally:
        os.close(writes)
    assert (result.returncode, result.stderr) == (141, "")


@pytest.mark.parametrize("streams", [">&-", "2>&-", ">&- 2>&-", ">/dev/full", "2>/dev/full", ">/dev/full 2>/dev/full"])
@pytest.mark.parametrize(("command", "code"), [("gate done", 4), ("gate done --policy pass.toml", 0)])
def test_closed_and_full_streams_change_no_decision(folder, command, code, streams):
    making.write(folder / "pass.toml", "[rules.declared]\nmax = 1.0\n")
    result = subprocess.run(
        f"{sys.executable} -m auditor {command} {streams}",
        shell=True, capture_output=True, text=True, cwd=folder, env=environment(),
    )  # fmt: skip
    assert result.returncode == code, result.stderr


def test_output_that_does_not_fit_on_the_disk_is_an_error_in_one_line(folder):
    line = [sys.executable, "-m", "auditor", "export", "done"]
    with open("/dev/full", "w") as full:
        result = subprocess.run(line, stdout=full, stderr=subprocess.PIPE, text=True, cwd=folder, env=environment())
    assert (result.returncode, result.stderr) == (3, "ERROR output: No space left on device\n")


@pytest.mark.parametrize("lost", ["digests", "config"])
def test_an_audit_that_does_not_say_what_it_is_of_is_no_gate_for_a_dataset(folder, tmp_path, lost):
    content = json.loads((folder / "done/audit.json").read_text())
    content[lost] = {"scan": content["config"]["scan"]} if lost == "config" else {}
    (tmp_path / "audit.json").write_text(json.dumps(content))
    result = run("gate", str(tmp_path), "--dataset", "set", cwd=folder)
    assert result.returncode == 3
    assert last(result).endswith("scan again")


@pytest.mark.parametrize("seed", ["-1", "1" + "0" * 70])
@pytest.mark.parametrize("command", ["scan set --sample 2", "simulate --fraction 0.1 --runs 1"])
def test_a_seed_that_nothing_can_draw_with_is_a_usage_error(folder, command, seed):
    assert run(*command.split(), "--seed", seed, cwd=folder).returncode == 2


@pytest.mark.parametrize("content", ["key,label\n", "key,label,note\n01.png,,look\n"])
def test_labels_without_a_label_are_not_passed_over_in_silence(folder, tmp_path, content):
    (tmp_path / "labels.csv").write_text(content)
    result = run("scan", "set", "--out", "unlabelled", "--labels", tmp_path / "labels.csv", cwd=folder)
    assert result.returncode == 3
    assert "no row has a label" in last(result)
