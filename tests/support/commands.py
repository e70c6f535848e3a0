"""Runs `auditor …` in tests, in this process unless the test is about a process."""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest

from auditor import cli
from auditor.storage import files


def run(
    *args: object, cwd: Path | str | None = None, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """What `process` gives, without a new process; scans run in this one too, unless --engine is among the words."""
    words = [str(arg) for arg in args]
    if words[:1] == ["scan"] and "--engine" not in words:  # workers cost a second each
        words += ["--engine", "serial"]
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    files.forget()  # a new process knows nothing of folders as they were
    with contextlib.ExitStack() as around:
        around.enter_context(mock.patch("click.core._detect_program_name", return_value="auditor"))
        around.enter_context(mock.patch.dict(os.environ, env or {}))
        around.enter_context(contextlib.chdir(cwd or "."))
        around.enter_context(contextlib.redirect_stdout(out))
        around.enter_context(contextlib.redirect_stderr(err))
        with pytest.raises(SystemExit) as ended:
            cli.main(words)
    said = (stream.buffer.getvalue().decode() for stream in (out, err))
    return subprocess.CompletedProcess(words, int(ended.value.code or 0), *said)


KEPT = "outputs.json"  # in a folder of evidence: says which name of the audit's folder its reports show


def unnamed(page: bytes) -> bytes:
    """A report without the names of audits' folders in its commands, to compare reports of several folders."""
    page = re.sub(rb"</?span>", b"", page)  # a word of a command stays whole
    page = re.sub(rb"(auditor (?:gate|label|filter|report|export) )[^\s<]+", rb"\1AUDIT", page)
    return re.sub(rb"(--out[= ])[^\s<]+(?=\s*[\n<])", rb"\1AUDIT", page)


def environment(**more: str) -> dict[str, str]:
    """Of a process that finds this tree's modules."""
    return {**os.environ, "PYTHONPATH": ":".join(sys.path), **more}


def process(*args: object, cwd: Path | None = None, env: dict[str, str] | None = None) -> subprocess.CompletedProcess:
    """`auditor …` as a user starts it."""
    command = [sys.executable, "-m", "auditor", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment(**(env or {})))


def last(result: subprocess.CompletedProcess[str]) -> str:
    return result.stderr.strip().splitlines()[-1]
