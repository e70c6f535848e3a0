"""What is shipped."""

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOP = {"pyproject.toml", "README.md", "auditor", "detectors", "tests", "reports"}
NEEDED = {
    "Makefile",
    "LICENSE",
    "CHANGELOG.md",
    "SECURITY.md",
    "CONTRIBUTING.md",
    "docs",
    "benchmarks",
    "training",
    ".gitignore",
    ".ci",
}
# Other tools look for these at the top level.
OF_TOOLS = {
    ".github",
    "action.yml",
    ".pre-commit-hooks.yaml",
    ".pre-commit-config.yaml",
    "Dockerfile",
    ".dockerignore",
    "CITATION.cff",
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)], check=True, cwd=ROOT)
    return next(out.glob("*.whl"))


def test_the_top_level_is_what_was_agreed():
    listed = subprocess.run(["git", "ls-files"], capture_output=True, text=True, cwd=ROOT)
    if listed.returncode:
        pytest.skip("not a git checkout")
    top = {line.partition("/")[0] for line in listed.stdout.splitlines()}
    assert top >= TOP
    assert top <= TOP | NEEDED | OF_TOOLS


def test_the_wheel_holds_every_module_template_and_table(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for package in ("auditor", "detectors", "reports"):
        for path in (ROOT / package).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts and "samples" not in path.parts:
                assert path.relative_to(ROOT).as_posix() in names
    assert not any(name.startswith(("tests/", "benchmarks/", "docs/")) for name in names)


def test_the_wheel_installs_the_command(wheel):
    archive = zipfile.ZipFile(wheel)
    points = next(name for name in archive.namelist() if name.endswith("entry_points.txt"))
    assert "auditor = auditor.cli:main" in archive.read(points).decode()
    assert any(name.endswith("licenses/LICENSE") for name in archive.namelist())


def test_every_dependency_says_why_it_is_there():
    text = (ROOT / "pyproject.toml").read_text()
    content = tomllib.loads(text)
    for dependency in content["project"]["dependencies"]:
        line = next(line for line in text.splitlines() if f'"{dependency}"' in line)
        assert "#" in line, f"{dependency} has no reason beside it"


def test_no_path_of_a_machine_is_named():
    listed = subprocess.run(["git", "ls-files"], capture_output=True, text=True, cwd=ROOT)
    for name in listed.stdout.splitlines():
        path = ROOT / name
        if path.suffix in (".py", ".md", ".toml", ".txt", ".yml", ".yaml", ".cff", "") and path.is_file():
            assert str(ROOT) not in path.read_text(errors="replace"), name
