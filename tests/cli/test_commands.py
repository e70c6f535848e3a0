"""The command line as a user meets it: exit codes, the last line on stderr; real processes where they may matter."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import making
import pytest
from commands import environment, last, process, run


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Twenty images, one of them declared synthetic, and policies that pass, fail and doubt."""
    base = tmp_path_factory.mktemp("cli")
    for number in range(20):
        making.write(
            base / "set" / f"{number:02d}.png", making.png({"parameters": making.A1111} if number == 0 else {})
        )
    making.write(base / "pass.toml", "[rules.declared]\nmax = 0.5\n")
    making.write(base / "fail.toml", "[rules.declared]\nmax = 0.01\n")
    making.write(base / "doubt.toml", "[rules.synthetic-fraction]\nmax = 0.01\n")
    result = process("scan", "set", "--out", "done", "--policy", "pass.toml", cwd=base)
    assert result.returncode == 0, result.stderr
    return base


@pytest.mark.parametrize(
    ("policy", "code", "word"), [("pass", 0, "PASS"), ("fail", 1, "FAIL"), ("doubt", 4, "INCONCLUSIVE")]
)
@pytest.mark.parametrize("command", ["scan", "gate"])
def test_the_exit_code_is_the_decision_and_the_last_line_says_why(folder, command, policy, code, word):
    started, *args = (run, "scan", "set", "--out", "done") if command == "scan" else (process, "gate", "done")
    result = started(*args, "--policy", f"{policy}.toml", cwd=folder)
    assert result.returncode == code
    assert last(result).startswith(word)


def test_the_audit_that_a_run_replaces_may_be_its_baseline(tmp_path):
    making.write(tmp_path / "increase.toml", "[rules.increase]\nmax = 0.01\n")
    for number in range(20):
        making.write(tmp_path / f"set/{number}.png", making.png({"parameters": making.A1111} if number < 1 else {}))
    words = ("scan", "set", "--out=audit", "--without=classifier", "--policy=increase.toml")
    assert run(*words, cwd=tmp_path).returncode == 4  # there is no baseline yet
    assert run(*words, "--baseline=audit", cwd=tmp_path).returncode == 0
    for number in range(20, 30):
        making.write(tmp_path / f"set/{number}.png", making.png({"parameters": making.A1111}))
    assert run(*words, "--baseline=audit", cwd=tmp_path).returncode == 1
    assert json.loads((tmp_path / "audit/audit.json").read_text())["decision"]["exit_code"] == 1
    parts = [tmp_path / name for name in ("one", "two")]
    for part in parts:
        making.write(tmp_path / f"{part}-set/{part.name}.png", making.png())
        assert run("scan", f"{part}-set", "--out", part, "--without=classifier").returncode == 4
    merge = ("merge", "--out", tmp_path / "both", "--policy", tmp_path / "increase.toml", *parts)
    assert run(*merge).returncode == 4
    making.write(tmp_path / "two-set/more.png", making.png({"parameters": making.A1111}))
    assert run("scan", f"{parts[1]}-set", "--out", parts[1], "--without=classifier").returncode == 1
    assert run(*merge, "--restart", "--baseline", tmp_path / "both").returncode == 1


def test_a_policy_may_be_a_pipe(folder):
    words = f"{sys.executable} -m auditor scan set --out done -q --engine serial --policy /dev/stdin"
    done = subprocess.run(words.split(), cwd=folder, input="[rules.declared]\nmax = 0.01\n", text=True, check=False)
    assert done.returncode == 1


def test_an_input_that_does_not_exist_is_a_usage_error(folder):
    for args in (
        ("scan", "nowhere"),
        ("scan", "set", "--detectors", "nope"),
        ("scan", "set", "--depth", "x"),
        ("scan", "set", "--reference", "nowhere"),
        ("scan", "set", "--reference", "before:soon"),
        ("scan",),
        ("gate", "nowhere"),
        ("no-such-command",),
    ):
        assert run(*args, cwd=folder).returncode == 2


@pytest.mark.parametrize("content", ["not TOML", "[rules.nope]\n", "[rules.declared]\nmax = 7\n", "\xff"])
def test_an_invalid_policy_is_no_audit_and_nothing_is_scanned(folder, content):
    making.write(folder / "bad.toml", content.encode("latin-1"))
    result = run("scan", "set", "--out", "never", "--policy", "bad.toml", cwd=folder)
    assert result.returncode == 3
    assert last(result).startswith("ERROR bad.toml")
    assert not (folder / "never").exists()


def test_a_file_that_is_no_dataset_is_no_audit(folder):
    making.write(folder / "x.parquet", b"nothing")
    making.write(folder / "x.bin", b"nothing")
    for name in ("x.parquet", "x.bin"):
        result = run("scan", name, "--out", "never", cwd=folder)
        assert result.returncode == 3
        assert last(result).startswith("ERROR")


def test_an_audit_file_that_is_none_is_no_audit(folder):
    making.write(folder / "x.json", "{}")
    result = run("gate", "x.json", cwd=folder)
    assert result.returncode == 3
    assert "not an audit of schema auditor/2" in last(result)


def test_an_input_without_rows_is_inconclusive(folder):
    (folder / "empty").mkdir(exist_ok=True)
    result = run("scan", "empty", "--out", "empty-audit", cwd=folder)
    assert result.returncode == 4
    assert "no rows" in last(result)


def test_inconclusive_can_be_tolerated_and_is_still_recorded(folder):
    for tolerance in ("warn", "pass"):
        result = run("scan", "set", "--out", "t", "--policy", "doubt.toml", "--inconclusive", tolerance, cwd=folder)
        assert result.returncode == 0
        assert last(result).startswith("INCONCLUSIVE")
        assert json.loads((folder / "t/audit.json").read_text())["decision"]["outcome"] == "inconclusive"
    assert run("gate", "done", "--policy", "fail.toml", "--inconclusive", "pass", cwd=folder).returncode == 1


def test_exit_zero_reports_only(folder):
    result = run("gate", "done", "--policy", "fail.toml", "--exit-zero", cwd=folder)
    assert result.returncode == 0
    assert last(result).startswith("FAIL")


def test_an_unexpected_error_is_neither_a_pass_nor_a_failure(folder):
    making.write(
        folder / "site" / "sitecustomize.py", "import auditor.policy.policy\nauditor.policy.policy.decide = None\n"
    )
    env = {"PYTHONPATH": ":".join([str(folder / "site"), *sys.path])}
    result = process("gate", "done", cwd=folder, env=env)
    assert result.returncode == 3
    assert "Traceback" in result.stderr
    assert last(result).startswith("ERROR unexpected TypeError")


def test_the_outputs_are_those_of_the_contract(folder):
    run("scan", "set", "--out", "fresh", "--policy", "fail.toml", cwd=folder)
    assert {p.name for p in (folder / "fresh").iterdir()} == {
        "audit.json", "report.html", "summary.md", "evidence", "duplicates.parquet", "gallery.parquet",
    }  # fmt: skip
    record = json.loads((folder / "fresh/audit.json").read_text())
    assert record["decision"]["exit_code"] == 1
    assert record["confirmed"]["count"] == 1


def test_json_goes_to_stdout_and_is_the_record(folder):
    result = run("scan", "set", "--out", "done", "--policy", "pass.toml", "--json", cwd=folder)
    assert result.stdout == (folder / "done/audit.json").read_text()


def test_quiet_prints_the_last_line_only(folder):
    result = run("scan", "set", "--out", "done", "--policy", "pass.toml", "--quiet", cwd=folder)
    assert result.stdout == ""
    assert len(result.stderr.strip().splitlines()) == 1


def test_the_format_asked_for_never_changes_the_exit_code(folder):
    from auditor import registry

    for format in registry.table("reports"):
        result = run("report", "done", "--format", format, "--policy", "fail.toml", cwd=folder)
        assert result.returncode == 0
        assert result.stdout
    assert run("scan", "set", "--out", "done", "--policy", "fail.toml", "--json", cwd=folder).returncode == 1


def test_other_formats_are_written_when_asked_for_and_change_no_exit_code(folder):
    also = [word for id in ("junit", "sarif", "croissant", "github", "terminal") for word in ("--also", id)]
    result = run("scan", "set", "--out", "also", "--policy", "fail.toml", *also, cwd=folder)
    assert result.returncode == 1
    names = {path.name for path in (folder / "also").iterdir()}
    assert names > {"junit.xml", "audit.sarif", "croissant.json", "annotations.txt", "summary.txt"}


def test_sarif_of_a_folder_shows_the_images_that_are_decided(folder):
    found = json.loads(run("report", "done", "--format", "sarif", cwd=folder).stdout)["runs"][0]["results"]
    places = [r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for r in found]
    assert places[-1] == "00.png"


def test_export_writes_rows_to_stdout_or_a_file(folder):
    result = run("export", "done", "--format", "jsonl", "--verdict", "synthetic", cwd=folder)
    assert [json.loads(line)["key"] for line in result.stdout.splitlines()] == ["00.png"]
    assert run("export", "done", "-o", "rows.csv", cwd=folder).returncode == 0
    assert len((folder / "rows.csv").read_text().splitlines()) == 21


def test_export_writes_subgroups_and_refuses_a_kind_that_the_audit_lacks(folder):
    result = run("export", "done", "--by", "source", cwd=folder)
    assert result.stdout.startswith("by,value,rows,")
    assert run("export", "done", "--by", "shard", cwd=folder).returncode == 3
    assert run("export", "done", "--by", "source", "--verdict", "unknown", cwd=folder).returncode == 2


def test_filter_leaves_a_source_out_and_names_an_unknown_one(folder):
    run("export", "done", "--by", "source", "--format", "jsonl", "-o", "sources.jsonl", cwd=folder)
    name = json.loads((folder / "sources.jsonl").read_text().splitlines()[0])["value"]
    result = run("filter", "done", "--drop-source", name, "--out", "kept.parquet", cwd=folder)
    assert (result.returncode, f"source left out: {name}" in result.stdout) == (0, True)
    result = run("filter", "done", "--drop-source", "nowhere", "--out", "kept.parquet", cwd=folder)
    assert (result.returncode, result.stderr.count("\n"), "no row is of the source 'nowhere'" in result.stderr) == (
        3, 1, True,
    )  # fmt: skip


def test_export_without_evidence_says_so(folder, tmp_path):
    result = run("export", tmp_path, cwd=folder)
    assert result.returncode == 3
    assert "no finished audit there" in last(result)


def test_diff_says_what_changed_and_exits_0(folder):
    result = run("diff", "done", "done/audit.json", cwd=folder)
    assert result.returncode == 0
    assert result.stdout.splitlines()[-1] == "identical: the same rows, results and configuration"
    assert "BEFORE" not in result.stdout
    assert json.loads(run("diff", "done", "done", "-f", "json", cwd=folder).stdout)["identical"] is True
    assert run("diff", "done", "done", "-f", "html", "-o", "diff.html", cwd=folder).returncode == 0
    assert "default-src" in (folder / "diff.html").read_text()
    assert run("diff", "done", "nowhere", cwd=folder).returncode == 2


def test_a_report_repeats_the_decision_that_was_stored(folder):
    run("scan", "set", "--out", "again", "--policy", "fail.toml", cwd=folder)
    run("report", "again", "--format", "json", "-o", "again.json", cwd=folder)
    assert (folder / "again.json").read_text() == (folder / "again/audit.json").read_text()


def test_gate_notices_that_the_dataset_changed(folder, tmp_path):
    import shutil

    shutil.copytree(folder / "set", tmp_path / "set")
    assert run("gate", folder / "done", "--policy", folder / "pass.toml", "--dataset", tmp_path / "set").returncode == 0
    making.write(tmp_path / "set" / "new.png", making.png())
    result = run("gate", folder / "done", "--policy", folder / "pass.toml", "--dataset", tmp_path / "set")
    assert result.returncode == 3
    assert "scan it again" in last(result)


def test_an_audit_whose_evidence_another_scan_has_begun_to_replace_decides_nothing(tmp_path):
    making.write(tmp_path / "keep.toml", "[rules.unreadable]\nmax = 0.5\n")
    for folder in ("a", "b"):
        making.write(tmp_path / f"set/{folder}/0.csv", f"image,caption\n{folder}.png,x\n")
        making.write(tmp_path / f"set/{folder}/{folder}.png", making.png())
    scan = ("scan", "set", "--out=audit", "--without=classifier", "--policy=keep.toml")
    assert run(*scan, cwd=tmp_path).returncode == 0
    first, *others = sorted((tmp_path / "audit/evidence").glob("*.parquet"))
    assert others
    first.unlink()
    for command in ("gate", "report"):
        refused = run(command, "audit", cwd=tmp_path)
        assert refused.returncode == 3, command
        assert "does not match its audit.json" in refused.stderr
    assert run("gate", "audit/audit.json", cwd=tmp_path).returncode == 0  # the file by itself
    assert run(*scan, cwd=tmp_path).returncode == 0
    assert run("gate", "audit", cwd=tmp_path).returncode == 0


def test_a_pipeline_trains_only_on_a_pass(folder):
    for policy, trained in (("pass", True), ("fail", False), ("doubt", False), ("bad", False)):
        making.write(folder / "bad.toml", "nonsense")
        marker = folder / f"trained-{policy}"
        subprocess.run(
            f"{sys.executable} -m auditor gate done --policy {policy}.toml && touch {marker}",
            shell=True,
            cwd=folder,
            env=environment(),
            capture_output=True,
        )
        assert marker.exists() == trained, policy


@pytest.mark.system
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interruption_keeps_what_is_done_and_exits_with_the_number_of_the_signal(tmp_path, number):
    lines = (f"k{n},http://x.org/{n}\n" for n in range(30_000))
    making.write(tmp_path / "urls.csv", "id,image\n" + "".join(lines))
    scan = ["scan", "urls.csv", "--jobs", "2", "--depth", "row"]
    command = [sys.executable, "-m", "auditor", *scan]
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),  # tests in a shell's background ignore it
    )
    while process.poll() is None and not list((tmp_path / "audit/evidence").glob("*.parquet")):
        time.sleep(0.01)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert "run the same command to continue" in stderr.strip().splitlines()[-1]
    assert list((tmp_path / "audit/evidence").glob("*.parquet"))
    assert "rows are already done" in run(*scan, cwd=tmp_path).stderr


def test_explain_shows_a_detectors_documentation(folder):
    assert "Content Credentials" in run("explain", "c2pa").stdout
    assert "c2pa" in run("explain").stdout
    result = run("explain", "c2pb")
    assert result.returncode == 3
    assert "did you mean c2pa?" in last(result)


def test_explain_shows_every_signal_of_an_image(folder):
    result = run("explain", folder / "set/00.png")
    assert "verdict  synthetic by generator-text" in result.stdout
    signals = json.loads(run("explain", folder / "set/00.png", "--json").stdout)["signals"]
    from auditor import registry

    assert {signal["detector"] for signal in signals} == set(registry.table("detectors"))


@pytest.mark.parametrize(
    ("what", "code", "told"),
    [
        ("nowhere/photo.jpg", 2, "there is no file nowhere/photo.jpg"),
        ("photo.jpg", 2, "there is no file photo.jpg"),
        ("set", 2, "is a folder"),
        ("watermarkz", 3, "there is no detector and no file named 'watermarkz'"),
    ],
)
def test_explain_of_what_is_not_there_says_so(folder, what, code, told):
    result = run("explain", what, cwd=folder)
    assert result.returncode == code
    assert told in last(result)
    assert "declared-column" not in result.stderr


def test_explain_of_what_cannot_be_read_says_why(folder):
    making.write(folder / "broken.jpg", b"no")
    assert "unreadable: not an image in a known format" in run("explain", folder / "broken.jpg").stdout


def test_merge_puts_audits_together(folder, tmp_path):
    making.write(tmp_path / "more" / "a.png", making.png())
    assert run("scan", tmp_path / "more", "--out", tmp_path / "audit-more").returncode == 4
    result = run(
        "merge", folder / "done", tmp_path / "audit-more", "--out", tmp_path / "both", "--policy", folder / "pass.toml"
    )
    assert result.returncode == 0, result.stderr
    assert json.loads((tmp_path / "both/audit.json").read_text())["counts"]["rows"] == 21


def test_doctor_finds_everything_and_prints_the_default_policy(folder):
    from auditor.policy import policy

    result = run("doctor", cwd=folder)
    lines = result.stdout.splitlines()
    assert (result.returncode, result.stdout.count("\nfail")) == (0, 0)
    checked = {line[8:24].strip() for line in lines[1:-1]}
    assert checked > {"model", "decoders", "c2pa", "charts", "detectors", "memory", "disk", "temporary files", "hf"}
    passed, absent = (sum(line.startswith(word) for line in lines) for word in ("pass", "absent"))
    assert lines[-1] == f"{passed} passed, 0 failed, {absent} optional parts absent"
    assert run("doctor", "--policy").stdout == policy.DEFAULT


def break_model(monkeypatch):
    from auditor.errors import ModelError

    def broken():
        raise ModelError("the model's outputs differ from parity.npz")

    monkeypatch.setattr("auditor.embeddings.embedded_encoder.embedded", broken)
    return "model", "outputs differ"


def break_memory(monkeypatch):
    monkeypatch.setattr("auditor.engines.machine.free_memory", lambda: 100 << 20)
    return "memory", "100 MB free, a worker needs 512 MB"


def break_disk(monkeypatch):
    import shutil

    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10, 10, 0))
    return "disk", "only 0 MB free"


def break_decoder(monkeypatch):
    from PIL import Image

    monkeypatch.delitem(Image.SAVE, "AVIF")
    return "decoders", "cannot decode AVIF"


def break_plugin(monkeypatch):
    from auditor import registry

    monkeypatch.setitem(registry._DETECTORS, "c2pa", "detectors.nowhere:Nothing")
    registry.table.cache_clear()
    registry.load.cache_clear()
    return "detectors", "c2pa does not load"


@pytest.mark.parametrize("damage", [break_model, break_memory, break_disk, break_decoder, break_plugin])
def test_doctor_names_what_is_broken_and_exits_3(monkeypatch, damage):
    from auditor import registry
    from auditor.api import installation

    monkeypatch.setattr(installation, "_OPTIONAL", {})
    if damage is not break_model:
        monkeypatch.setattr(installation, "_model", str)
    name, reason = damage(monkeypatch)
    try:
        result = run("doctor")
    finally:
        monkeypatch.undo()
        registry.table.cache_clear()
        registry.load.cache_clear()
    failed = [line for line in result.stdout.splitlines() if line.startswith("fail")]
    assert result.returncode == 3
    assert any(line[8:].startswith(name) and reason in line for line in failed)


def test_doctor_tells_a_broken_optional_part_from_an_absent_one(monkeypatch, tmp_path):
    from auditor.api import installation

    making.write(tmp_path / "half.py", "import nothing_of_that_name\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(installation, "_OPTIONAL", {"half": ("half", "a"), "gone": ("gone", "b")})
    half, gone = map(installation._optional, ("half", "gone"))
    assert (half.result.value, gone.result.value) == ("fail", "absent")
    assert gone.detail == "b: pip install 'mad-auditor[gone]'"


def test_the_version_is_printed():
    import auditor

    assert auditor.__version__ in run("--version").stdout


def test_there_is_no_progress_bar_without_a_terminal(folder):
    result = run("scan", "set", "--out", "done", cwd=folder)
    assert "━" not in result.stderr
    assert "\x1b" not in result.stderr + result.stdout


def test_filter_and_gate_use_the_policy_that_the_audit_records(folder):
    making.write(folder / "lax.toml", "[rules.declared]\nmax = 0.9\n[mad]\ndelta = 0.2\n")
    assert run("scan", "set", "--out", "lax", "--policy", "lax.toml", cwd=folder).returncode == 0
    assert run("gate", "lax", cwd=folder).returncode == 0
    record = json.loads((folder / "lax/audit.json").read_text())
    record["policy"]["rules"][0]["settings"] = {"max": "much"}
    making.write(folder / "lax/audit.json", json.dumps(record))
    for command in (("gate", "lax"), ("filter", "lax", "--out", "keep.txt")):
        result = run(*command, cwd=folder)
        assert result.returncode == 3
        assert "rules.declared.max" in last(result)
        assert "give a policy with --policy" in last(result)
