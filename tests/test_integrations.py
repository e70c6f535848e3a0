"""What other tools run of ours: the GitHub Action, hooks, the image, and the examples of docs/how-to/integrations.md."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import making
import pytest
import yaml

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/how-to/integrations.md").read_text()
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
STEPS = {step.get("name"): step for step in ACTION["runs"]["steps"]}


def example(name: str, page: str = PAGE) -> str:
    """The block of a page that is a file of this name."""
    return re.search(rf"<!-- file: {re.escape(name)} -->\n```\w+\n(.*?)```", page, re.DOTALL)[1]


def tool(name: str) -> Path:
    """A command of the test environment; the test is skipped without it."""
    path = Path(sys.executable).with_name(name)
    if not path.exists():
        pytest.skip(f"{name} is not installed")
    return path


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The environment after the action's own install step, of a wheel of this tree into a folder of its own.
    Dependencies are those of the tests."""
    target = tmp_path_factory.mktemp("installed")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target / "wheel")]
    subprocess.run(build, check=True, cwd=ROOT, capture_output=True)
    environment = {
        **os.environ, "PIP_TARGET": str(target), "PIP_NO_DEPS": "1", "PIP_NO_INDEX": "1", "PYTHONPATH": str(target),
        "PATH": f"{target}/bin:{Path(sys.executable).parent}:{os.environ['PATH']}",
    }  # fmt: skip
    run_step("Install", {"package": next((target / "wheel").glob("*.whl"))}, environment, cwd=target)
    assert (target / "bin/auditor").exists()
    return environment


def test_the_action_installs_the_version_that_is_used(tmp_path):
    step = STEPS["Install"]
    assert evaluated(step["env"]["PACKAGE"], {"package": ""}, tmp_path) == str(tmp_path)
    assert evaluated(step["env"]["PACKAGE"], {"package": "mad-auditor==1"}, tmp_path) == "mad-auditor==1"


def evaluated(text: str, inputs: dict[str, str], action_path: Path) -> str:
    """A text with its `${{ inputs.name }}` and `${{ inputs.name || github.action_path }}` replaced."""

    def value(match: re.Match[str]) -> str:
        name, _, other = match[1].partition(" || ")
        assert other in ("", "github.action_path")
        return inputs[name.removeprefix("inputs.")] or (str(action_path) if other else "")

    return re.sub(r"\$\{\{ (.*?) \}\}", value, text)


def run_step(name, given, environment, *, cwd, check=True):
    """Runs one step of the action as the runner does: its inputs as variables, its script by bash."""
    inputs = {key: str(given.get(key, about.get("default", ""))) for key, about in ACTION["inputs"].items()}
    step = STEPS[name]
    variables = {key: evaluated(value, inputs, ROOT) for key, value in step["env"].items()}
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step["run"]],
        env={**environment, **variables}, cwd=cwd, capture_output=True, text=True, check=check,
    )  # fmt: skip


def audited(folder, environment, **given):
    """The exit code, the outputs, the summary and the log of the audit step."""
    files = {name: folder / name.lower() for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    for path in files.values():
        path.write_text("")
    files = {name: str(path) for name, path in files.items()}
    result = run_step("Audit", given, {**environment, **files}, cwd=folder, check=False)
    lines = Path(files["GITHUB_OUTPUT"]).read_text().splitlines()
    outputs = dict(line.split("=", 1) for line in lines)
    return result.returncode, outputs, Path(files["GITHUB_STEP_SUMMARY"]).read_text(), result.stdout + result.stderr


@pytest.fixture
def folder(tmp_path):
    """A dataset with one declared synthetic image of ten, policies that it passes and fails, and a training script."""
    for number in range(10):
        texts = {"parameters": making.A1111} if number == 0 else {}
        making.write(tmp_path / f"dataset/{number}.png", making.png(texts, seed=number))
    making.write(tmp_path / "pass.toml", "[rules.declared]\nmax = 0.5\n")
    making.write(tmp_path / "fail.toml", "[rules.declared]\nmax = 0.001\n")
    making.write(tmp_path / "train.py", "open('model.bin', 'w').close()\n")
    return tmp_path


FAST = "--engine serial --depth file"  # without workers and model


def test_the_action_decides_reports_and_fails_by_its_exit_code(folder, installed):
    for policy, code in (("pass", 0), ("fail", 1)):
        given = {"dataset": "dataset", "policy": f"{policy}.toml", "args": FAST}
        found, outputs, summary, log = audited(folder, installed, **given)
        assert (found, outputs["decision"]) == (code, policy)
        assert (folder / outputs["report"]).read_text().startswith("<!doctype html>")
        assert summary == (folder / "audit/summary.md").read_text()
        assert ("::error title=FAIL declared::" in log) == (policy == "fail")
        assert "::notice title=" in log
        estimate = json.loads((folder / "audit/audit.json").read_text())["estimate"]
        assert outputs["lower"] == ("" if estimate is None else str(estimate["low"]))
        assert set(outputs) == set(ACTION["outputs"])


def test_the_action_audits_several_inputs_with_quoted_options(folder, installed):
    shutil.copytree(folder / "dataset", folder / "more of it")
    given = {
        "dataset": "dataset\nmore of it\n\n",
        "out": "an audit",
        "args": "--exit-zero --detectors 'generator-text, c2pa'",
    }
    code, outputs, _, _ = audited(folder, installed, policy="fail.toml", **given)
    assert (code, outputs["decision"], outputs["report"]) == (0, "fail", "an audit/report.html")
    assert json.loads((folder / "an audit/audit.json").read_text())["counts"]["rows"] == 20


@pytest.mark.parametrize(
    "given",
    [{"dataset": "nowhere"}, {"dataset": "--help"}, {"dataset": "dataset", "args": "'--exit-zero"},
     {"dataset": "dataset", "policy": "dataset/0.png"}, {"dataset": ""}],
)  # fmt: skip
def test_the_action_fails_without_an_audit_even_beside_an_earlier_one(folder, installed, given):
    making.write(folder / "audit/audit.json", '{"decision": {"outcome": "pass"}}')
    code, outputs, summary, _ = audited(folder, installed, **given)
    assert code not in (0, 1, 4) or given.get("args")
    assert code != 0
    assert (outputs, summary) == ({}, "")


@pytest.mark.parametrize(
    "text", ["$(touch owned)", "`touch owned`", "; touch owned", "x\n$(touch owned)", "' ; touch owned #"]
)
@pytest.mark.parametrize("name", ["dataset", "policy", "out", "args", "inconclusive"])
def test_no_input_of_the_action_is_run_as_a_command(folder, name, text):
    quick = {**os.environ, "PATH": f"{folder}/bin:{os.environ['PATH']}"}
    making.write(folder / "bin/auditor", "#!/bin/sh\nexit 3\n")
    (folder / "bin/auditor").chmod(0o755)
    code, _, _, _ = audited(folder, quick, **{"dataset": "dataset", name: text})
    assert code != 0
    assert not list(folder.rglob("owned"))


@pytest.mark.parametrize(("schema", "name"), [
    ("github-actions", "action.yml"), ("github-workflows", ".github/workflows/ci.yml"),
    ("citation-file-format", "CITATION.cff"), ("github-workflows", "workflow.yml"),
])  # fmt: skip
def test_files_of_other_tools_are_valid(tmp_path, schema, name):
    path = ROOT / name
    if not path.exists():
        path = making.write(tmp_path / name, example(name))
    checked = subprocess.run(
        [tool("check-jsonschema"), "--builtin-schema", f"vendor.{schema}", path], capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stdout


def test_the_example_workflow_gives_the_action_inputs_that_it_has():
    steps = yaml.safe_load(example("workflow.yml"))["jobs"]["audit"]["steps"]
    step = next(step for step in steps if step.get("id") == "audit")
    assert set(step["with"]) <= set(ACTION["inputs"])
    used = re.findall(r"steps\.audit\.outputs\.(\w+)", example("workflow.yml"))
    assert used
    assert set(used) <= set(ACTION["outputs"])
    for name in ACTION["inputs"]:
        assert f"| `{name}` |" in PAGE
    for name in ACTION["outputs"]:
        assert f"`{name}`" in PAGE


def test_ci_runs_make_test_and_the_action():
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]
    steps = [step for job in jobs.values() for step in job["steps"]]
    assert any(step.get("run", "").startswith("make test") for step in steps)
    assert any(step.get("uses") == "./" for step in steps)


def test_hooks_and_their_configurations_are_valid(tmp_path):
    precommit = tool("pre-commit")
    config = making.write(tmp_path / "config.yaml", example(".pre-commit-config.yaml"))
    for what, path in (
        ("manifest", ROOT / ".pre-commit-hooks.yaml"),
        ("config", ROOT / ".pre-commit-config.yaml"),
        ("config", config),
    ):
        assert subprocess.run([precommit, f"validate-{what}", path]).returncode == 0


def test_the_hook_gates_a_commit(folder, installed):
    audited(folder, installed, dataset="dataset", policy="pass.toml", args=FAST)
    hook = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())[0]
    wanted = yaml.safe_load(example(".pre-commit-config.yaml"))["repos"][0]["hooks"][0]
    assert wanted["id"] == hook["id"]
    assert all(re.search(hook["files"], name) for name in ("audit/audit.json", "audit.json", "policy.toml"))
    assert not re.search(hook["files"], "dataset/0.png")
    command = [*hook["entry"].split(), *wanted["args"]]
    for policy, code in (("pass", 0), ("fail", 1)):
        shutil.copy(folder / f"{policy}.toml", folder / "policy.toml")
        assert subprocess.run(command, cwd=folder, env=installed, capture_output=True).returncode == code


def test_make_trains_only_on_a_pass(folder, installed):
    making.write(folder / "Makefile", example("Makefile", (ROOT / "docs/how-to/gate.md").read_text()))
    shutil.copy(folder / "fail.toml", folder / "policy.toml")

    def make() -> subprocess.CompletedProcess[str]:
        return subprocess.run(["make", "model.pt"], cwd=folder, env=installed, capture_output=True, text=True)

    for _ in range(2):  # a failed audit is not up to date
        assert make().returncode
        assert not (folder / "model.pt").exists()
    shutil.copy(folder / "pass.toml", folder / "policy.toml")
    assert make().returncode == 0
    assert (folder / "model.pt").exists()
    assert "up to date" in make().stdout
    making.write(folder / "dataset/below/new.png", making.png(seed=99))
    assert "auditor scan" in make().stdout


def stages(folder, environment) -> int:
    """The stages of dvc.yaml by a shell, one after the other, as far as they go."""
    for stage in yaml.safe_load((folder / "dvc.yaml").read_text())["stages"].values():
        assert all((folder / path).exists() for path in stage["deps"])
        if code := subprocess.run(
            stage["cmd"], shell=True, cwd=folder, env=environment, capture_output=True
        ).returncode:
            return code
    return 0


def test_dvc_trains_only_on_a_pass(folder, installed):
    """By DVC where it is installed, which brings a hundred packages; otherwise by the commands of its stages."""
    making.write(folder / "dvc.yaml", example("dvc.yaml"))
    if dvc := shutil.which("dvc", path=installed["PATH"]):
        subprocess.run([dvc, "init", "--no-scm", "--quiet"], cwd=folder, check=True)
    for policy in ("fail", "pass"):
        shutil.copy(folder / f"{policy}.toml", folder / "policy.toml")
        code = (
            subprocess.run([dvc, "repro"], cwd=folder, env=installed).returncode if dvc else stages(folder, installed)
        )
        assert (code == 0) == (policy == "pass")
        assert (folder / "model.bin").exists() == (policy == "pass")


def test_the_image_keeps_hadolints_rules():
    checked = subprocess.run([tool("hadolint"), ROOT / "Dockerfile"], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout


def test_the_image_is_pinned_runs_without_root_and_gets_what_the_package_needs():
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    bases = [line.split()[1] for line in lines if line.startswith("FROM")]
    assert all(re.fullmatch(r"python:\d+\.\d+-slim-\w+", base) for base in bases)
    user = next(line.split()[1] for line in lines if line.startswith("USER"))
    assert user.partition(":")[0] not in ("0", "root")
    assert lines.index(f"USER {user}") < lines.index('ENTRYPOINT ["auditor"]')
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {
        name for line in lines if line.startswith("COPY ") and "--from" not in line for name in line.split()[1:-1]
    }
    assert allowed == copied
    assert all((ROOT / name).exists() for name in copied)


def test_the_citation_is_of_this_version():
    import auditor

    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert (citation["version"], citation["license"]) == (auditor.__version__, "Apache-2.0")
