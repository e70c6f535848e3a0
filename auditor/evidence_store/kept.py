"""Results that an audit keeps beside its evidence, so that a run with nothing new does not compute them again.

They are kept with a digest of all that they are made of, and used for the same digest only.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from auditor.evidence_store import checksums
from auditor.evidence_store.store import Part
from auditor.storage.atomic import write_atomically

_PACKAGES = ("auditor", "detectors", "reports")
_CODE = {".py", ".toml", ".csv", ".json", ".jinja", ".css", ".js"}


def made_of(parts: Sequence[Part], *others: Any) -> str:
    """The digest of parts, by their checksums, and of other plain values (of JSON)."""
    total = hashlib.sha256(json.dumps(others, sort_keys=True).encode())
    for part in sorted(parts, key=lambda part: part.path.name):
        total.update(json.dumps([part.path.name, checksums.read(checksums.beside(part.path))]).encode())
    return total.hexdigest()


@cache
def installed_code() -> str:
    """The digest of this package's code and templates: results of another version are not used."""
    root, total = Path(__file__).parents[2], hashlib.sha256()
    for package in _PACKAGES:
        for path in sorted((root / package).rglob("*")):
            if path.suffix in _CODE:
                total.update(f"{path.relative_to(root).as_posix()} {checksums.digest(path)}\n".encode())
    return total.hexdigest()


def load(path: Path, made_of: str) -> Any:
    """What was kept in a file for this digest; None without, and if it is damaged."""
    if not checksums.are_intact(checksums.beside(path), [path]):
        return None
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return None
    return content.get("kept") if isinstance(content, dict) and content.get("made_of") == made_of else None


def save(path: Path, made_of: str, content: Any) -> None:
    """Keep plain values, and then their checksum."""
    write_atomically(path, json.dumps({"made_of": made_of, "kept": content}).encode())
    checksums.write(checksums.beside(path), {path.name: checksums.digest(path)})
