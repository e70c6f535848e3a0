"""Checksums of what an audit writes: evidence/NAME.sha256 holds those of NAME and of the files that belong to it.

The lines are those of sha256sum, so that `cd evidence && sha256sum -c *.sha256` checks an audit without this package. A
file of checksums is written before the file that it is named after becomes visible: without one, a file is incomplete.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from auditor.storage.atomic import write_atomically

SUFFIX = ".sha256"
_LINE = re.compile(r"([0-9a-f]{64})  ([^\n]+)")


def beside(file: Path, folder: Path | None = None) -> Path:
    """The path of a file's checksums, in the file's folder or another one."""
    return (folder or file.parent) / f"{file.name}{SUFFIX}"


def digest(file: Path) -> str:
    """The sha256 of a file's content."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def write(path: Path, digests: Mapping[str, str]) -> None:
    """Write checksums. digests: of files, by their path from the folder of the checksums."""
    write_atomically(path, "".join(f"{digest}  {name}\n" for name, digest in digests.items()).encode())


def read(path: Path) -> dict[str, str]:
    """The digests in a file of checksums, by path; empty if there is none or it is damaged."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, ValueError):
        return {}
    matches = [_LINE.fullmatch(line) for line in lines]
    return {match[2]: match[1] for match in matches if match} if all(matches) else {}


def are_intact(path: Path, files: Sequence[Path]) -> bool:
    """Whether every one of these files has the content whose checksum was written."""
    known = read(path)
    try:
        return all(known.get(os.path.relpath(file, path.parent)) == digest(file) for file in files)
    except OSError:
        return False
