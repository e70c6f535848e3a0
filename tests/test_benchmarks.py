"""Benchmarks run: their tables are figures of the guides, and a command that no longer works prints none."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted((ROOT / "benchmarks").glob("*.py"))
SMALL = {  # small enough for a test; others need images, hours, or a machine of their own, and are imported only
    "coverage": ["--runs", "1"],
    "groups": ["--runs", "1"],
    "index": ["--vectors", "2000", "--dimension", "32"],
    "manifest": ["--rows", "20000", "--jobs", "1"],
    "report": ["1000"],
    "startup": [],
}


def environment():
    paths = [str(ROOT), str(ROOT / "benchmarks"), str(ROOT / "tests/support")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


@pytest.mark.system
def test_what_benchmarks_import_is_there():
    """In a process of its own, under another name than that of a program, so that nothing is measured."""
    script = "import runpy, sys\nfor path in sys.argv[1:]:\n    runpy.run_path(path, run_name='benchmark')"
    command = [sys.executable, "-c", script, *map(str, SCRIPTS)]
    result = subprocess.run(command, capture_output=True, text=True, env=environment())
    assert result.returncode == 0, result.stderr


@pytest.mark.system
@pytest.mark.parametrize("name", SMALL)
def test_a_small_run_prints_its_table(name):
    command = [sys.executable, str(ROOT / f"benchmarks/{name}.py"), *SMALL[name]]
    result = subprocess.run(command, capture_output=True, text=True, env=environment(), cwd=ROOT)
    assert result.returncode == 0, result.stderr
    assert any(character.isdigit() for character in result.stdout)
